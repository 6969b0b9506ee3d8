//! Which run directory somebody means, by its path, by its name or by a file that belongs to it; and
//! the sweep in it.

use super::load::read;
use crate::cli::failure::Failure;
use crate::cli::samplers::every_sampler;
use crate::cli::text_input::Origin;
use sigmalab_experiment::directory::{DirectoryError, RunDirectory};
use sigmalab_experiment::spec::Spec;
use sigmalab_experiment::sweep::{Sweep, SweepError};
use std::path::{Path, PathBuf};

/// Where run directories are usually made.
const RUNS: &str = "runs";

/// Opens the sweep in a run directory. People name the experiment's file, too, or one of the run
/// directory's: where it is clear which directory they mean, it is that.
pub(crate) fn open(path: &Path) -> Result<Sweep, Failure> {
    let directory = directory_meant(path)?;
    Sweep::open(&directory, every_sampler()).map_err(|error| {
        let failure = match &error {
            SweepError::Directory(DirectoryError::Io { .. }) => Failure::failed(&error),
            SweepError::Directory(DirectoryError::Spec(_)) => Failure::bad_input_in_lines(&error),
            SweepError::Directory(_) | SweepError::Experiment(_) | SweepError::Trial(_) => {
                Failure::bad_input(&error)
            }
            SweepError::Generation(_) => Failure::bad_input(&error),
            SweepError::Journal(_) | SweepError::Tables(_) | SweepError::Search(_) => {
                Failure::failed(&error)
            }
        };
        match error {
            SweepError::Directory(DirectoryError::NotOne(_)) => {
                failure.way_out("sigmalab sweep run FILE.toml, which makes one")
            }
            _ => failure,
        }
    })
}

/// The same run directory without a look at its trials.
pub(super) fn named(path: &Path) -> Result<RunDirectory, Failure> {
    let directory = directory_meant(path)?;
    directory.check().map_err(|error| match error {
        DirectoryError::NotOne(_) => {
            Failure::bad_input(error).way_out("sigmalab sweep run FILE.toml, which makes one")
        }
        DirectoryError::Io { .. } => Failure::failed(error),
        error => Failure::bad_input(error),
    })?;
    Ok(directory)
}

fn directory_meant(path: &Path) -> Result<RunDirectory, Failure> {
    match std::fs::metadata(path) {
        Ok(meta) if !meta.is_dir() => meant_by(path),
        Ok(_) => Ok(RunDirectory::at(path)),
        // `sweep run quickstart` takes a name, and what it made is in its usual place.
        Err(_) if path.is_symlink() => {
            let target = std::fs::read_link(path).unwrap_or_default();
            Err(Failure::bad_input(format_args!(
                "`{}` is a link to `{}`, which is not there",
                path.display(),
                target.display()
            )))
        }
        Err(_) => {
            let usual = RunDirectory::at(&Path::new(RUNS).join(path));
            let is_name = path.components().count() == 1;
            Ok(if is_name && usual.has_begun() { usual } else { RunDirectory::at(path) })
        }
    }
}

/// The run directory that somebody means who names what an experiment file or a run directory may
/// stand for: the directory itself, or a file in it that is no experiment.
pub(super) fn begun_at(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return Some(path.to_owned());
    }
    let is_experiment = path.extension().is_some_and(|extension| extension == "toml");
    let around = path.parent().filter(|_| !is_experiment && path.is_file())?;
    let around = if around.as_os_str().is_empty() { Path::new(".") } else { around };
    RunDirectory::at(around).has_begun().then(|| around.to_owned())
}

/// The run directory that somebody means who named a file.
fn meant_by(file: &Path) -> Result<RunDirectory, Failure> {
    let shown = file.display();
    let around = RunDirectory::at(file.parent().unwrap_or(Path::new("")));
    if around.has_begun() {
        return Ok(around);
    }
    let no_directory = format!("`{shown}` is a file, and a run directory is needed");
    let toml = file.extension().is_some_and(|extension| extension == "toml");
    let spec = match read(file, Origin::Found, &[]) {
        Ok(text) if toml => Spec::parse(&text, &shown.to_string()).ok(),
        _ => None,
    };
    let Some(spec) = spec else {
        return Err(Failure::bad_input(no_directory)
            .way_out("runs/NAME, which `sigmalab sweep run FILE.toml` makes"));
    };
    let usual = of_spec(None, &spec);
    if !usual.has_begun() {
        return Err(Failure::bad_input(format_args!(
            "{no_directory}: `{}`, where that experiment goes, has no sweep",
            usual.path().display()
        ))
        .way_out(format_args!("sigmalab sweep run {shown}"))
        .way_out("the directory that --dir named, in place of the file"));
    }
    Ok(usual)
}

/// The run directory of an experiment: `--dir`, else `runs/NAME`.
pub(super) fn of_spec(dir: Option<&PathBuf>, spec: &Spec) -> RunDirectory {
    let usual = || Path::new(RUNS).join(&spec.name);
    RunDirectory::at(&dir.cloned().unwrap_or_else(usual))
}
