//! SIGINT and SIGTERM. Before a run they end the program at once; during one the first asks it
//! to stop and the second ends the program at once, unless files are being written, which is
//! short and leaves nothing behind when it is let end. Either way the exit code is 130. A worker
//! heeds SIGUSR1, too.

use super::failure::{Exit, Failure};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use signal_hook::low_level::unregister;
use signal_hook::{SigId, flag};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The signals as flags.
#[derive(Debug)]
pub(crate) struct Interrupt {
    requested: Arc<AtomicBool>,
    /// A signal came that says that time is up.
    time_is_up: Arc<AtomicBool>,
    /// The next signal ends the program.
    at_once: Arc<AtomicBool>,
    shutdowns: Vec<SigId>,
}

impl Interrupt {
    /// Takes the signals over.
    pub(crate) fn install() -> Result<Self, Failure> {
        let refused = |error: std::io::Error| {
            Failure::failed(format_args!("signals cannot be handled: {error}"))
        };
        let requested = Arc::new(AtomicBool::new(false));
        let at_once = Arc::new(AtomicBool::new(true));
        let mut shutdowns = Vec::new();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the flag set last arms the shutdown for the next signal.
            let exit = Exit::Interrupted as i32;
            flag::register_conditional_shutdown(signal, exit, at_once.clone())
                .map(|shutdown| shutdowns.push(shutdown))
                .and_then(|()| flag::register(signal, requested.clone()))
                .and_then(|_| flag::register(signal, at_once.clone()))
                .map_err(refused)?;
        }
        // A file beyond the shell's limit is an error where it is written, as a full disk is, and
        // not the end of the program with half a file left behind.
        flag::register(SIGXFSZ, Arc::default()).map_err(refused)?;
        Ok(Interrupt { requested, time_is_up: Arc::default(), at_once, shutdowns })
    }

    /// Takes SIGUSR1 over too, by which a queue says that time is up soon: a request to stop, after
    /// which all is well.
    pub(crate) fn heed_time_limit(&self) -> Result<(), Failure> {
        flag::register(SIGUSR1, self.time_is_up.clone())
            .map(drop)
            .map_err(|error| Failure::failed(format_args!("signals cannot be handled: {error}")))
    }

    /// Whether time is up soon.
    pub(crate) fn is_time_up(&self) -> bool {
        self.time_is_up.load(Ordering::SeqCst)
    }

    /// From here on the first signal is a request, see [`Interrupt::requested`].
    pub(crate) fn become_polite(&self) {
        self.at_once.store(false, Ordering::SeqCst);
    }

    /// From here on every signal is a request only: ending at once would leave half a file behind.
    pub(crate) fn become_patient(&self) {
        for shutdown in &self.shutdowns {
            unregister(*shutdown);
        }
    }

    /// Whether a signal asked the run to stop.
    pub(crate) fn requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }
}
