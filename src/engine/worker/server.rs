//! The worker's end of the pipe: takes requests one after another, runs them, and sends back
//! what happens. It ends at once when the caller is gone.

use super::frame::{self, FrameError};
use super::message::{Command, FailureKind, Report, pack_event, pack_output, unpack_request};
use crate::engine::cancel::CancelToken;
use crate::engine::folders::cache_folder;
use crate::engine::memory::default_cache_bytes;
use crate::engine::preview::FitStore;
use crate::engine::request::RunRequest;
use crate::engine::session::{Session, SessionError};
use std::collections::HashMap;
use std::io::{self, BufReader};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Why a worker could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It was started by hand.
    #[error("`sigmalab worker` is started by sigmalab itself, with a pipe as standard input: {0}")]
    NoPipe(io::Error),
    /// The pipe broke.
    #[error(transparent)]
    Pipe(#[from] FrameError),
}

/// Cancellations by run. A run may be cancelled before it starts.
type Tokens = Arc<Mutex<HashMap<u64, CancelToken>>>;

fn token(tokens: &Tokens, run: u64) -> CancelToken {
    let mut tokens = tokens.lock().unwrap_or_else(PoisonError::into_inner);
    tokens.entry(run).or_default().clone()
}

/// Serves requests from the socket on standard input until the other end closes it.
/// `cache_bytes` is the budget of the trajectory cache, `None` for the usual share of the memory;
/// `cache` is the cache folder, `None` for the usual one.
pub fn serve(cache_bytes: Option<u64>, cache: Option<PathBuf>) -> Result<(), ServeError> {
    let stdin = io::stdin().as_fd().try_clone_to_owned().map_err(ServeError::NoPipe)?;
    let socket = UnixStream::from(stdin);
    socket.peer_addr().map_err(ServeError::NoPipe)?;
    stay_in_the_background();

    let tokens = Tokens::default();
    let (queue, requests) = mpsc::channel();
    let reader = socket.try_clone().map_err(ServeError::NoPipe)?;
    let reader_tokens = tokens.clone();
    thread::spawn(move || read_commands(reader, &queue, &reader_tokens));

    let mut socket = socket;
    let fits = FitStore::under(cache.or_else(cache_folder));
    let mut session = Session::new(cache_bytes.unwrap_or_else(default_cache_bytes), fits);
    for (run, request) in requests {
        let cancel = token(&tokens, run);
        let mut broken = None;
        let result = session.run(&request, &cancel, &mut |event| {
            let (report, block) = pack_event(run, event);
            let sent = frame::write(&mut socket, &report, &block);
            // Nobody listens any more: stop. The reader ends the process meanwhile.
            if let Err(error) = sent {
                cancel.cancel();
                broken = Some(error);
            }
        });
        if let Some(error) = broken {
            return Err(error.into());
        }
        let (report, block) = match result {
            Ok(output) => pack_output(run, output),
            Err(error) => (failure(run, &error), Vec::new()),
        };
        frame::write(&mut socket, &report, &block)?;
        tokens.lock().unwrap_or_else(PoisonError::into_inner).remove(&run);
    }
    Ok(())
}

/// Lower priority than the caller, whose keys must stay quick; and never outlive it.
fn stay_in_the_background() {
    // A refusal of either leaves a worker that works as well.
    let _ = rustix::process::nice(5);
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
}

fn read_commands(socket: UnixStream, queue: &Sender<(u64, RunRequest)>, tokens: &Tokens) {
    let mut socket = BufReader::new(socket);
    loop {
        match frame::read::<Command>(&mut socket) {
            Ok(Some((Command::Run { run, recipe, noise, previews }, block))) => {
                // The other end of the queue lives as long as the process.
                let request = unpack_request(*recipe, noise, previews, &block);
                let _ = queue.send((run, request));
            }
            Ok(Some((Command::Cancel { run }, _))) => token(tokens, run).cancel(),
            // The caller is gone: what is being computed is for nobody.
            Ok(None) => std::process::exit(0),
            Err(error) => {
                eprintln!("sigmalab worker: {error}");
                std::process::exit(1);
            }
        }
    }
}

fn failure(run: u64, error: &SessionError) -> Report {
    let kind = match error {
        SessionError::Cancelled => FailureKind::Cancelled,
        error if error.is_bad_input() => FailureKind::BadInput,
        _ => FailureKind::Failed,
    };
    Report::Failed { run, kind, message: error.to_string() }
}
