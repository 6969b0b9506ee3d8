//! `sigmalab sweep report`: what a sweep found.

use super::run_directory;
use crate::cli::failure::Failure;
use crate::cli::preset_flags::PresetFlags;
use crate::cli::print::{self, counted};
use clap::Args;
use sigmalab_experiment::inputs::FrozenPreset;
use sigmalab_experiment::lease;
use sigmalab_experiment::report::{self, Finding, ReportError, Written};
use sigmalab_experiment::sweep::Sweep;
use sigmalab_experiment::tables::preset_hash;
use sigmalab_schedule::free::FREE;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sigmalab sweep report runs/quickstart")]
pub(super) struct ReportCommand {
    /// Run directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    presets: PresetFlags,
}

/// Writes the report and prints the summary.
pub(super) fn run(arguments: &ReportCommand) -> Result<(), Failure> {
    let mut sweep = run_directory::open(&arguments.dir)?;
    let mut waiting = Waiting::new(&sweep);
    sweep.write_tables(&mut || waiting.goes_on()).map_err(Failure::failed)?;
    warn_of_missing_pictures(&sweep);
    let written = write(&sweep)?;
    let mut text = match report::tuned(&sweep) {
        Some(verdict) => report::tune_summary(&sweep, &verdict),
        None => report::summary(&Finding::of(&sweep)),
    };
    text.push_str(&changed_presets(&sweep, &arguments.presets));
    text.push('\n');
    for file in written.sheet.iter().chain([&written.page]) {
        text.push_str(&format!("{}\n", file.display()));
    }
    print::result(&text)
}

/// Says what is waited for, where that takes longer than people expect.
struct Waiting {
    began: Instant,
    leases: PathBuf,
    reported: bool,
}

impl Waiting {
    /// How long nothing is said.
    const SILENT: Duration = Duration::from_secs(2);

    fn new(sweep: &Sweep) -> Self {
        Waiting { began: Instant::now(), leases: sweep.directory.leases(), reported: false }
    }

    fn goes_on(&mut self) -> bool {
        if !self.reported && self.began.elapsed() > Waiting::SILENT {
            self.reported = true;
            let patience = lease::patience().unwrap_or_default().as_secs();
            print::note(format_args!(
                "waiting for the process that writes the tables, whose lease is `{}`; it counts as \
                 lost after {patience} s without a sign of life",
                self.leases.join("tables.N").display()
            ));
        }
        true
    }
}

/// The presets that the sweep names and that the presets file holds something else under now.
/// What cannot be read says nothing: the sweep has its own copy.
fn changed_presets(sweep: &Sweep, flags: &PresetFlags) -> String {
    let inputs = &sweep.experiment.inputs;
    let Ok(presets) = flags.load() else { return String::new() };
    let mut named: Vec<&FrozenPreset> = vec![&inputs.base];
    named.extend(inputs.reference.as_ref().filter(|preset| preset.name != inputs.base.name));
    let mut text = String::new();
    for frozen in named.into_iter().filter(|preset| preset.name != FREE) {
        let now = presets.find(Some(&frozen.name), str::to_owned);
        let is_same = now.is_ok_and(|now| {
            now.steps.as_slice() == frozen.steps && now.terminal == frozen.terminal
        });
        if !is_same {
            text.push_str(&format!(
                "\n{} has a different preset `{}` now than when this sweep began; the sweep \
                 keeps the one it began with, {}\n",
                presets.origin(),
                frozen.name,
                preset_hash(&frozen.steps, frozen.terminal)
            ));
        }
    }
    text
}

/// Says which pictures of recorded runs are gone: nothing draws them again by itself.
pub(super) fn warn_of_missing_pictures(sweep: &Sweep) {
    let missing = sweep.missing_pictures();
    let Some(first) = missing.first() else { return };
    let (are, their) = if missing.len() == 1 { ("is", "its") } else { ("are", "their") };
    print::warning(format_args!(
        "{} of finished runs {are} missing, the first `{first}`: {their} records stay, and no \
         sweep draws them again",
        counted(missing.len(), "picture")
    ));
}

/// Writes contact sheet and page.
pub(crate) fn write(sweep: &Sweep) -> Result<Written, Failure> {
    report::write(sweep).map_err(|error| match error {
        ReportError::Nothing | ReportError::NotJudged => Failure::bad_input(error)
            .way_out(format_args!("sigmalab sweep status {}", sweep.directory.path().display())),
        ReportError::Write(_) => Failure::failed(error),
    })
}
