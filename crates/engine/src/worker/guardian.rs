//! Tells the caller whose code runs in the worker, so that it can name the plugin that the worker
//! died of; and ends a worker whose plugin does not return.

use super::frame;
use super::message::Report;
use sigmalab_sampler::plugin::{Guardian, Place};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

/// The worker's end of the pipe, written by one thread at a time.
#[derive(Clone)]
pub(super) struct Pipe(Arc<Mutex<UnixStream>>);

impl Pipe {
    pub(super) fn new(socket: UnixStream) -> Self {
        Pipe(Arc::new(Mutex::new(socket)))
    }

    pub(super) fn write(&self, report: &Report, block: &[u8]) -> Result<(), frame::FrameError> {
        let mut socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        frame::write(&mut *socket, report, block)
    }

    /// Says that the worker ends because of a plugin, and ends it.
    pub(super) fn last_words(&self, place: Place, cause: &str) -> ! {
        let _ = self.write(&Report::LastWords { place, cause: cause.to_owned() }, &[]);
        end_at_once()
    }
}

impl Guardian for Pipe {
    fn enters(&self, place: &Place) {
        // A caller that is gone is noticed where results are written.
        let _ = self.write(&Report::Plugin { place: Some(place.clone()) }, &[]);
    }

    fn leaves(&self) {
        let _ = self.write(&Report::Plugin { place: None }, &[]);
    }

    fn expired(&self, place: &Place, cause: &str) {
        self.last_words(place.clone(), cause);
    }
}

/// Ends this process without running anything more in it: handlers that plugins and libraries
/// registered for its end might wait for a thread that never returns.
pub(super) fn end_at_once() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort()
}
