//! `sigmalab sweep run --devices`: one process for each device over one run directory, which take
//! their parts by its leases. Here they are started, followed and ended, and what they did is told
//! as if one had done it. It runs no trial and opens no device.

use super::progress::Progress;
use super::running_flags::RunningFlags;
use super::worker::refuse_fixed_device;
use crate::cli::device_list::{DeviceList, VISIBLE, visible};
use crate::cli::failure::{Exit, Failure};
use crate::cli::interrupt::Interrupt;
use crate::cli::print::{self, counted, one_line};
use rustix::process::{Pid, Signal, kill_process};
use sigmalab_compute::DeviceChoice;
use sigmalab_engine::event::NfeCount;
use sigmalab_engine::memory::default_cache_bytes;
use sigmalab_experiment::control::{Followed, Request, ask};
use sigmalab_experiment::directory::RunDirectory;
use sigmalab_experiment::launch::{ANSWERS, own_program};
use sigmalab_experiment::plan::Run;
use sigmalab_experiment::process::Process;
use sigmalab_experiment::runner::{self, Ended, RunOptions, RunnerEvent};
use sigmalab_experiment::sweep::{RunStatus, Sweep};
use sigmalab_experiment::workers;
use sigmalab_files::shared_folder::append_to;
use sigmalab_text::text_file;
use std::ffi::OsString;
use std::fs::File;
use std::num::NonZeroUsize;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Time between two looks at the processes and at what they recorded.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Most bytes of what a process said that are read for its cause.
const MOST_SAID: u64 = 1 << 20;

/// What every process is started with.
struct Shares {
    threads: usize,
    cache_mib: u64,
}

/// A process on a device.
struct OnDevice {
    device: DeviceChoice,
    child: Child,
    output: PathBuf,
}

/// Checks that a sweep can go on on these devices.
pub(super) fn check(sweep: &Sweep, devices: &DeviceList) -> Result<(), Failure> {
    refuse_fixed_device(&sweep.experiment)?;
    let begun = sweep.experiment.inputs.device;
    if devices.suits(begun) {
        return Ok(());
    }
    Err(Failure::bad_input(format_args!(
        "--devices {devices}: the sweep was begun on {begun}, and all its trials are made on devices \
         of one kind"
    ))
    .way_out("--dir with another folder for a sweep of its own"))
}

/// Has a sweep made by a process on each device, until nothing is left that they can do.
pub(super) fn make(
    sweep: &mut Sweep,
    devices: &DeviceList,
    flags: &RunningFlags,
    interrupt: &Interrupt,
) -> Result<Ended, Failure> {
    let directory = sweep.directory.clone();
    // Whoever starts it again has seen to what was wrong.
    ask(&directory, Request::Mended {}).map_err(Failure::failed)?;
    let mut followed = Followed::new(&directory).map_err(Failure::failed)?;
    let shares = shares(sweep, devices, flags)?;
    let made_before = sweep.ledger.nfe();
    let mut before = Standing::of(sweep, &followed);
    let (begun, started) = (before.clone(), Instant::now());
    let mut progress = Progress::new(flags.quiet, before.trials, before.recorded());
    let (mut able, mut causes) = (devices.all().to_vec(), Vec::new());
    interrupt.become_polite();
    let stops = |followed: &Followed| interrupt.requested() || followed.is_cancelled();
    let now = loop {
        let round = Round { directory: &directory, shares: &shares, flags };
        let crew = round.start(&able)?;
        able.clear();
        let look = |sweep: &mut Sweep, followed: &mut Followed, alive: usize| {
            // What cannot be read now is read the next time, or told at the end.
            let _ = sweep.refresh();
            followed.look();
            let now = Standing::of(sweep, followed);
            progress.stands(now.trials, now.recorded(), now.failed, activity(alive, followed));
            progress.left(now.time_left(&begun, started));
            now
        };
        let mut ended = Vec::new();
        let now = follow(crew, sweep, &mut followed, look, &stops, &mut ended);
        for (device, ending) in ended {
            match ending {
                Ok(()) => able.push(device),
                Err(cause) => causes.push((device, cause)),
            }
        }
        // Where a process was lost when the others had left, they take up what it had.
        let got_on = now.recorded() > before.recorded();
        if now.left == 0 || stops(&followed) || able.is_empty() || !got_on {
            break now;
        }
        before = now;
    };
    progress.finish();
    for (device, cause) in &causes {
        print::warning(format_args!("{device} could not work: {}", one_line(cause)));
    }
    let nfe = difference(sweep.ledger.nfe(), made_before);
    let done = now.done.saturating_sub(begun.done);
    let failed = now.failed.saturating_sub(begun.failed);
    if stops(&followed) && now.left > 0 {
        let cancelled = followed.is_cancelled();
        let cause = followed.control().stopped_for.clone().filter(|_| cancelled);
        return Ok(Ended { interrupted: true, cancelled, cause, left: false, done, failed, nfe });
    }
    if now.left > 0 || able.is_empty() {
        let message = match now.left {
            0 => "no device could work to the end".to_owned(),
            left => format!("{left} of {} are left", counted(now.trials, "trial")),
        };
        return Err(Failure::new(Exit::Failed, message).way_out(format_args!(
            "see {} for what each process said",
            directory.workers().display()
        )));
    }
    close(sweep)?;
    Ok(Ended { done, failed, nfe, ..Ended::default() })
}

/// What is left to do for a sweep in which all is recorded: its tables, and leases that nobody holds.
fn close(sweep: &mut Sweep) -> Result<(), Failure> {
    // Nothing begins here: a trial would be made on whatever device this process sees.
    let goes_on = |event: RunnerEvent<'_>| {
        matches!(event, RunnerEvent::Waiting | RunnerEvent::Generation { .. })
    };
    let closed = runner::run(sweep, &RunOptions::default(), &mut |event| goes_on(event));
    closed.map(|_| ()).map_err(Failure::failed)
}

/// Follows processes to their ends, passes a request to stop on, and says how each ended.
fn follow(
    mut crew: Vec<OnDevice>,
    sweep: &mut Sweep,
    followed: &mut Followed,
    mut look: impl FnMut(&mut Sweep, &mut Followed, usize) -> Standing,
    stops: &dyn Fn(&Followed) -> bool,
    ended: &mut Vec<(DeviceChoice, Result<(), String>)>,
) -> Standing {
    let mut asked_to_stop = false;
    loop {
        crew.retain_mut(|one| match one.child.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) => {
                ended.push((one.device, one.ending(&sweep.directory, status)));
                false
            }
            Err(error) => {
                ended.push((one.device, Err(error.to_string())));
                false
            }
        });
        let now = look(sweep, followed, crew.len());
        if crew.is_empty() {
            return now;
        }
        if !asked_to_stop && stops(followed) {
            asked_to_stop = true;
            crew.iter().for_each(OnDevice::ask_to_stop);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn activity(alive: usize, followed: &Followed) -> String {
    match followed.control().paused {
        true => "paused: `sigmalab sweep resume` continues".to_owned(),
        false if alive == 0 => String::new(),
        false => counted(alive, "device"),
    }
}

/// Threads and cache are shared out, where no flag says what each takes.
fn shares(sweep: &Sweep, devices: &DeviceList, flags: &RunningFlags) -> Result<Shares, Failure> {
    let count = devices.all().len().max(1);
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let cache = || -> Result<u64, Failure> {
        let share = default_cache_bytes(flags.memory.limit()?) / count as u64;
        Ok((share.max(sweep.plan.cache_bytes) >> 20).max(1))
    };
    Ok(Shares {
        threads: flags.threads.unwrap_or((cores / count).max(1)),
        cache_mib: flags.cache.map_or_else(cache, Ok)?,
    })
}

/// One start of processes.
struct Round<'a> {
    directory: &'a RunDirectory,
    shares: &'a Shares,
    flags: &'a RunningFlags,
}

impl Round<'_> {
    /// A process on each of the devices. Where one cannot be started, those before it are ended.
    fn start(&self, devices: &[DeviceChoice]) -> Result<Vec<OnDevice>, Failure> {
        let mut crew = Vec::new();
        for (index, device) in devices.iter().enumerate() {
            match self.start_one(index, *device) {
                Ok(one) => crew.push(one),
                Err(failure) => {
                    for mut one in crew {
                        one.ask_to_stop();
                        let _ = one.child.wait();
                    }
                    return Err(failure);
                }
            }
        }
        Ok(crew)
    }

    fn start_one(&self, index: usize, device: DeviceChoice) -> Result<OnDevice, Failure> {
        let folder = self.directory.shared().and_then(|shared| shared.make_folder("workers"));
        let name = format!("{}-{index}.out", Process::this().file_name());
        let output = folder.map_err(Failure::failed)?.path_of(name);
        let failed = |error: std::io::Error| {
            Failure::failed(format_args!("no process can be started for {device}: {error}"))
        };
        let out = append_to(&output).map_err(failed)?;
        let mut command = Command::new(own_program().map_err(failed)?);
        command.args(self.arguments(device)).env_remove(ANSWERS);
        let own = std::env::var(VISIBLE).ok();
        if let Some(visible) = visible(device, own.as_deref()) {
            command.env(VISIBLE, visible);
        }
        command.stdin(Stdio::null()).stdout(out.try_clone().map_err(failed)?).stderr(out);
        // A signal of the terminal comes to this process alone, which passes one on: a second one
        // would end them in the middle of something.
        command.process_group(0);
        let child = command.spawn().map_err(failed)?;
        Ok(OnDevice { device, child, output })
    }

    fn arguments(&self, device: DeviceChoice) -> Vec<OsString> {
        let mut arguments: Vec<OsString> =
            ["sweep", "run", "--worker", "--quiet"].map(OsString::from).to_vec();
        arguments.push(format!("--of-device={device}").into());
        arguments.push(format!("--threads={}", self.shares.threads).into());
        arguments.push(format!("--cache={}", self.shares.cache_mib).into());
        arguments
            .extend(self.flags.memory.given().map(|size| format!("--memory-limit={size}").into()));
        arguments.extend(["--".into(), self.directory.path().into()]);
        arguments
    }
}

impl OnDevice {
    fn ask_to_stop(&self) {
        // One that is gone already does not mind.
        if let Some(process) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(process, Signal::TERM);
        }
    }

    /// How it ended: well, or why not.
    fn ending(&self, directory: &RunDirectory, status: ExitStatus) -> Result<(), String> {
        // A worker that was asked to stop ends with 130.
        if let Some(0 | 130) = status.code() {
            return Ok(());
        }
        let this = Process::this();
        let own = workers::all(directory)
            .into_iter()
            .rev()
            .find(|worker| worker.process.id == self.child.id() && worker.process.is_beside(&this));
        if let Some(end) = own.and_then(|worker| worker.end) {
            return Err(end.cause);
        }
        // One that ended before it had a file, or was killed.
        let said =
            File::open(&self.output).ok().and_then(|file| text_file::read(file, MOST_SAID).ok());
        let said = said.unwrap_or_default();
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        Err(match last {
            Some(line) => format!("{status}: {}", line.trim()),
            None => status.to_string(),
        })
    }
}

/// Where a sweep stands.
#[derive(Debug, Clone)]
struct Standing {
    trials: usize,
    done: usize,
    failed: usize,
    /// Trials without a record that are wanted.
    left: usize,
}

impl Standing {
    fn of(sweep: &Sweep, followed: &Followed) -> Self {
        let trials = sweep.trials.trials.len();
        let mut stands = Standing { trials, done: 0, failed: 0, left: 0 };
        for run in (0..trials).map(Run::Trial) {
            match sweep.status_of(run) {
                RunStatus::Done => stands.done += 1,
                RunStatus::Failed => stands.failed += 1,
                RunStatus::Pending => {
                    let id = sweep.identity(run).map(|(_, id)| id);
                    let is_skipped = id.is_some_and(|id| followed.control().skips(id));
                    stands.left += usize::from(!is_skipped);
                }
            }
        }
        stands
    }

    fn recorded(&self) -> usize {
        self.done + self.failed
    }

    /// Seconds that are left, by what was recorded since `started`; `None` where that says nothing,
    /// as where a search has proposed more meanwhile.
    fn time_left(&self, begun: &Self, started: Instant) -> Option<f64> {
        let made = self.recorded().checked_sub(begun.recorded()).filter(|made| *made > 0)?;
        let of_one = started.elapsed().as_secs_f64() / made as f64;
        (self.trials == begun.trials).then_some(of_one * self.left as f64)
    }
}

fn difference(now: NfeCount, before: NfeCount) -> NfeCount {
    NfeCount {
        cond_done: now.cond_done.saturating_sub(before.cond_done),
        uncond_done: now.uncond_done.saturating_sub(before.uncond_done),
        cond_saved: now.cond_saved.saturating_sub(before.cond_saved),
        uncond_saved: now.uncond_saved.saturating_sub(before.uncond_saved),
        first_block: now.first_block.saturating_sub(before.first_block),
    }
}
