//! The prompts file that an experiment names. The experiment may be anybody's, and what is read goes into
//! tables and pages that are shown around: a file is read only from where somebody would put prompts.
//! Knows nothing of what is in it.

use crate::cli::failure::Failure;
use crate::cli::print;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// How an experiment names one.
pub(super) const FORM: &str =
    "a path from the folder of the experiment file, as in prompts = { file = \"prompts.txt\" }";

/// Where the file is that an experiment names.
///
/// # Errors
/// It is neither in the experiment's folder or the current one nor in a folder below, links followed; or
/// it is hidden there, as keys and passwords are.
pub(super) fn found(experiment: &Path, file: &str) -> Result<PathBuf, Failure> {
    let beside = experiment.parent().unwrap_or(Path::new(""));
    let path = beside.join(file);
    // What is not there is told of by whoever opens it.
    let Ok(real) = path.canonicalize() else { return Ok(path) };
    let folder = |folder: &Path| match folder.as_os_str().is_empty() {
        true => Path::new(".").canonicalize(),
        false => folder.canonicalize(),
    };
    let folders = [folder(beside), folder(Path::new(""))];
    if folders.into_iter().flatten().any(|folder| lies_openly_in(&real, &folder)) {
        return Ok(path);
    }
    let name = real.file_name().map(Path::new).unwrap_or(Path::new("prompts.txt"));
    Err(Failure::bad_input(format_args!(
        "`{}`: the prompts are in `{}`, which is neither in the folder of the experiment file nor in the \
         current one, or is hidden there; an experiment file may be anybody's, and such a file is not \
         read for it",
        experiment.display(),
        real.display()
    ))
    .way_out(format_args!(
        "cp {} {}, if it is yours and meant, and prompts = {{ file = \"{}\" }}",
        print::quoted(&real),
        print::quoted(&beside.join(name)),
        name.display()
    )))
}

fn lies_openly_in(file: &Path, folder: &Path) -> bool {
    let is_hidden = |name: &OsStr| name.as_encoded_bytes().starts_with(b".");
    file.strip_prefix(folder).is_ok_and(|below| {
        below.components().all(|part| matches!(part, Component::Normal(name) if !is_hidden(name)))
    })
}
