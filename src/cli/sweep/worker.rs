//! `sigmalab sweep run DIR --worker`: one of many processes that a queue starts and ends. What is
//! told by its exit code is told in a file of the run directory, too.

use super::detach::{self, Detached};
use super::progress::{Progress, in_words};
use super::run_directory;
use super::running_flags::RunningFlags;
use crate::cli::failure::{Exit, Failure};
use crate::cli::interrupt::Interrupt;
use crate::cli::model_flags;
use crate::cli::print::{self, counted, one_line};
use sigmalab_compute::DeviceChoice;
use sigmalab_experiment::control::{Control, Request, ask};
use sigmalab_experiment::directory::RunDirectory;
use sigmalab_experiment::runner::{self, Ended, RunError, RunOptions};
use sigmalab_experiment::sweep::{RunStatus, Sweep};
use sigmalab_experiment::trial::Experiment;
use sigmalab_experiment::workers::{self, End, MOST_TROUBLES, OwnFile};
use std::path::Path;
use std::time::Instant;

/// Works on a run directory until nothing is left to take.
pub(super) fn run(
    path: &Path,
    flags: &RunningFlags,
    of_device: Option<&str>,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    if of_device.is_some() {
        end_with_parent();
    }
    interrupt.heed_time_limit()?;
    if !path.is_dir() {
        return Err(at_fault(format_args!(
            "there is no run directory `{}` on this machine: a worker takes one that `sweep submit` \
             or `sweep run` made, on a disk that every machine has",
            path.display()
        )));
    }
    let directory = run_directory::named(path)?;
    let control = Control::read(&directory).map_err(Failure::failed)?;
    refuse_after_troubles(&directory, &control)?;
    if flags.detach {
        return detach::start(&directory, Detached::Worker, flags, None);
    }
    if flags.detached {
        detach::arrive()?;
    }
    let sweep = run_directory::open(path)?;
    refuse_fixed_device(&sweep.experiment)?;
    let own = OwnFile::begin(&directory, &control, of_device.map(str::to_owned).or_else(task));
    let own = own.map_err(of_storage)?;
    let worked = work(sweep, flags, interrupt);
    let end = match &worked {
        Ok(cause) => End { exit: 0, cause: cause.clone(), trouble: false },
        Err(failure) => End {
            exit: failure.exit as u8,
            cause: failure.message.clone(),
            trouble: matches!(failure.exit, Exit::Machine | Exit::Storage),
        },
    };
    // On a disk that is full the exit code has to do.
    let _ = own.end(&directory, end);
    match worked {
        Ok(_) => Ok(()),
        Err(failure) => {
            stop_after_troubles(&directory, &control);
            Err(failure)
        }
    }
}

/// One of several processes that another one follows stops where that one is gone.
fn end_with_parent() {
    // Where the system cannot, it goes on until all is done.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM));
}

/// What the queue calls this process.
fn task() -> Option<String> {
    let of = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    if let Some(job) = of("SLURM_ARRAY_JOB_ID").or_else(|| of("SLURM_JOB_ID")) {
        let task = of("SLURM_ARRAY_TASK_ID").map(|task| format!("_{task}")).unwrap_or_default();
        return Some(format!("slurm {job}{task}"));
    }
    let job = of("HQ_JOB_ID")?;
    Some(format!("hq {job}.{}", of("HQ_TASK_ID").unwrap_or_default()))
}

/// The sweep's part that this process can take; in a word, why it left.
fn work(mut sweep: Sweep, flags: &RunningFlags, interrupt: &Interrupt) -> Result<String, Failure> {
    let (started, directory) = (Instant::now(), sweep.directory.clone());
    model_flags::check_here(&sweep.experiment.inputs.model)
        .map_err(|failure| at_fault(failure.message))?;
    let options = RunOptions { is_worker: true, ..flags.options()? };
    let trials = sweep.trials.trials.len();
    let recorded = trials - sweep.trials_that_are(RunStatus::Pending).count();
    let mut progress = Progress::new(flags.quiet, trials, recorded);
    interrupt.become_polite();
    let stops = || interrupt.requested() || interrupt.is_time_up();
    let result = runner::run(&mut sweep, &options, &mut |event| {
        progress.show(&event);
        !stops()
    });
    progress.finish();
    let ended = result.map_err(|error| match &error {
        RunError::Machine(_) | RunError::NoWorker(_) => at_fault(&error),
        error if error.is_of_storage() => of_storage(error),
        error => Failure::failed(error),
    })?;
    interrupt.become_patient();
    let left = sweep.trials_that_are(RunStatus::Pending).count();
    let why = why(&ended, left, interrupt);
    if !flags.quiet {
        let took = in_words(started.elapsed().as_secs_f64());
        let done = counted(ended.done, "trial");
        let failed = match ended.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        print::result(&format!(
            "{}  {done} done here{failed}, {left} left  {took}  {why}\n",
            directory.path().display()
        ))?;
    }
    if interrupt.requested() && ended.interrupted {
        let message = format!("interrupted; {left} of {} are left", counted(trials, "trial"));
        let go_on =
            format!("sigmalab sweep run {} --worker to go on", print::quoted(directory.path()));
        return Err(Failure::new(Exit::Interrupted, message).way_out(go_on));
    }
    Ok(why)
}

fn why(ended: &Ended, left: usize, interrupt: &Interrupt) -> String {
    match (&ended.cause, left) {
        (Some(cause), _) => format!("stopped: {}", one_line(cause)),
        (None, _) if ended.cancelled => "the sweep was cancelled".to_owned(),
        (None, _) if interrupt.requested() => "interrupted".to_owned(),
        (None, _) if ended.interrupted => "time was up".to_owned(),
        (None, 0) => "all is recorded".to_owned(),
        _ => "others have what is left".to_owned(),
    }
}

/// A worker that cannot work here.
fn at_fault(cause: impl std::fmt::Display) -> Failure {
    Failure { exit: Exit::Machine, ..Failure::failed(cause) }
}

/// A worker whose disk lets it down.
fn of_storage(cause: impl std::fmt::Display) -> Failure {
    Failure { exit: Exit::Storage, ..Failure::failed(cause) }
}

/// A sweep that already let several machines down lets this one down too: it does not even begin.
fn refuse_after_troubles(directory: &RunDirectory, control: &Control) -> Result<(), Failure> {
    let troubles = workers::troubles(&workers::all(directory), control);
    match troubles.last() {
        Some((process, end)) if troubles.len() >= MOST_TROUBLES => Err(at_fault(format_args!(
            "{} could not work on `{}`, the last on {}: {}",
            counted(troubles.len(), "worker"),
            directory.path().display(),
            one_line(&process.host),
            one_line(&end.cause)
        ))
        .way_out(format_args!(
            "sigmalab sweep resume {} once that is mended, or submit it again",
            print::quoted(directory.path())
        ))),
        _ => Ok(()),
    }
}

/// Stops the sweep everywhere where this is one trouble too many.
fn stop_after_troubles(directory: &RunDirectory, control: &Control) {
    let troubles = workers::troubles(&workers::all(directory), control);
    if let Some((process, end)) = troubles.last()
        && troubles.len() >= MOST_TROUBLES
    {
        let cause = format!(
            "{} could not work, the last on {}: {}",
            counted(troubles.len(), "worker"),
            process.host,
            end.cause
        );
        // Where that cannot be written either, each finds out by itself.
        let _ = ask(directory, Request::Stop { cause: Some(cause) });
    }
}

/// A queue gives each of its processes the devices it may use, and they are called from 0 on.
pub(super) fn refuse_fixed_device(experiment: &Experiment) -> Result<(), Failure> {
    match experiment.inputs.device {
        DeviceChoice::Cuda(number) if number > 0 => Err(Failure::bad_input(format_args!(
            "the sweep is fixed to device cuda:{number}, and a worker has only the devices that it \
             is given, the first of which is cuda:0"
        ))
        .way_out(
            "device = \"cuda\" in the experiment file, in a run directory of its own (--dir)",
        )),
        _ => Ok(()),
    }
}
