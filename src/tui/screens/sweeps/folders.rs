//! The folders that somebody has sweeps in: the experiments and run directories there, and a new
//! experiment's place among them.

use crate::tui::screens::sweeps::work::{ExperimentCard, RunCard};
use sigmalab_engine::memory_size::MemorySize;
use sigmalab_experiment::built_in;
use sigmalab_experiment::directory::RunDirectory;
use sigmalab_experiment::spec::Spec;
use sigmalab_files::shared_folder::open_plain;
use sigmalab_files::target::{OnCollision, Target, TargetError};
use sigmalab_text::text_file;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Most bytes of an experiment file that are read.
const LIMIT: u64 = 1 << 20;

/// Where experiments and run directories are, and what a sweep may take.
#[derive(Debug, Clone, Default)]
pub struct SweepFolders {
    /// Where somebody works: what looks like an experiment there is listed too.
    pub here: PathBuf,
    /// Folders of experiment files. New ones are written into the first that is there; where none
    /// is, the last one is made.
    pub experiments: Vec<PathBuf>,
    /// The folder of run directories.
    pub runs: PathBuf,
    /// Memory a worker of a sweep may take; what the environment says when `None`.
    pub memory_limit: Option<MemorySize>,
}

/// The experiments that somebody has at hand: files of the folder that they work in, of the folders
/// for experiments, and the built-in ones that no file stands for.
pub(super) fn experiments(folders: &SweepFolders) -> Vec<ExperimentCard> {
    let mut cards = Vec::new();
    for file in toml_files(&folders.here) {
        // Presets and manifests lie there too.
        match read_text(&file) {
            Ok(text) if looks_like_an_experiment(&text) => {
                cards.push(ExperimentCard { about: about(&file, &text), file });
            }
            _ => {}
        }
    }
    for file in folders.experiments.iter().flat_map(|folder| toml_files(folder)) {
        let about = read_text(&file).and_then(|text| about(&file, &text));
        cards.push(ExperimentCard { file, about });
    }
    // A first sweep needs no file: commands take these names too.
    for (name, text) in built_in::EXPERIMENTS {
        let stands_for_it = |card: &ExperimentCard| {
            card.file.file_stem().is_some_and(|stem| stem == name)
                || card.about.as_ref().is_ok_and(|(own, _)| own == name)
        };
        if !cards.iter().any(stands_for_it) {
            let about = Spec::parse(text, name).map(|spec| (spec.name, spec.description));
            let about = about.map_err(|error| error.to_string());
            cards.push(ExperimentCard { file: name.into(), about });
        }
    }
    cards
}

/// The TOML files of a folder, by name.
fn toml_files(folder: &Path) -> Vec<PathBuf> {
    // A path that begins with `./` would not be what people type.
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = fs::read_dir(listed) else { return Vec::new() };
    let files = entries.filter_map(|entry| Some(folder.join(entry.ok()?.file_name())));
    let mut files: Vec<PathBuf> = files
        .filter(|file| file.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
}

/// Whether a text has the one key that every experiment has, so that one with a mistake in it does
/// not go missing.
fn looks_like_an_experiment(text: &str) -> bool {
    let value = |line: &str| {
        line.trim_start().strip_prefix("prompts").map(str::trim_start).map(str::to_owned)
    };
    text.lines().filter_map(value).any(|rest| rest.starts_with('='))
}

fn read_text(file: &Path) -> Result<String, String> {
    // The folder may be anybody's: a pipe in it would be waited for.
    let opened = open_plain(file).map_err(|error| error.to_string())?;
    text_file::read(opened, LIMIT).map_err(|error| error.to_string())
}

fn about(file: &Path, text: &str) -> Result<(String, Option<String>), String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let spec = Spec::parse(text, &name).map_err(|error| error.to_string())?;
    Ok((spec.name, spec.description))
}

/// The run directories of a folder, the one that was worked on last first.
pub(super) fn runs(folder: &Path) -> Vec<RunCard> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let directories = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut cards: Vec<RunCard> = directories
        .filter(|directory| RunDirectory::at(directory).has_begun())
        .map(|directory| {
            let changed = changed(&directory);
            RunCard { directory, changed }
        })
        .collect();
    cards.sort_by(|a, b| (b.changed, &a.directory).cmp(&(a.changed, &b.directory)));
    cards
}

/// When a run directory was begun or recorded something last.
fn changed(directory: &Path) -> Option<SystemTime> {
    let own = RunDirectory::at(directory);
    let of = |path: &Path| fs::symlink_metadata(path).ok()?.modified().ok();
    let journals = fs::read_dir(own.journals()).ok()?;
    let journals = journals.filter_map(|journal| of(&journal.ok()?.path()));
    journals.chain(of(&own.journals())).max()
}

pub(super) fn write(folders: &[PathBuf], name: &str, text: &str) -> Result<PathBuf, String> {
    let there = folders.iter().find(|folder| folder.is_dir());
    let folder = there.or(folders.last()).ok_or("no folder for experiments is known")?;
    fs::create_dir_all(folder).map_err(|error| format!("`{}`: {error}", folder.display()))?;
    let names = std::iter::once(format!("{name}.toml"))
        .chain((2..1000).map(|number| format!("{name}-{number}.toml")));
    for file in names.map(|name| folder.join(name)) {
        let text = match file.file_stem().and_then(|stem| stem.to_str()) {
            // The run directory has the experiment's name: two of one name would share it.
            Some(stem) => {
                text.replacen(&format!("name = \"{name}\""), &format!("name = \"{stem}\""), 1)
            }
            None => text.to_owned(),
        };
        let written = Target::check(&file)
            .and_then(|target| target.draft(|out| out.write_all(text.as_bytes())))
            .and_then(|draft| draft.commit(OnCollision::Refuse));
        match written {
            Ok(file) => return Ok(file),
            Err(TargetError::Exists { .. }) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Err(format!("there are a thousand experiments called {name}: give another name"))
}
