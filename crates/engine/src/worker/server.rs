//! The worker's end of the pipe: takes requests one after another, runs them, and sends back
//! what happens. It ends at once when the caller is gone.

use super::frame::{self, FrameError};
use super::guardian::{Pipe, end_at_once};
use super::message::{
    Command, FailureKind, Fetch, Report, pack_event, pack_output, unpack_request,
};
use crate::folders::cache_folder;
use crate::memory::MemoryBudget;
use crate::memory_size::MemorySize;
use crate::preview::FitStore;
use crate::recipe::SamplerRef;
use crate::request::RunRequest;
use crate::session::{Session, SessionError};
use sigmalab_compute::{CancelToken, DeviceChoice};
use sigmalab_model::source::NamedBy;
use sigmalab_sampler::plugin::{DEFAULT_LIMIT, Watch};
use sigmalab_tune::weights::Stencil;
use std::collections::HashMap;
use std::io::{self, BufReader};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Why a worker could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("`sigmalab worker` is started by sigmalab itself, with a pipe as standard input: {0}")]
    NoPipe(io::Error),
    #[error(transparent)]
    Pipe(#[from] FrameError),
}

/// Cancellations by run. A run may be cancelled before it starts.
type Tokens = Arc<Mutex<HashMap<u64, CancelToken>>>;

fn token(tokens: &Tokens, run: u64) -> CancelToken {
    let mut tokens = tokens.lock().unwrap_or_else(PoisonError::into_inner);
    tokens.entry(run).or_default().clone()
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServeOptions {
    /// Budget of the trajectory cache in bytes; the usual share of the memory when `None`.
    pub cache_bytes: Option<u64>,
    /// Memory the worker may take; the machine's when `None`.
    pub memory_limit: Option<MemorySize>,
    /// Cache folder; the usual one when `None`.
    pub cache_folder: Option<PathBuf>,
    /// How long code of a plugin may run in one step; [`DEFAULT_LIMIT`] when `None`.
    pub plugin_limit: Option<Duration>,
}

/// Something that was asked for.
struct Order {
    run: u64,
    work: Work,
    plugin: Option<PathBuf>,
}

/// What was asked for.
enum Work {
    /// A run, and who named its checkpoint.
    Run(Box<RunRequest>, NamedBy),
    /// The weights of a solver.
    Weigh(SamplerRef, Vec<Stencil>),
}

/// Serves requests from the socket on standard input until the other end closes it.
pub fn serve(options: ServeOptions) -> Result<(), ServeError> {
    let stdin = io::stdin().as_fd().try_clone_to_owned().map_err(ServeError::NoPipe)?;
    let socket = UnixStream::from(stdin);
    socket.peer_addr().map_err(ServeError::NoPipe)?;
    stay_in_the_background();

    let tokens = Tokens::default();
    let (queue, orders) = mpsc::channel();
    let reader = socket.try_clone().map_err(ServeError::NoPipe)?;
    let pipe = Pipe::new(socket);
    let watch = Watch::new(Arc::new(pipe.clone()), options.plugin_limit.unwrap_or(DEFAULT_LIMIT));
    let current = Arc::new(AtomicU64::new(0));
    let commands = Commands {
        queue,
        tokens: tokens.clone(),
        watch: watch.clone(),
        current: Arc::clone(&current),
    };
    thread::spawn(move || commands.read(reader));

    let fits = FitStore::under(options.cache_folder.or_else(cache_folder));
    let memory = MemoryBudget::new(options.memory_limit, options.cache_bytes);
    let mut session = Session::new(memory, fits, watch);
    for Order { run, work, plugin } in orders {
        let cancel = token(&tokens, run);
        current.store(run, Ordering::Relaxed);
        let (request, named) = match work {
            Work::Run(request, named) => (request, named),
            Work::Weigh(sampler, stencils) => {
                let result = session.weigh(&sampler, plugin.as_deref(), &stencils);
                last_words(&pipe, &result);
                let report = match result {
                    Ok(weights) => Report::Weighed { run, weights },
                    Err(error) => failure(run, &error),
                };
                pipe.write(&report, &[])?;
                tokens.lock().unwrap_or_else(PoisonError::into_inner).remove(&run);
                continue;
            }
        };
        let mut broken = None;
        let result = session.run(&request, plugin.as_deref(), &named, &cancel, &mut |event| {
            let (report, block) = pack_event(run, event);
            // Nobody listens any more: stop. The reader ends the process meanwhile.
            if let Err(error) = pipe.write(&report, &block) {
                cancel.cancel();
                broken = Some(error);
            }
        });
        if let Some(error) = broken {
            return Err(error.into());
        }
        last_words(&pipe, &result);
        // What a driver reports once, it reports of everything after that; and memory that ran out
        // comes back with the process.
        let on_a_device = request.recipe.device != DeviceChoice::Cpu;
        let lost_the_device =
            on_a_device && result.as_ref().is_err_and(SessionError::is_of_the_computation);
        let (report, block) = match result {
            Ok(output) => pack_output(run, output),
            Err(error) => (failure(run, &error), Vec::new()),
        };
        pipe.write(&report, &block)?;
        tokens.lock().unwrap_or_else(PoisonError::into_inner).remove(&run);
        if lost_the_device {
            // The reader sees the end of the pipe, and the next run gets a new worker.
            end_at_once();
        }
    }
    Ok(())
}

/// Ends the process where a plugin wrote to what is not its own.
fn last_words<T>(pipe: &Pipe, result: &Result<T, SessionError>) {
    if let Err(error) = result
        && let Some((place, cause)) = error.corruption()
    {
        pipe.last_words(place, cause);
    }
}

/// Lower priority than the caller, whose keys must stay quick; and never outlive it.
fn stay_in_the_background() {
    // A refusal of either leaves a worker that works as well.
    let _ = rustix::process::nice(5);
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
}

/// What commands of the caller act upon.
struct Commands {
    queue: Sender<Order>,
    tokens: Tokens,
    watch: Watch,
    /// The run that is going.
    current: Arc<AtomicU64>,
}

impl Commands {
    fn read(self, socket: UnixStream) {
        let mut socket = BufReader::new(socket);
        loop {
            match frame::read::<Command>(&mut socket) {
                Ok(Some((
                    Command::Run { run, recipe, plugin, fetch, noise, previews, wanted },
                    block,
                ))) => {
                    // The other end of the queue lives as long as the process.
                    let request = unpack_request(*recipe, noise, previews, wanted, &block);
                    let work = Work::Run(Box::new(request), Fetch::named(fetch));
                    let _ = self.queue.send(Order { run, work, plugin });
                }
                Ok(Some((Command::Weigh { run, sampler, plugin, stencils }, _))) => {
                    let work = Work::Weigh(sampler, stencils);
                    let _ = self.queue.send(Order { run, work, plugin });
                }
                Ok(Some((Command::Cancel { run }, _))) => {
                    token(&self.tokens, run).cancel();
                    if self.current.load(Ordering::Relaxed) == run {
                        self.watch.cancelled();
                    }
                }
                // The caller is gone: what is being computed is for nobody.
                Ok(None) => end_at_once(),
                Err(error) => {
                    eprintln!("sigmalab worker: {error}");
                    std::process::exit(1);
                }
            }
        }
    }
}

fn failure(run: u64, error: &SessionError) -> Report {
    let kind = match error {
        SessionError::Cancelled => FailureKind::Cancelled,
        error => match (error.is_of_this_machine(), error.is_bad_input()) {
            (true, true) => FailureKind::MachineBadInput,
            (true, false) => FailureKind::MachineFailed,
            (false, true) => FailureKind::BadInput,
            (false, false) => FailureKind::Failed,
        },
    };
    Report::Failed { run, kind, message: error.to_string() }
}
