//! Learning what a plugin is: in a process that may die of it, and from that process.

use super::child::{ChildEnd, Conversation, converse};
use super::file::FileHash;
use super::open::Opened;
use crate::SamplerInfo;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

/// The arguments that make the program describe a plugin; its path follows.
pub(super) const ARGUMENTS: [&str; 2] = ["plugins", "describe"];

/// What opening a file gave. Plain data, as it crosses processes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Description {
    Plugin {
        /// What it says of itself.
        info: SamplerInfo,
        /// Hash of the file it was opened from.
        hash: FileHash,
    },
    /// No plugin, or one that cannot be used.
    Problem {
        /// Why, in words that follow the file's name.
        problem: String,
    },
    /// It did not return in time.
    Hangs {
        /// The same in words.
        problem: String,
    },
}

/// Opens the plugin in `path` in this process, which may crash or hang, and says what it is.
pub fn describe_here(path: &Path) -> Description {
    match Opened::open(path) {
        Ok(plugin) => {
            Description::Plugin { info: plugin.info().clone(), hash: plugin.hash().clone() }
        }
        Err(fault) => Description::Problem { problem: fault.to_string() },
    }
}

/// Has another process describe the plugin in `path`: `program` is this program.
pub(super) fn ask(program: &Path, path: &Path, limit: Duration) -> Description {
    let [command, action] = ARGUMENTS.map(OsStr::new);
    let mut answer = None;
    let end = converse(
        &Conversation {
            program,
            arguments: &[command, action, path.as_os_str()],
            silence: limit,
            shown: false,
        },
        &mut |line| answer = serde_json::from_str(line).ok(),
    );
    if let Some(answer) = answer {
        return answer;
    }
    let problem = match end {
        Ok(end) => match end.cause() {
            Some(cause) if matches!(end, ChildEnd::Silent(_)) => {
                return Description::Hangs { problem: format!("when it was opened, {cause}") };
            }
            Some(cause) => format!("when it was opened, {cause}"),
            None => "when it was opened, it ended the process".to_owned(),
        },
        Err(error) => format!("no process could be started to look into it: {error}"),
    };
    Description::Problem { problem }
}
