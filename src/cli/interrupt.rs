//! SIGINT and SIGTERM. Before a run they end the program at once; during one the first asks it
//! to stop and the second ends the program at once. Either way the exit code is 130.

use super::failure::{Exit, Failure};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The signals as flags.
#[derive(Debug)]
pub(crate) struct Interrupt {
    /// A signal came.
    requested: Arc<AtomicBool>,
    /// The next signal ends the program.
    at_once: Arc<AtomicBool>,
}

impl Interrupt {
    /// Takes the signals over.
    pub(crate) fn install() -> Result<Self, Failure> {
        let requested = Arc::new(AtomicBool::new(false));
        let at_once = Arc::new(AtomicBool::new(true));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the flag set last arms the shutdown for the next signal.
            flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, at_once.clone())
                .and_then(|_| flag::register(signal, requested.clone()))
                .and_then(|_| flag::register(signal, at_once.clone()))
                .map_err(|error| {
                    Failure::failed(format_args!("signals cannot be handled: {error}"))
                })?;
        }
        Ok(Interrupt { requested, at_once })
    }

    /// From here on the first signal is a request, see [`Interrupt::requested`].
    pub(crate) fn become_polite(&self) {
        self.at_once.store(false, Ordering::SeqCst);
    }

    /// Whether a signal asked the run to stop.
    pub(crate) fn requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }
}
