//! Checking a plugin without running code of it here: in processes that are started again behind
//! a check that killed one.

use super::finding::{Finding, Seen};
use super::list::{CHECKS, Progress};
use crate::SamplerInfo;
use crate::plugin::{Conversation, FileHash, converse};
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::Duration;

/// The arguments that make the program run checks; the plugin's path and the first check follow.
const ARGUMENTS: [&str; 2] = ["plugins", "probe"];

/// What was found out about a plugin.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// What it says of itself; `None` where it cannot be opened.
    pub info: Option<SamplerInfo>,
    pub hash: Option<FileHash>,
    /// Why it cannot be opened.
    pub unusable: Option<String>,
    /// What the checks found out.
    pub findings: Vec<Finding>,
}

/// Checks the plugin in `path`; `program` is this program. A check that says nothing for
/// `silence` has failed. `tell` is told of every finding as it comes.
pub fn check_plugin(
    program: &Path,
    path: &Path,
    silence: Duration,
    tell: &mut dyn FnMut(&Finding),
) -> io::Result<Report> {
    let mut report = Report::default();
    let mut from = 0;
    while from < CHECKS.len() && report.unusable.is_none() {
        let mut running = None;
        let first = from.to_string();
        let [command, action] = ARGUMENTS.map(OsStr::new);
        let end = converse(
            &Conversation {
                program,
                arguments: &[command, action, path.as_os_str(), OsStr::new(&first)],
                silence,
                shown: false,
            },
            &mut |line| match serde_json::from_str(line) {
                Ok(Progress::Unusable { problem }) => report.unusable = Some(problem),
                Ok(Progress::Opened { info, hash }) => {
                    report.info = Some(*info);
                    report.hash = Some(hash);
                }
                Ok(Progress::Begins { place }) => running = Some(place),
                Ok(Progress::Found { finding }) => {
                    from = running.take().map_or(from, |place| place + 1);
                    tell(&finding);
                    report.findings.push(finding);
                }
                // What the plugin itself may have written there.
                Err(_) => {}
            },
        )?;
        let cause = end.cause().unwrap_or_else(|| "it ended the process".to_owned());
        if let Some(check) = running.and_then(|place| CHECKS.get(place)) {
            let seen = Seen::failed(format!("{}: {cause}", check.death));
            let finding = check.finding(seen);
            tell(&finding);
            report.findings.push(finding);
            from = running.map_or(from, |place| place + 1);
        } else if from < CHECKS.len() && report.unusable.is_none() {
            report.unusable = Some(format!("when it was opened, {cause}"));
        }
    }
    Ok(report)
}
