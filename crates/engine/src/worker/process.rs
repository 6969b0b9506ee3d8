//! The caller's end of the pipe to one worker process: starts it, sends requests, reads what comes back
//! until it dies, and says why it did.

use super::death;
use super::failure::RunFailure;
use super::frame::{self, FrameError};
use super::heard::Heard;
use super::message::{Command as Message, Fetch, Report, pack_request, unpack_output};
use super::options::EngineOptions;
use super::printed::Printed;
use super::server::ServeOptions;
use super::update::{RunId, RunUpdate};
use crate::event::Event;
use crate::recipe::SamplerRef;
use crate::request::{RunOutput, RunRequest};
use rustix::process::Pid;
use sigmalab_files::shared_folder::append_to;
use sigmalab_files::token;
use sigmalab_image::RgbImage;
use sigmalab_sampler::plugin::Place;
use sigmalab_tune::weights::Stencil;
use std::collections::HashSet;
use std::io::{self, BufReader};
use std::net::Shutdown;
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Runs sent to a worker and not finished; `None` once it is dead.
type Outstanding = Arc<Mutex<Option<HashSet<u64>>>>;

/// One living worker process.
pub(super) struct Worker {
    pub(super) process: u32,
    pipe: UnixStream,
    outstanding: Outstanding,
    sender: Sender<RunUpdate>,
    reader: Option<JoinHandle<()>>,
    heard: Arc<Mutex<Heard>>,
    given_up: Arc<AtomicBool>,
    /// What it prints, where that goes to no log.
    printed: Option<Printed>,
}

impl Worker {
    /// Starts the program for a GPU where one is given, else the one that the options say.
    pub(super) fn start(
        cuda_program: Option<PathBuf>,
        options: &EngineOptions,
        sender: Sender<RunUpdate>,
    ) -> io::Result<Self> {
        let (pipe, theirs) = UnixStream::pair()?;
        let program = match cuda_program {
            Some(program) => program,
            None => program(options)?,
        };
        let mut command = Command::new(program);
        let serve = ServeOptions {
            cache_bytes: options.cache_bytes,
            memory_limit: options.memory_limit,
            cache_folder: options.cache_folder.clone(),
            plugin_limit: options.plugin_limit,
        };
        command.args(serve.to_arguments());
        // Rayon's pool, and candle's own that spins beside it: more threads than cores would
        // wait for each other without end, so what the environment asks for is capped too.
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = options.threads.or_else(threads_of_environment).unwrap_or(cores);
        let threads = threads.clamp(1, cores).to_string();
        command.env("RAYON_NUM_THREADS", &threads).env("CANDLE_NUM_THREADS", &threads);
        // Code of plugins runs there.
        token::withhold(&mut command);
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
        let printed = match &options.log {
            Some(path) => {
                // It may lie in a folder in which others put files.
                let log = append_to(path).map_err(|error| {
                    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
                })?;
                command.stdout(log.try_clone()?).stderr(log);
                None
            }
            // Standard output belongs to the caller's own results, and a terminal obeys what it
            // is sent.
            None => {
                let (ours, theirs) = io::pipe()?;
                command.stdout(theirs.try_clone()?).stderr(theirs);
                Some(ours)
            }
        };
        let child = command.spawn()?;
        // The command holds the worker's end of the socket: it must go, or we never see EOF.
        drop(command);
        let heard = pipe.try_clone()?;
        let outstanding: Outstanding = Arc::new(Mutex::new(Some(HashSet::new())));
        let printed = printed.map(Printed::follow);
        let heard_at = Arc::new(Mutex::new(Heard::new(Instant::now())));
        let given_up = Arc::new(AtomicBool::new(false));
        let reader = Reader {
            heard: heard_at.clone(),
            given_up: given_up.clone(),
            outstanding: outstanding.clone(),
            sender: sender.clone(),
            log: options.log.clone(),
            inside: None,
            last_words: None,
        };
        let process = child.id();
        let reader = Some(thread::spawn(move || reader.read_to_death(heard, child)));
        Ok(Worker {
            process,
            pipe,
            outstanding,
            sender,
            reader,
            heard: heard_at,
            given_up,
            printed,
        })
    }

    pub(super) fn heard(&self) -> Heard {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it, whatever it is in the middle of.
    pub(super) fn give_up(self) {
        self.given_up.store(true, Ordering::SeqCst);
        if self.is_alive()
            && let Some(process) = i32::try_from(self.process).ok().and_then(Pid::from_raw)
        {
            // One that is gone already does not mind.
            let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        lock(&self.outstanding).is_some()
    }

    pub(super) fn is_busy(&self) -> bool {
        lock(&self.outstanding).as_ref().is_some_and(|runs| !runs.is_empty())
    }

    pub(super) fn has(&self, run: u64) -> bool {
        lock(&self.outstanding).as_ref().is_some_and(|runs| runs.contains(&run))
    }

    pub(super) fn run(
        &mut self,
        run: u64,
        request: &RunRequest,
        plugin: Option<PathBuf>,
        fetch: Option<Fetch>,
    ) {
        let (message, block) = pack_request(run, request, plugin, fetch);
        self.send(run, &message, &block);
    }

    pub(super) fn weigh(
        &mut self,
        run: u64,
        sampler: SamplerRef,
        plugin: Option<PathBuf>,
        stencils: Vec<Stencil>,
    ) {
        self.send(run, &Message::Weigh { run, sampler, plugin, stencils }, &[]);
    }

    fn send(&mut self, run: u64, message: &Message, block: &[u8]) {
        let alive = lock(&self.outstanding).as_mut().map(|runs| runs.insert(run)).is_some();
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).asked(Instant::now());
        // A broken pipe is a dead worker: the reader sees it too, and says why for every run
        // outstanding. Only a worker already buried is answered for here.
        let _ = frame::write(&mut self.pipe, message, block);
        if !alive {
            let died = RunFailure::worker_died("it died before the run was sent");
            let _ = self.sender.send(RunUpdate::Finished(RunId(run), Err(died)));
        }
    }

    pub(super) fn cancel(&mut self, run: u64) {
        let _ = frame::write(&mut self.pipe, &Message::Cancel { run }, &[]);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The worker ends when its pipe closes; the reader then reaps it.
        let _ = self.pipe.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        if let Some(printed) = &self.printed {
            printed.finish();
        }
    }
}

fn lock(outstanding: &Outstanding) -> std::sync::MutexGuard<'_, Option<HashSet<u64>>> {
    outstanding.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether an error of the pipe says that the other end is gone.
fn is_of_the_other_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

/// Waits for a process that was killed: one that is stuck in the system does not even mind that,
/// and is left behind.
fn wait_a_moment(child: &mut Child) -> io::Result<ExitStatus> {
    for _ in 0..100 {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(20));
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn threads_of_environment() -> Option<usize> {
    std::env::var("RAYON_NUM_THREADS").ok()?.parse().ok().filter(|threads| *threads > 0)
}

fn program(options: &EngineOptions) -> io::Result<PathBuf> {
    match &options.program {
        Some(program) => Ok(program.clone()),
        // Stays the running program even when its file was replaced by a newer build.
        None if cfg!(target_os = "linux") => Ok(PathBuf::from("/proc/self/exe")),
        None => std::env::current_exe(),
    }
}

/// Reads a worker's reports until it dies, and says why it did.
struct Reader {
    heard: Arc<Mutex<Heard>>,
    given_up: Arc<AtomicBool>,
    outstanding: Outstanding,
    sender: Sender<RunUpdate>,
    log: Option<PathBuf>,
    /// Where code of a plugin runs at the moment.
    inside: Option<Place>,
    /// Why the worker says it ends.
    last_words: Option<(Place, String)>,
}

impl Reader {
    fn read_to_death(mut self, pipe: UnixStream, mut child: Child) {
        let mut pipe = BufReader::new(pipe);
        let broken: Option<FrameError> = loop {
            match frame::read(&mut pipe) {
                Ok(Some((report, block))) => {
                    self.heard.lock().unwrap_or_else(PoisonError::into_inner).spoke(Instant::now());
                    self.forward(report, block);
                }
                Ok(None) => break None,
                // It is gone without having read all that it was sent, or in the middle of a message.
                Err(FrameError::Io(error)) if is_of_the_other_end(&error) => break None,
                Err(error) => break Some(error),
            }
        };
        // A worker whose words make no sense must go; one that is gone does not mind.
        if broken.is_some() {
            let _ = child.kill();
        }
        let given_up = self.given_up.load(Ordering::SeqCst);
        let ended = if given_up { wait_a_moment(&mut child) } else { child.wait() };
        let killed = broken.is_none() && ended.as_ref().is_ok_and(|s| death::was_killed(*s));
        let cause = match (ended, broken) {
            (_, Some(error @ (FrameError::Header(_) | FrameError::TooLong(_)))) => {
                format!(
                    "it sent something that is not a message ({error}); is it the same \
                         version?"
                )
            }
            (Ok(status), _) => death::in_words(status, self.log.as_deref()),
            (Err(error), _) => format!("and how is not known: {error}"),
        };
        let runs = lock(&self.outstanding).take().unwrap_or_default();
        let mut runs: Vec<u64> = runs.into_iter().collect();
        runs.sort_unstable();
        // The worker takes runs one after another: it died in the first of them.
        let mut failure = match (self.last_words.take(), self.inside.take()) {
            (Some((place, cause)), _) => RunFailure::SamplerDied { place, cause },
            (None, Some(place)) => RunFailure::SamplerDied { place, cause },
            (None, None) => RunFailure::WorkerDied { cause, killed },
        };
        for run in runs {
            if given_up {
                self.finish(run, Err(RunFailure::Cancelled));
                continue;
            }
            self.finish(run, Err(failure.clone()));
            failure = RunFailure::worker_died("it died in the run before this one");
        }
    }

    fn forward(&mut self, report: Report, block: Vec<u8>) {
        match report {
            Report::Event { run, event } => {
                // The receiver lives as long as the engine; without it nobody wants the news.
                let _ = self.sender.send(RunUpdate::Event(RunId(run), event));
            }
            Report::Preview { run, step, width, height } => {
                // A draft of the wrong length is not worth a run.
                if block.len() == width as usize * height as usize * 3 {
                    let image = RgbImage { width, height, pixels: block };
                    let event = Event::Preview { step, image };
                    let _ = self.sender.send(RunUpdate::Event(RunId(run), event));
                }
            }
            Report::Done { run, output } => {
                let output = unpack_output(*output, block).map(Box::new).ok_or_else(|| {
                    RunFailure::Failed("the worker sent an image of the wrong length".to_owned())
                });
                self.over(run, output);
            }
            Report::Failed { run, kind, message } => {
                self.over(run, Err(kind.with_message(message)));
            }
            Report::Weighed { run, weights } => {
                if let Some(runs) = lock(&self.outstanding).as_mut() {
                    runs.remove(&run);
                }
                let _ = self.sender.send(RunUpdate::Weighed(RunId(run), weights));
            }
            Report::Plugin { place } => self.inside = place,
            Report::LastWords { place, cause } => self.last_words = Some((place, cause)),
        }
    }

    fn over(&self, run: u64, result: Result<Box<RunOutput>, RunFailure>) {
        if let Some(runs) = lock(&self.outstanding).as_mut() {
            runs.remove(&run);
        }
        self.finish(run, result);
    }

    fn finish(&self, run: u64, result: Result<Box<RunOutput>, RunFailure>) {
        let _ = self.sender.send(RunUpdate::Finished(RunId(run), result));
    }
}
