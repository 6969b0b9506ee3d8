//! `--model`, `SIGMALAB_MODEL`, and opening what they name.

use super::failure::Failure;
use clap::Args;
use sigmalab_compute::LoadProgress;
use sigmalab_model::checkpoint::Checkpoint;
use sigmalab_model::hub::{PLAIN_HTTP_VARIABLE, looks_like_repository, problem_of_plain_http};
use sigmalab_model::source::{self, DEMO, NamedBy, SourceError};
use sigmalab_schedule::size::Size;
use std::env::VarError;
use std::path::Path;

/// The environment variable behind `--model`.
const VARIABLE: &str = "SIGMALAB_MODEL";

/// The flag that names a checkpoint.
#[derive(Debug, Clone, Args)]
pub(crate) struct ModelFlags {
    /// Checkpoint: `demo`, a folder, or a Hugging Face repository such as
    /// ideogram-ai/ideogram-4-fp8 (downloaded when not in the hub's cache) [default:
    /// $SIGMALAB_MODEL, else demo]
    #[arg(long, value_name = "DIR|REPO", help_heading = "Model")]
    model: Option<String>,
}

impl ModelFlags {
    /// What `--model` says.
    pub(crate) fn given(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// The name of the checkpoint: the flag's, else the environment's, else the demo.
    pub(crate) fn name(&self) -> Result<String, Failure> {
        if let Some(name) = &self.model {
            return Ok(name.clone());
        }
        match std::env::var(VARIABLE) {
            Ok(name) if !name.is_empty() => Ok(name),
            Ok(_) | Err(VarError::NotPresent) => Ok(DEMO.to_owned()),
            // Another checkpoint than the one that was meant must not take its place.
            Err(VarError::NotUnicode(name)) => Err(Failure::bad_input(format_args!(
                "the variable {VARIABLE} is not UTF-8 text: `{}`",
                name.display()
            ))
            .way_out("--model")),
        }
    }
}

/// Refuses a setting of the token that is neither yes nor no.
pub(crate) fn check_token_setting() -> Result<(), Failure> {
    problem_of_plain_http().map_or(Ok(()), |problem| {
        Err(Failure::bad_input(problem).way_out(format_args!("unset {PLAIN_HTTP_VARIABLE}")))
    })
}

/// Opens the checkpoint `name`: headers only. It is downloaded only where the user named it.
pub(crate) fn open(
    name: &str,
    named: &NamedBy,
    progress: &mut dyn FnMut(LoadProgress),
) -> Result<Checkpoint, Failure> {
    source::open(name, named, progress).map_err(failure)
}

/// Refuses a checkpoint that a file names and that would have to be downloaded.
pub(crate) fn check_here(name: &str) -> Result<(), Failure> {
    source::is_here(name).map_err(failure)
}

/// That a checkpoint is not on this machine, for somebody who may have meant another name.
pub(crate) fn not_here(name: &str) -> Option<String> {
    let is_repository = name != DEMO && !Path::new(name).exists() && looks_like_repository(name);
    (is_repository && source::is_here(name).is_err()).then(|| {
        format!(
            "`{name}` is not a folder and is not in the hub's cache: the first run downloads it"
        )
    })
}

fn failure(error: SourceError) -> Failure {
    let failure = if error.is_bad_input() { Failure::bad_input } else { Failure::failed };
    failure(&error as &dyn std::fmt::Display)
}

/// The size that `checkpoint` was made for: its own, else 1024×1024.
pub(crate) fn default_size(name: &str, checkpoint: &Checkpoint) -> Result<Size, Failure> {
    let Some((width, height)) = checkpoint.default_size() else { return Ok(Size::SQUARE) };
    Size::new(width, height).map_err(|error| {
        Failure::bad_input(format_args!("default_size in sigmalab.json of `{name}`: {error}"))
            .way_out("correct that file, or give --width and --height")
    })
}

/// The same without a download: a repository that is not in the cache gets 1024×1024, the size
/// of every published checkpoint.
pub(crate) fn default_size_offline(name: &str) -> Result<Size, Failure> {
    if name == DEMO || Path::new(name).exists() || !looks_like_repository(name) {
        let checkpoint = open(name, &NamedBy::User, &mut |_| {})?;
        return default_size(name, &checkpoint);
    }
    Ok(Size::SQUARE)
}
