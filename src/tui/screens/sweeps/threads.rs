//! The threads behind the sweep screens: they list, plan, start and follow sweeps and read their
//! pictures, so that neither keys nor frames wait for a disk or a process. They know run
//! directories and not the screen.

use crate::tui::screens::sweeps::directory_status::DirectoryStatus;
use crate::tui::screens::sweeps::program::Program;
use crate::tui::screens::sweeps::view::{Kept, SweepView};
use crate::tui::screens::sweeps::work::{
    ControlChange, ExperimentCard, Look, RunCard, Start, SweepEvent, SweepWork,
};
use sigmalab_engine::image_file::{read_latents, read_picture};
use sigmalab_engine::memory_size::MemorySize;
use sigmalab_experiment::built_in;
use sigmalab_experiment::control::{self, Control, Request};
use sigmalab_experiment::directory::RunDirectory;
use sigmalab_experiment::launch::{Refusal, RefusalKind, last};
use sigmalab_experiment::lease::{Held, Leases};
use sigmalab_experiment::spec::Spec;
use sigmalab_experiment::status::Status;
use sigmalab_experiment::sweep::Sweep;
use sigmalab_files::shared_folder::open_plain;
use sigmalab_files::target::{OnCollision, Target, TargetError};
use sigmalab_image::{RgbImage, thumbnail};
use sigmalab_sampler::Samplers;
use sigmalab_text::text_file;
use std::io::{self, BufReader};
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

/// Pixels of the longer side of a small picture.
const SMALL: u32 = 320;

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

/// The threads, while this lives.
#[derive(Debug)]
pub struct SweepThreads {
    to_follow: Sender<ToFollow>,
    to_read: Sender<ToRead>,
    program: Program,
    folders: SweepFolders,
    news: EventSender,
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

enum ToRead {
    Thumbnails(Vec<PathBuf>),
    Look(Look),
}

impl SweepThreads {
    /// Starts them. `news` is called from its threads.
    pub fn start(
        folders: SweepFolders,
        program: Program,
        samplers: Samplers,
        news: impl Fn(SweepEvent) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let (to_follow, following) = mpsc::channel();
        let (to_read, reading) = mpsc::channel();
        let (sender, told) = mpsc::channel();
        let tell = |name: &str, work: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.to_owned()).spawn(work)
        };
        tell("sweep news", Box::new(move || told.iter().for_each(news)))?;
        let mut follow = Following {
            folders: folders.clone(),
            samplers,
            news: sender.clone(),
            open: None,
            listed: Vec::new(),
        };
        tell("sweep status", Box::new(move || follow.go(&following)))?;
        let read_news = sender.clone();
        tell("sweep pictures", Box::new(move || read_pictures(&reading, &read_news)))?;
        Ok(SweepThreads { to_follow, to_read, program, folders, news: sender })
    }

    /// Where things are.
    pub fn folders(&self) -> &SweepFolders {
        &self.folders
    }

    /// The samplers that experiments may name from now on.
    pub fn set_samplers(&self, samplers: Samplers) {
        let _ = self.to_follow.send(ToFollow::Samplers(Box::new(samplers)));
    }

    /// Takes work; what comes of it is news.
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
        let (program, news) = (self.program.clone(), self.news.clone());
        let spawned = thread::Builder::new().name("sweep program".to_owned()).spawn({
            let news = news.clone();
            move || drop(news.send(work(&program)))
        });
        if let Err(error) = spawned {
            let _ =
                news.send(SweepEvent::Started(Err(format!("no thread can be started: {error}"))));
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
    stands: Option<Result<DirectoryStatus, String>>,
    next: Instant,
}

impl Listed {
    fn new(directory: PathBuf) -> Self {
        Listed { directory, stands: None, next: Instant::now() }
    }

    /// Whether it could not be read.
    fn is_refused(&self) -> bool {
        matches!(&self.stands, Some(Err(_)))
    }

    /// When it is to be looked at: what nobody works on stays as it is.
    fn next(&self) -> Option<Instant> {
        let is_idle = |stands: &DirectoryStatus| !stands.is_running() && !stands.waiting;
        let rests =
            self.is_refused() || matches!(&self.stands, Some(Ok(stands)) if is_idle(stands));
        (!rests).then_some(self.next)
    }

    /// Looks; what is new.
    fn look(&mut self, samplers: &Samplers) -> Option<Result<DirectoryStatus, String>> {
        let began = Instant::now();
        let directory = RunDirectory::at(&self.directory);
        let stands = Sweep::open(&directory, samplers.clone())
            .map_err(|error| error.to_string())
            .and_then(|sweep| Status::of(&sweep).map_err(|error| error.to_string()))
            .map(|status| {
                DirectoryStatus::of(&status, last(&directory).is_some_and(|last| last.lives()))
            });
        self.next = Instant::now() + LIST_EVERY.max(began.elapsed() * SHARE);
        (self.stands.as_ref() != Some(&stands)).then(|| {
            self.stands = Some(stands.clone());
            stands
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
    news: EventSender,
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

    fn tell(&self, news: SweepEvent) {
        // Where nobody listens, the program is at its end.
        let _ = self.news.send(news);
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
        let news = listed.look(&self.samplers);
        let directory = listed.directory.clone();
        if let Some(stands) = news {
            self.tell(SweepEvent::DirectoryStatus(directory, stands));
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

/// The experiments that somebody has at hand: files of the folder that they work in, of the folders
/// for experiments, and the built-in ones that no file stands for.
fn experiments(folders: &SweepFolders) -> Vec<ExperimentCard> {
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
fn runs(folder: &Path) -> Vec<RunCard> {
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

fn write(folders: &[PathBuf], name: &str, text: &str) -> Result<PathBuf, String> {
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

fn read_pictures(work: &Receiver<ToRead>, news: &EventSender) {
    let mut small: Vec<PathBuf> = Vec::new();
    loop {
        let next = match small.is_empty() {
            true => work.recv().map_err(|_| mpsc::TryRecvError::Disconnected),
            false => work.try_recv(),
        };
        let sent = match next {
            // What somebody looks at now is read first.
            Ok(ToRead::Thumbnails(paths)) => {
                small = paths;
                small.reverse();
                Ok(())
            }
            Ok(ToRead::Look(look)) => {
                let latents = look.latents.as_ref().and_then(|latents| {
                    let file = RunDirectory::open_below(latents).ok()?;
                    read_latents(file, latents, look.tokens).ok().map(Arc::from)
                });
                let read = read(&look.picture).map(|image| (Arc::new(image), latents));
                news.send(SweepEvent::Looked(look.picture, read))
            }
            Err(mpsc::TryRecvError::Disconnected) => return,
            Err(mpsc::TryRecvError::Empty) => match small.pop() {
                None => Ok(()),
                Some(path) => {
                    let read = read(&path).map(|image| Arc::new(thumbnail(&image, SMALL)));
                    news.send(SweepEvent::Thumbnail(path, read))
                }
            },
        };
        if sent.is_err() {
            return;
        }
    }
}

fn read(path: &Path) -> Result<RgbImage, String> {
    let file =
        RunDirectory::open_below(path).map_err(|error| format!("`{}`: {error}", path.display()))?;
    read_picture(BufReader::new(file)).map_err(|error| format!("`{}`: {error}", path.display()))
}
