//! The caller's end of the pipe: spawns the worker, sends requests, hands out what comes back,
//! and replaces a worker that died. It knows nothing of tensors.

use super::cuda::CudaWorker;
use super::death;
use super::failure::RunFailure;
use super::frame::{self, FrameError};
use super::heard::Heard;
use super::message::{Command as Message, Fetch, Report, pack_request, unpack_output};
use super::printed::Printed;
use super::server::ServeOptions;
use crate::event::Event;
use crate::memory_size::MemorySize;
use crate::recipe::SamplerRef;
use crate::request::{RunOutput, RunRequest};
use rustix::process::Pid;
use sigmalab_compute::DeviceChoice;
use sigmalab_files::shared_folder::append_to;
use sigmalab_files::token;
use sigmalab_image::RgbImage;
use sigmalab_sampler::Samplers;
use sigmalab_sampler::plugin::Place;
use sigmalab_tune::weights::{Stencil, Weights};
use std::collections::HashSet;
use std::io::{self, BufReader};
use std::net::Shutdown;
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How workers are started.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// The program to start with the argument `worker`; this program when `None`.
    pub program: Option<PathBuf>,
    /// Compute threads, at most one a core; every core when `None`.
    pub threads: Option<usize>,
    /// Bytes the trajectory cache may hold; an eighth of the limit, else a quarter of the memory,
    /// when `None`.
    pub cache_bytes: Option<u64>,
    /// Memory the worker may take, the cache included: layers of a larger checkpoint are read
    /// from the disk when it is their turn. Most of the machine's when `None`.
    pub memory_limit: Option<MemorySize>,
    /// Cache folder of the worker, for what can be made again; the usual one when `None`.
    pub cache_folder: Option<PathBuf>,
    /// File to which what libraries print in the worker is appended; when `None` its beginning
    /// and end go to the caller's standard error, made harmless.
    pub log: Option<PathBuf>,
    /// The checkpoint that the user named: it is downloaded where it is not on this machine. Those
    /// that only recipes name are not.
    pub named_model: Option<String>,
    /// The samplers that recipes may name; the built-in ones by default.
    pub samplers: Samplers,
    /// How long code of a plugin may run in one step; [`DEFAULT_LIMIT`] when `None`.
    ///
    /// [`DEFAULT_LIMIT`]: sigmalab_sampler::plugin::DEFAULT_LIMIT
    pub plugin_limit: Option<Duration>,
}

/// Number of a run, unique in one [`Engine`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RunId(pub u64);

/// News of a run.
#[derive(Debug)]
pub enum RunUpdate {
    /// It goes on.
    Event(RunId, Event),
    /// It is over.
    Finished(RunId, Result<Box<RunOutput>, RunFailure>),
    /// The weights that were asked for; `None` where the solver is not linear.
    Weighed(RunId, Option<Vec<Weights>>),
}

/// Runs in a worker process. Dropping it ends the worker.
///
/// Runs on a GPU have a worker of their own, a program that was built with CUDA.
pub struct Engine {
    options: EngineOptions,
    worker: Option<Worker>,
    /// The one for GPUs.
    cuda_worker: Option<Worker>,
    /// What it said of itself.
    cuda: Option<CudaWorker>,
    last_run: u64,
    sender: Sender<RunUpdate>,
    updates: Receiver<RunUpdate>,
}

impl Engine {
    /// An engine whose worker starts with its first run.
    pub fn new(options: EngineOptions) -> Self {
        let (sender, updates) = mpsc::channel();
        let (worker, cuda_worker, cuda) = (None, None, None);
        Engine { options, worker, cuda_worker, cuda, last_run: 0, sender, updates }
    }

    /// Queues a run; starts a worker if there is none. A recipe that cannot be run is refused here.
    pub fn submit(&mut self, request: &RunRequest) -> Result<RunId, RunFailure> {
        let checked = request.recipe.check(&self.options.samplers);
        let (_, sampler) = checked.map_err(|error| RunFailure::BadInput(error.to_string()))?;
        let plugin = sampler.file.map(|file| file.path);
        let asked = self.options.named_model.as_ref() == Some(&request.recipe.model.name);
        let fetch = asked.then(Fetch::with_own_token);
        let (run, worker) = self.next_run(request.recipe.device)?;
        worker.run(run, request, plugin, fetch);
        Ok(RunId(run))
    }

    /// The number of another run, and the worker that takes it. One for other devices that has
    /// nothing to do gives its memory back.
    fn next_run(&mut self, device: DeviceChoice) -> Result<(u64, &mut Worker), RunFailure> {
        let program = match device {
            DeviceChoice::Cuda(number) => Some(self.cuda_program(number)?),
            DeviceChoice::Cpu | DeviceChoice::Metal => None,
        };
        self.last_run += 1;
        let (worker, other) = match program {
            Some(_) => (&mut self.cuda_worker, &mut self.worker),
            None => (&mut self.worker, &mut self.cuda_worker),
        };
        if other.as_ref().is_some_and(|other| !other.is_busy()) {
            *other = None;
        }
        let ready = match worker.take().filter(Worker::is_alive) {
            Some(worker) => worker,
            None => Worker::start(program, &self.options, self.sender.clone())
                .map_err(|error| RunFailure::NoWorker(error.to_string()))?,
        };
        Ok((self.last_run, worker.insert(ready)))
    }

    /// The program for a GPU, which is asked once what it can do.
    fn cuda_program(&mut self, number: usize) -> Result<PathBuf, RunFailure> {
        let missing = |error: super::cuda::Missing| RunFailure::BadInput(error.to_string());
        let found = match self.cuda.take() {
            Some(found) => found,
            None => CudaWorker::find().map_err(missing)?,
        };
        let found = self.cuda.insert(found);
        found.device(number).map_err(missing)?;
        Ok(found.program.clone())
    }

    fn workers(&self) -> impl Iterator<Item = &Worker> {
        self.worker.iter().chain(&self.cuda_worker)
    }

    /// The weights of a sampler's steps, found out by taking them in the worker; `None` where it
    /// is not linear, or asks for evaluations of its own. Meant for an engine with no runs going:
    /// their news would be lost. `go_on` is asked about ten times a second.
    pub fn weigh(
        &mut self,
        sampler: &SamplerRef,
        stencils: &[Stencil],
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<Weights>>, RunFailure> {
        let chosen = self.options.samplers.choose(&sampler.id, &sampler.params);
        let chosen = chosen.map_err(|error| RunFailure::BadInput(error.to_string()))?;
        let plugin = chosen.file.map(|file| file.path);
        let (run, worker) = self.next_run(DeviceChoice::Cpu)?;
        worker.weigh(run, sampler.clone(), plugin, stencils.to_vec());
        loop {
            match self.updates.recv_timeout(Duration::from_millis(100)) {
                Ok(RunUpdate::Weighed(RunId(id), weights)) if id == run => return Ok(weights),
                Ok(RunUpdate::Finished(RunId(id), Err(failure))) if id == run => {
                    return Err(failure);
                }
                Ok(_) | Err(_) => {}
            }
            if !go_on() {
                return Err(RunFailure::Cancelled);
            }
        }
    }

    /// Recipes may name these samplers from now on.
    pub fn set_samplers(&mut self, samplers: Samplers) {
        self.options.samplers = samplers;
    }

    /// The samplers that recipes may name.
    pub fn samplers(&self) -> &Samplers {
        &self.options.samplers
    }

    /// Asks a run to stop within one step.
    pub fn cancel(&mut self, run: RunId) {
        for worker in self.worker.iter_mut().chain(&mut self.cuda_worker) {
            if worker.has(run.0) {
                worker.cancel(run.0);
            }
        }
    }

    /// How long the worker has said nothing while it was at work, where that is longer than its
    /// steps let expect: it may hang.
    pub fn silence(&self) -> Option<Duration> {
        let busy = self.workers().filter(|worker| worker.is_busy());
        busy.filter_map(|worker| worker.heard().silence(Instant::now())).max()
    }

    /// Gives the worker up, which ends every run that is not over as a cancelled one. The next
    /// run starts a new worker.
    pub fn replace_worker(&mut self) {
        for worker in [self.worker.take(), self.cuda_worker.take()].into_iter().flatten() {
            worker.give_up();
        }
    }

    /// News of all runs.
    pub fn updates(&self) -> &Receiver<RunUpdate> {
        &self.updates
    }

    /// Gives every update to `receive` from now on, on a thread of its own and until it says
    /// `false`; [`Engine::updates`] has none then. A caller that waits for other things too need
    /// not ask.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn forward_updates(
        &mut self,
        mut receive: impl FnMut(RunUpdate) -> bool + Send + 'static,
    ) -> io::Result<()> {
        let (_, nothing) = mpsc::channel();
        let updates = std::mem::replace(&mut self.updates, nothing);
        thread::Builder::new().name("run updates".to_owned()).spawn(move || {
            for update in updates {
                if !receive(update) {
                    return;
                }
            }
        })?;
        Ok(())
    }

    /// Process id of the worker, if one is alive.
    pub fn worker_id(&self) -> Option<u32> {
        self.workers().find(|worker| worker.is_alive()).map(|worker| worker.process)
    }

    /// Runs `request` to its end on this thread. `on_event` returns whether to go on; returning
    /// `false` cancels. A worker that does not stop for long after that is given up. It is also
    /// called with `None` about ten times a second, with [`Engine::silence`] beside it. Meant for
    /// an engine with no other runs: their news would be lost.
    pub fn run(
        &mut self,
        request: &RunRequest,
        on_event: &mut dyn FnMut(Option<&Event>) -> bool,
    ) -> Result<RunOutput, RunFailure> {
        self.run_watched(request, &mut |event, _| on_event(event))
    }

    /// The same, told how long a worker that may hang has said nothing.
    pub fn run_watched(
        &mut self,
        request: &RunRequest,
        on_event: &mut dyn FnMut(Option<&Event>, Option<Duration>) -> bool,
    ) -> Result<RunOutput, RunFailure> {
        let run = self.submit(request)?;
        let mut cancelled: Option<Instant> = None;
        loop {
            let go_on = match self.updates.recv_timeout(Duration::from_millis(100)) {
                Ok(RunUpdate::Finished(id, result)) if id == run => {
                    return result.map(|output| *output);
                }
                Ok(RunUpdate::Event(id, event)) if id == run => on_event(Some(&event), None),
                Ok(_) => true,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let silence = self.silence();
                    on_event(None, silence)
                }
            };
            match cancelled {
                None if !go_on => {
                    cancelled = Some(Instant::now());
                    self.cancel(run);
                }
                Some(since) if since.elapsed() > self.patience() => self.replace_worker(),
                _ => {}
            }
        }
    }
}

impl Engine {
    /// How long a worker may take to stop.
    fn patience(&self) -> Duration {
        self.workers().map(|worker| worker.heard().patience()).max().unwrap_or(Duration::MAX)
    }
}

/// Runs sent to a worker and not finished; `None` once it is dead.
type Outstanding = Arc<Mutex<Option<HashSet<u64>>>>;

/// One living worker process.
struct Worker {
    process: u32,
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
    fn start(
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

    fn heard(&self) -> Heard {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it, whatever it is in the middle of.
    fn give_up(self) {
        self.given_up.store(true, Ordering::SeqCst);
        if self.is_alive()
            && let Some(process) = i32::try_from(self.process).ok().and_then(Pid::from_raw)
        {
            // One that is gone already does not mind.
            let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
        }
    }

    fn is_alive(&self) -> bool {
        lock(&self.outstanding).is_some()
    }

    fn is_busy(&self) -> bool {
        lock(&self.outstanding).as_ref().is_some_and(|runs| !runs.is_empty())
    }

    fn has(&self, run: u64) -> bool {
        lock(&self.outstanding).as_ref().is_some_and(|runs| runs.contains(&run))
    }

    fn run(
        &mut self,
        run: u64,
        request: &RunRequest,
        plugin: Option<PathBuf>,
        fetch: Option<Fetch>,
    ) {
        let (message, block) = pack_request(run, request, plugin, fetch);
        self.send(run, &message, &block);
    }

    fn weigh(
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

    fn cancel(&mut self, run: u64) {
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
