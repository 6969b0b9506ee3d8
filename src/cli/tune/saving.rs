//! Where a tune saves what it found: the presets file and two names in it, looked at before
//! anything is computed. It knows presets and not how they were found.

use crate::cli::failure::Failure;
use sigmalab::preset_store::{Claim, Store, StoreError, check_name, ships};
use sigmalab_schedule::preset::Preset;
use sigmalab_schedule::preset_file::writer;
use std::path::Path;

/// The name of the best plain schedule, beside the one that was found.
pub(super) fn plain(name: &str) -> String {
    format!("{name}_PLAIN")
}

/// The presets file, as it was when the tune began.
pub(super) struct Saving {
    store: Store,
}

impl Saving {
    /// Refuses a name that no preset can have, and one that a preset has already unless it is to
    /// be replaced: nobody should hear of it after an hour of computing.
    pub(super) fn prepare(path: &Path, name: &str, replace: bool) -> Result<Self, Failure> {
        check_name(name).map_err(|problem| {
            Failure::bad_input(format_args!("--save: {problem}")).way_out("--save TEN")
        })?;
        let store = Store::open(path).map_err(Failure::bad_input_in_lines)?;
        let names = [name.to_owned(), plain(name)];
        let taken = names.iter().find(|name| ships(name) || store.get(name).is_ok());
        match taken.filter(|_| !replace) {
            None => Ok(Saving { store }),
            Some(taken) => {
                let there = match ships(taken) {
                    true => "ships with sigmalab".to_owned(),
                    false => format!("is in `{}` already", path.display()),
                };
                Err(Failure::bad_input(format_args!("--save {name}: preset `{taken}` {there}"))
                    .way_out("--save with another name")
                    .way_out("--force to replace it, whatever the judgement says"))
            }
        }
    }

    /// Saves presets, all of them or none; what to print.
    pub(super) fn save(mut self, presets: &[Preset]) -> Result<String, Failure> {
        let known: Vec<Option<Preset>> =
            presets.iter().map(|preset| self.store.get(&preset.name).ok().cloned()).collect();
        let claims: Vec<Claim<'_>> = presets
            .iter()
            .zip(&known)
            .map(|(preset, known)| Claim::Preset { name: &preset.name, known: known.as_ref() })
            .collect();
        let saved = self.store.change_all(&claims, |text| {
            presets.iter().try_fold(text.to_owned(), |text, preset| {
                writer::save(&text, preset).map_err(|error| error.to_string())
            })
        });
        saved.map_err(|error| match error {
            StoreError::Text(_) | StoreError::Conflict { .. } => Failure::bad_input(error).way_out(
                "the same command with another name for --save: it computes nothing twice",
            ),
            error => Failure::failed(error),
        })?;
        let names: Vec<&str> = presets.iter().map(|preset| preset.name.as_str()).collect();
        Ok(format!("{}: saved {}\n", self.store.path().display(), names.join(" and ")))
    }
}
