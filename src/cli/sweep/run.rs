//! `sigmalab sweep run` and `retry`: a sweep from its file, or on from where it stands.

use super::detach::{self, Detached};
use super::load::{self, LoadFlags};
use super::on_devices;
use super::progress::Progress;
use super::run_directory;
use super::running_flags::RunningFlags;
use super::wording::{line, stopped, warn_of, with_failed_trials};
use super::worker;
use crate::cli::device_list::DeviceList;
use crate::cli::devices;
use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::model_flags;
use crate::cli::print;
use clap::Args;
use sigmalab_experiment::control::Control;
use sigmalab_experiment::directory::DirectoryError;
use sigmalab_experiment::launch::{self, RefusalKind};
use sigmalab_experiment::lease;
use sigmalab_experiment::plan::Run;
use sigmalab_experiment::runner::{self, Ended, RunError, RunOptions, RunnerEvent};
use sigmalab_experiment::search::SearchError;
use sigmalab_experiment::sweep::{RunStatus, Sweep, SweepError};
use std::path::PathBuf;
use std::time::Instant;

#[derive(Debug, Args)]
#[command(
    after_help = "Only finished runs are recorded, each at once: after any interruption the same
command continues, and computes nothing twice that is recorded. Failed trials stay failed until
`sweep retry`.

With --worker it is one of many that a queue starts, as `sweep submit` does: it takes what is free
and leaves when nothing is; SIGUSR1 makes it stop within a step and end with 0. What its machine
is at fault for (no such model here, no device, out of memory) is no trial's failure.

With --devices there is such a process for each device that is named; --threads and --cache are then
what each takes, and without them cores and cache are shared out. `cpu,cpu` is two processes on half
of the cores each.

Examples:
  sigmalab sweep run quickstart
  sigmalab sweep run mine.toml --dir runs/again --threads 4
  sigmalab sweep run mine.toml --detach
  sigmalab sweep run mine.toml --devices cuda:0,cuda:1
  sigmalab sweep run runs/mine
  sigmalab sweep run runs/mine --worker

Exit codes: 0 all trials done, 1 some failed or something broke, 2 bad input, 130 interrupted; of a
worker 0 also where trials failed or others have the rest, 75 disk or quota, 78 this machine."
)]
pub(super) struct RunCommand {
    /// Experiment file, or the name of a built-in experiment (`quickstart`); or a run directory, to
    /// go on with what is frozen there
    #[arg(value_name = "FILE.toml|DIR")]
    what: PathBuf,

    /// Run directory [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Take a changed experiment file: its new trials are added, recorded ones stay
    #[arg(long)]
    extend: bool,

    /// Be one of many processes on a run directory that a queue starts and ends
    #[arg(long, conflicts_with_all = ["extend", "dir"])]
    worker: bool,

    /// Run it on several devices of one kind, a process on each: cuda:0,cuda:1
    #[arg(
        long,
        value_name = "LIST",
        conflicts_with_all = ["device", "worker", "shard"],
        help_heading = "Model"
    )]
    devices: Option<DeviceList>,

    /// The device that this worker was started for
    #[arg(long, hide = true, requires = "worker")]
    of_device: Option<String>,

    #[command(flatten)]
    running: RunningFlags,
    #[command(flatten)]
    load: LoadFlags,
}

/// Who makes what is left of a sweep.
#[derive(Debug, Clone, Copy)]
enum By<'a> {
    /// This process, once more what has failed before where that is asked for.
    This { retry_failed: bool },
    /// A process on each device.
    Devices(&'a DeviceList),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  sigmalab sweep retry runs/mine --failed")]
pub(super) struct RetryCommand {
    /// Run directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Run every failed trial again
    #[arg(long, required = true)]
    failed: bool,

    #[command(flatten)]
    running: RunningFlags,
}

/// Runs a sweep.
pub(super) fn run(arguments: &RunCommand) -> Result<(), Failure> {
    let interrupt = Interrupt::install()?;
    check_patience()?;
    if arguments.worker {
        let of_device = arguments.of_device.as_deref();
        return worker::run(&arguments.what, &arguments.running, of_device, &interrupt);
    }
    let by = arguments.devices.as_ref().map_or(By::This { retry_failed: false }, By::Devices);
    if let Some(directory) = run_directory::begun_at(&arguments.what) {
        if arguments.dir.is_some() || arguments.extend {
            return Err(Failure::bad_input(
                "--dir and --extend need an experiment file, and this is a run directory",
            ));
        }
        let sweep = run_directory::open(&directory)?;
        return work_by(sweep, &arguments.running, by, &interrupt);
    }
    let measuring = arguments.running.measuring(&interrupt)?;
    // What is measured is measured on the first of several devices.
    let flags = match &arguments.devices {
        Some(devices) => arguments.load.on(devices.first()),
        None => arguments.load.clone(),
    };
    let dir = arguments.dir.as_ref();
    let mut loaded = load::load(&arguments.what, dir, &flags, Some(&measuring))?;
    if let Some(devices) = &arguments.devices {
        devices::check_all(devices)?;
        loaded.experiment.inputs.device = devices.in_recipes();
    }
    // Everything is checked before anything is written.
    loaded.experiment.trials().map_err(Failure::bad_input_in_lines)?;
    if let Some(note) = loaded.prompts_note().filter(|_| !arguments.running.quiet) {
        print::note(note);
    }
    begin(&loaded, arguments.extend)?;
    work_by(run_directory::open(loaded.directory.path())?, &arguments.running, by, &interrupt)
}

/// Runs failed trials once more.
pub(super) fn retry(arguments: &RetryCommand) -> Result<(), Failure> {
    let interrupt = Interrupt::install()?;
    let sweep = run_directory::open(&arguments.dir)?;
    work(sweep, &arguments.running, arguments.failed, &interrupt)
}

/// Freezes an experiment in its run directory, or finds that it is frozen there.
pub(crate) fn begin(loaded: &load::Loaded, extend: bool) -> Result<(), Failure> {
    let directory = &loaded.directory;
    let begun = directory.begin(&loaded.text, &loaded.experiment.inputs, extend);
    begun.map_err(|error| match error {
        DirectoryError::Changed { .. } => Failure::bad_input_in_lines(&error)
            .of_kind(RefusalKind::ExperimentChanged)
            .way_out("--extend to add the new trials; recorded ones stay")
            .way_out("--dir with another folder for a sweep of its own")
            .way_out(format_args!(
                "sigmalab sweep run {} to continue with what was frozen",
                directory.path().display()
            )),
        DirectoryError::Io { .. } | DirectoryError::Write(_) => Failure::failed(error),
        _ => Failure::bad_input(error),
    })
}

/// Runs what is left of a sweep and tells of it; or has a process of its own do that.
pub(crate) fn work(
    sweep: Sweep,
    flags: &RunningFlags,
    retry_failed: bool,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    work_by(sweep, flags, By::This { retry_failed }, interrupt)
}

fn work_by(
    sweep: Sweep,
    flags: &RunningFlags,
    by: By<'_>,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    if let By::Devices(devices) = by {
        on_devices::check(&sweep, devices)?;
        devices::check_all(devices)?;
    }
    if flags.detach {
        let (what, devices) = match by {
            By::This { retry_failed } => (Detached::of(retry_failed), None),
            By::Devices(devices) => (Detached::Run, Some(devices)),
        };
        return detach::start(&sweep.directory, what, flags, devices);
    }
    if !flags.detached {
        return work_here(sweep, flags, by, interrupt);
    }
    detach::arrive()?;
    let directory = sweep.directory.clone();
    launch::note(&directory, None);
    let result = work_here(sweep, flags, by, interrupt);
    launch::note(&directory, result.as_ref().err().map(print::refusal));
    result
}

fn work_here(
    mut sweep: Sweep,
    flags: &RunningFlags,
    by: By<'_>,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    // A run directory may be anybody's too.
    model_flags::check_here(&sweep.experiment.inputs.model)?;
    let started = Instant::now();
    let retry_failed = matches!(by, By::This { retry_failed: true });
    let options = RunOptions { retry_failed, ..flags.options()? };
    warn_of(&sweep, &options);
    let (on, ended) = match by {
        By::This { .. } => (String::new(), run_here(&mut sweep, &options, flags, interrupt)),
        By::Devices(devices) => {
            let ended = on_devices::make(&mut sweep, devices, flags, interrupt);
            (format!(" --devices {devices}"), ended)
        }
    };
    let directory = print::quoted(sweep.directory.path());
    let go_on = format!("sigmalab sweep run {directory}{on} to continue");
    let ended = ended.map_err(|failure| failure.way_out(&go_on))?;
    let trials = sweep.trials.trials.len();
    let done = sweep.trials_that_are(RunStatus::Done).count();
    let failed = sweep.trials_that_are(RunStatus::Failed).count();
    let skipped = skipped(&sweep)?;
    if ended.interrupted {
        return Err(stopped(&sweep, &ended, done, trials).way_out(go_on));
    }
    interrupt.become_patient();
    let complete = done + failed + skipped == trials;
    let report = match complete && done > 0 && !flags.no_report {
        true => Some(super::report::write(&sweep)?),
        false => None,
    };
    if !flags.quiet {
        let mut text =
            line(&sweep, &ended, (done, failed, skipped), started.elapsed().as_secs_f64());
        if let Some(report) = report {
            text.push_str(&format!("{}\n", report.page.display()));
        }
        print::result(&text)?;
    }
    if failed > 0 && complete {
        return Err(with_failed_trials(&sweep, failed));
    }
    Ok(())
}

/// Makes what is left in this process.
fn run_here(
    sweep: &mut Sweep,
    options: &RunOptions,
    flags: &RunningFlags,
    interrupt: &Interrupt,
) -> Result<Ended, Failure> {
    let trials = sweep.trials.trials.len();
    let pending = sweep.trials_that_are(RunStatus::Pending).count();
    let mut progress = Progress::new(flags.quiet, trials, trials - pending);
    let mut clock = Clock::new(sweep);
    interrupt.become_polite();
    let result = runner::run(sweep, options, &mut |event| {
        if let RunnerEvent::Recorded { record } = &event {
            progress.left(clock.recorded(record));
        }
        if let RunnerEvent::Generation { sweep } = &event {
            clock = Clock::new(sweep);
        }
        progress.show(&event);
        !interrupt.requested()
    });
    progress.finish();
    result.map_err(|error| match &error {
        RunError::Sweep(SweepError::Search(SearchError::Budget { .. })) => {
            Failure::bad_input(&error)
        }
        RunError::Directory(_) | RunError::Sweep(_) => Failure::failed(&error),
        RunError::Control(_) => Failure::bad_input(&error),
        _ => Failure::failed(format_args!("{error}; what has been recorded is safe")),
    })
}

/// Time left, by what this process's evaluations take.
struct Clock {
    started: Instant,
    planned: u64,
    done: u64,
}

impl Clock {
    fn new(sweep: &Sweep) -> Self {
        let pending = |run: Run| sweep.status_of(run) == RunStatus::Pending;
        let remaining = sweep.plan.remaining(&sweep.trials, pending);
        let planned = remaining.cond_done + remaining.uncond_done;
        Clock { started: Instant::now(), planned, done: 0 }
    }

    fn recorded(&mut self, record: &sigmalab_experiment::record::Record) -> Option<f64> {
        let nfe = record.measured()?.nfe;
        self.done += nfe.cond_done + nfe.uncond_done;
        let seconds = self.started.elapsed().as_secs_f64();
        let left = self.planned.saturating_sub(self.done) as f64;
        (self.done > 0).then(|| seconds / self.done as f64 * left)
    }
}

/// Trials without a record that the control file says not to run.
fn skipped(sweep: &Sweep) -> Result<usize, Failure> {
    let control = Control::read(&sweep.directory).map_err(Failure::failed)?;
    let pending = sweep.trials_that_are(RunStatus::Pending);
    let ids = pending.filter_map(|run| sweep.identity(run));
    Ok(ids.filter(|(_, id)| control.skips(id)).count())
}

/// Refuses a time for leases that is none.
pub(super) fn check_patience() -> Result<(), Failure> {
    lease::patience().map(drop).map_err(|problem| {
        Failure::bad_input(problem).way_out(format_args!("{}=120", lease::VARIABLE))
    })
}
