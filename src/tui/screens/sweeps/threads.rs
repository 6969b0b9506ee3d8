//! The threads behind the sweep screens: they list, plan, start and follow sweeps and read their
//! pictures, so that neither keys nor frames wait for a disk or a process. They know run
//! directories and not the screen.

use crate::tui::screens::sweeps::directory_status::DirectoryStatus;
use crate::tui::screens::sweeps::folders::{SweepFolders, experiments, runs, write};
use crate::tui::screens::sweeps::pictures::{ToRead, read_pictures};
use crate::tui::screens::sweeps::program::Program;
use crate::tui::screens::sweeps::view::{Kept, SweepView};
use crate::tui::screens::sweeps::work::{ControlChange, Start, SweepEvent, SweepWork};
use sigmalab_experiment::control::{self, Control, Request};
use sigmalab_experiment::directory::RunDirectory;
use sigmalab_experiment::launch::{Refusal, RefusalKind, last};
use sigmalab_experiment::lease::{Held, Leases};
use sigmalab_experiment::status::Status;
use sigmalab_experiment::sweep::Sweep;
use sigmalab_sampler::Samplers;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};
use std::{fs, thread};

/// How often a run directory that is followed is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often a run directory of the list that somebody works on is looked at.
const LIST_EVERY: Duration = Duration::from_secs(2);

/// Looking takes at most this share of the time, a tenth.
const SHARE: u32 = 10;

/// The threads, while this lives.
#[derive(Debug)]
pub struct SweepThreads {
    to_follow: Sender<ToFollow>,
    to_read: Sender<ToRead>,
    program: Program,
    folders: SweepFolders,
    events: EventSender,
}

type EventSender = Sender<SweepEvent>;

enum ToFollow {
    List,
    Unlist,
    Follow(Option<PathBuf>),
    Control(PathBuf, ControlChange),
    Write(String, String),
    Samplers(Box<Samplers>),
}

impl SweepThreads {
    /// Starts them. `on_event` is called from its threads.
    pub fn start(
        folders: SweepFolders,
        program: Program,
        samplers: Samplers,
        on_event: impl Fn(SweepEvent) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let (to_follow, following) = mpsc::channel();
        let (to_read, reading) = mpsc::channel();
        let (sender, told) = mpsc::channel();
        let tell = |name: &str, work: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.to_owned()).spawn(work)
        };
        tell("sweep events", Box::new(move || told.iter().for_each(on_event)))?;
        let mut follow = Following {
            folders: folders.clone(),
            samplers,
            events: sender.clone(),
            open: None,
            listed: Vec::new(),
        };
        tell("sweep status", Box::new(move || follow.go(&following)))?;
        let read_news = sender.clone();
        tell("sweep pictures", Box::new(move || read_pictures(&reading, &read_news)))?;
        Ok(SweepThreads { to_follow, to_read, program, folders, events: sender })
    }

    pub fn folders(&self) -> &SweepFolders {
        &self.folders
    }

    /// The samplers that experiments may name from now on.
    pub fn set_samplers(&self, samplers: Samplers) {
        let _ = self.to_follow.send(ToFollow::Samplers(Box::new(samplers)));
    }

    /// Takes work; what comes of it is an event.
    pub fn take(&self, work: SweepWork) {
        // The threads live as long as this does.
        match work {
            SweepWork::List => drop(self.to_follow.send(ToFollow::List)),
            SweepWork::Unlist => drop(self.to_follow.send(ToFollow::Unlist)),
            SweepWork::Follow(directory) => {
                drop(self.to_follow.send(ToFollow::Follow(directory)));
            }
            SweepWork::Control(directory, change) => {
                drop(self.to_follow.send(ToFollow::Control(directory, change)));
            }
            SweepWork::Write { name, text } => {
                drop(self.to_follow.send(ToFollow::Write(name, text)));
            }
            SweepWork::Thumbnails(paths) => drop(self.to_read.send(ToRead::Thumbnails(paths))),
            SweepWork::Look(look) => drop(self.to_read.send(ToRead::Look(look))),
            SweepWork::Plan { file, measure, model, presets } => self.beside(move |program| {
                let plan = program.plan(&file, measure, &model, &presets);
                let plan = plan.map(Box::new).map_err(|refusal| in_words(&refusal));
                SweepEvent::Planned(file, plan)
            }),
            SweepWork::Start { start, model, presets } => self.beside(move |program| {
                let started = program.start(&start, &model, &presets);
                if let Ok(launched) = &started {
                    resume(&launched.directory);
                }
                SweepEvent::Started(started.map_err(|refusal| in_the_workbench(&start, &refusal)))
            }),
        }
    }

    /// Something that takes a process and its time.
    fn beside(&self, work: impl FnOnce(&Program) -> SweepEvent + Send + 'static) {
        let (program, events) = (self.program.clone(), self.events.clone());
        let spawned = thread::Builder::new().name("sweep program".to_owned()).spawn({
            let events = events.clone();
            move || drop(events.send(work(&program)))
        });
        if let Err(error) = spawned {
            let _ =
                events.send(SweepEvent::Started(Err(format!("no thread can be started: {error}"))));
        }
    }
}

/// Whoever starts a sweep that is paused wants it to go on, and its process waits for that. Where it
/// cannot be written, the screen says that it is paused.
fn resume(directory: &Path) {
    let directory = RunDirectory::at(directory);
    if Control::read(&directory).is_ok_and(|control| control.paused) {
        let _ = control::ask(&directory, Request::Resume {});
    }
}

/// Why a start failed, with the way out that is near.
fn in_the_workbench(start: &Start, refusal: &Refusal) -> String {
    match (start, refusal.kind) {
        (Start::Run(_), Some(RefusalKind::ExperimentChanged)) => {
            format!("{}\nextend-sweep adds the new trials; recorded ones stay", refusal.message)
        }
        _ => in_words(refusal),
    }
}

fn in_words(refusal: &Refusal) -> String {
    let ways = refusal.ways_out.iter().map(|way| format!("\n  try: {way}"));
    refusal.message.clone() + &ways.collect::<String>()
}

/// The run directory that is followed.
struct Open {
    directory: PathBuf,
    sweep: Option<Sweep>,
    /// Its leases, as they were seen so far.
    leases: Option<Leases>,
    kept: Kept,
    /// What it was like at the last look.
    seen: Option<Seen>,
    /// Whether the screen knows that it cannot be read.
    told: Option<String>,
    next: Instant,
}

/// A run directory of the list.
struct Listed {
    directory: PathBuf,
    /// Where it stood at the last look.
    status: Option<Result<DirectoryStatus, String>>,
    next: Instant,
}

impl Listed {
    fn new(directory: PathBuf) -> Self {
        Listed { directory, status: None, next: Instant::now() }
    }

    /// Whether it could not be read.
    fn is_refused(&self) -> bool {
        matches!(&self.status, Some(Err(_)))
    }

    /// When it is to be looked at: what nobody works on stays as it is.
    fn next(&self) -> Option<Instant> {
        let is_idle = |status: &DirectoryStatus| !status.is_running() && !status.waiting;
        let rests =
            self.is_refused() || matches!(&self.status, Some(Ok(status)) if is_idle(status));
        (!rests).then_some(self.next)
    }

    /// Looks; what is new.
    fn look(&mut self, samplers: &Samplers) -> Option<Result<DirectoryStatus, String>> {
        let began = Instant::now();
        let directory = RunDirectory::at(&self.directory);
        let status = Sweep::open(&directory, samplers.clone())
            .map_err(|error| error.to_string())
            .and_then(|sweep| Status::of(&sweep).map_err(|error| error.to_string()))
            .map(|status| {
                DirectoryStatus::of(&status, last(&directory).is_some_and(|last| last.lives()))
            });
        self.next = Instant::now() + LIST_EVERY.max(began.elapsed() * SHARE);
        (self.status.as_ref() != Some(&status)).then(|| {
            self.status = Some(status.clone());
            status
        })
    }
}

/// What tells two states of a run directory apart.
#[derive(Debug, PartialEq)]
struct Seen {
    records: usize,
    held: Vec<Held>,
    control: Control,
    log: Option<u64>,
    frozen: Option<SystemTime>,
}

struct Following {
    folders: SweepFolders,
    samplers: Samplers,
    events: EventSender,
    open: Option<Open>,
    /// The run directories that were listed last.
    listed: Vec<Listed>,
}

impl Following {
    fn go(&mut self, work: &Receiver<ToFollow>) {
        loop {
            let followed = self.open.as_ref().map(|open| &open.directory);
            let of_list = self.listed.iter().filter(|listed| Some(&listed.directory) != followed);
            let of_list = of_list.filter_map(Listed::next);
            let first = self.open.iter().map(|open| open.next).chain(of_list).min();
            let next = match first {
                None => work.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(first) => work.recv_timeout(first.saturating_duration_since(Instant::now())),
            };
            match next {
                Ok(work) => self.dispatch(work),
                Err(RecvTimeoutError::Timeout) => self.look_at_what_is_due(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn dispatch(&mut self, work: ToFollow) {
        match work {
            ToFollow::List => {
                let experiments = experiments(&self.folders);
                let runs = runs(&self.folders.runs);
                let directories = runs.iter().map(|run| run.directory.clone());
                self.listed = directories.map(Listed::new).collect();
                self.tell(SweepEvent::Listed { experiments, runs });
            }
            ToFollow::Unlist => self.listed.clear(),
            ToFollow::Follow(None) => self.open = None,
            ToFollow::Follow(Some(directory)) => {
                let next = Instant::now();
                let kept = Kept::default();
                let (sweep, leases, seen, told) = (None, None, None, None);
                self.open = Some(Open { directory, sweep, leases, kept, seen, told, next });
                self.look();
            }
            ToFollow::Control(directory, change) => {
                let request = match change {
                    ControlChange::Pause(true) => Request::Pause {},
                    ControlChange::Pause(false) => Request::Resume {},
                    ControlChange::First(trial) => Request::First { trial },
                    ControlChange::Skip(id) => Request::Skip { trials: vec![id] },
                    ControlChange::TakeUp(id) => Request::TakeUp { trials: vec![id] },
                    ControlChange::Cancel => Request::Stop { cause: None },
                };
                let asked = control::ask(&RunDirectory::at(&directory), request);
                let wanted = asked.map_err(|error| error.to_string());
                self.tell(SweepEvent::Controlled(wanted));
                self.look();
            }
            ToFollow::Write(name, text) => {
                let written = write(&self.folders.experiments, &name, &text);
                self.tell(SweepEvent::Written(written));
            }
            ToFollow::Samplers(samplers) => {
                self.samplers = *samplers;
                // A sweep that named one of them may be read now.
                if let Some(open) = &mut self.open
                    && open.sweep.is_none()
                {
                    open.told = None;
                }
                for listed in self.listed.iter_mut().filter(|listed| listed.is_refused()) {
                    *listed = Listed::new(std::mem::take(&mut listed.directory));
                }
            }
        }
    }

    fn tell(&self, event: SweepEvent) {
        // Where nobody listens, the program is at its end.
        let _ = self.events.send(event);
    }

    /// Looks at the run directory that is followed, else at one of the list.
    fn look_at_what_is_due(&mut self) {
        let now = Instant::now();
        if self.open.as_ref().is_some_and(|open| open.next <= now) {
            return self.look();
        }
        // What is followed tells of itself.
        let followed = self.open.as_ref().map(|open| &open.directory);
        let mut of_list =
            self.listed.iter_mut().filter(|listed| Some(&listed.directory) != followed);
        let due = of_list.find(|listed| listed.next().is_some_and(|at| at <= now));
        let Some(listed) = due else { return };
        let changed = listed.look(&self.samplers);
        let directory = listed.directory.clone();
        if let Some(status) = changed {
            self.tell(SweepEvent::DirectoryStatus(directory, status));
        }
    }

    /// Looks at the run directory, and tells what it holds where that is new.
    fn look(&mut self) {
        let Some(open) = &mut self.open else { return };
        let began = Instant::now();
        let looked = open.look(&self.samplers);
        open.next = Instant::now() + LOOK_EVERY.max(began.elapsed() * SHARE);
        let directory = open.directory.clone();
        match looked {
            Ok(None) => {}
            Ok(Some(view)) => {
                open.told = None;
                self.tell(SweepEvent::Followed(directory, Ok(Arc::new(view))));
            }
            Err(problem) => {
                open.sweep = None;
                if open.told.as_ref() != Some(&problem) {
                    open.told = Some(problem.clone());
                    self.tell(SweepEvent::Followed(directory, Err(problem)));
                }
            }
        }
    }
}

impl Open {
    fn look(&mut self, samplers: &Samplers) -> Result<Option<SweepView>, String> {
        let directory = RunDirectory::at(&self.directory);
        let frozen = directory.frozen_at();
        if self.seen.as_ref().is_some_and(|seen| seen.frozen != frozen) {
            // It was extended.
            self.sweep = None;
        }
        let sweep = match &mut self.sweep {
            Some(sweep) => {
                sweep.refresh().map_err(|error| error.to_string())?;
                sweep
            }
            empty => {
                let sweep = Sweep::open_with_steps(&directory, samplers.clone());
                self.seen = None;
                empty.insert(sweep.map_err(|error| error.to_string())?)
            }
        };
        let leases = self.leases.get_or_insert_with(|| Leases::new(&directory.leases()));
        let held = leases.held().map_err(|error| error.to_string())?;
        let control = Control::read(&directory).map_err(|error| error.to_string())?;
        let log = fs::symlink_metadata(directory.output()).ok().map(|log| log.len());
        let seen = Seen { records: sweep.ledger.records(), held, control, log, frozen };
        if self.seen.as_ref() == Some(&seen) {
            return Ok(None);
        }
        let view = SweepView::of(sweep, &mut self.kept)?;
        self.seen = Some(seen);
        Ok(Some(view))
    }
}
