//! `sigmalab presets set-default`: what runs when no preset is named.

use super::super::failure::Failure;
use super::super::preset_flags::PresetFlags;
use super::super::print;
use clap::Args;
use sigmalab::preset_store::{Claim, Store, StoreError};
use sigmalab_schedule::preset_file::writer;

#[derive(Debug, Args)]
pub(super) struct SetDefault {
    /// Its name; it must be in the file
    name: String,
    #[command(flatten)]
    presets: PresetFlags,
}

/// Writes the `default` line; everything else in the file stays as it is written. Where there is
/// no file yet, one with the built-in presets is made.
pub(super) fn run(arguments: &SetDefault) -> Result<(), Failure> {
    // A file that was named and is not there is a slip of the pen, not a wish for a new one.
    arguments.presets.load()?;
    let mut store =
        Store::open(&arguments.presets.save_path()).map_err(Failure::bad_input_in_lines)?;
    let name = &arguments.name;
    if let Err(unknown) = store.get(name) {
        let failure = Failure::bad_input(&unknown);
        return Err(match unknown.nearest.first() {
            Some(near) => failure.way_out(format_args!("sigmalab presets set-default {near}")),
            None => failure.way_out("sigmalab presets list"),
        });
    }
    let known = store.default_preset().name.clone();
    let set = |text: &str| writer::set_default(text, name).map_err(|error| error.to_string());
    store.change(Claim::Default(&known), set).map_err(|error| match error {
        StoreError::Text(_) | StoreError::Conflict { .. } => Failure::bad_input_in_lines(error),
        _ => Failure::failed(error),
    })?;
    print::result(&format!("{name} is the default of {}\n", store.path().display()))
}
