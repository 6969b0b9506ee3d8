//! Signals as messages. The handlers do nothing themselves: whoever gets the message decides.

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::{Handle, Signals as Iterator};
use signal_hook::low_level::emulate_default_handler;
use std::io;
use std::thread::{self, JoinHandle};

/// A signal that a terminal program answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGWINCH: the terminal has another size.
    Resize,
    /// SIGTSTP: give the terminal back, then [`stop`].
    Suspend,
    /// SIGCONT: take the terminal again, ask its size, draw everything.
    Continue,
    /// SIGHUP: the terminal is gone; save and end, writing nothing to it.
    HangUp,
    /// SIGTERM: save and end.
    Terminate,
    /// SIGINT from another process; ctrl-c is a key in raw mode.
    Interrupt,
}

impl Signal {
    /// All, with their numbers.
    const ALL: [(i32, Signal); 6] = [
        (SIGWINCH, Signal::Resize),
        (SIGTSTP, Signal::Suspend),
        (SIGCONT, Signal::Continue),
        (SIGHUP, Signal::HangUp),
        (SIGTERM, Signal::Terminate),
        (SIGINT, Signal::Interrupt),
    ];

    fn of(number: i32) -> Option<Signal> {
        Signal::ALL.into_iter().find(|(known, _)| *known == number).map(|(_, signal)| signal)
    }
}

/// Signals are caught while this lives.
#[derive(Debug)]
pub struct Signals {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Signals {
    /// Catches the signals; `send` gets each, on a thread of its own, such as the sending end of
    /// a channel.
    pub fn catch(mut send: impl FnMut(Signal) + Send + 'static) -> io::Result<Self> {
        let mut signals = Iterator::new(Signal::ALL.map(|(number, _)| number))?;
        let handle = signals.handle();
        let thread = thread::Builder::new().name("signals".to_owned()).spawn(move || {
            signals.forever().filter_map(Signal::of).for_each(&mut send);
        })?;
        Ok(Signals { handle, thread: Some(thread) })
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // It only panics if `send` does, which was reported then.
            let _ = thread.join();
        }
    }
}

/// Stops this process as SIGTSTP does by default; returns when it is continued.
pub fn stop() -> io::Result<()> {
    emulate_default_handler(SIGTSTP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn a_signal_comes_as_a_message() -> Result<(), Box<dyn std::error::Error>> {
        let (sender, receiver) = mpsc::channel();
        let signals = Signals::catch(move |signal| {
            // The test is over where nobody receives.
            let _ = sender.send(signal);
        })?;
        signal_hook::low_level::raise(SIGWINCH)?;
        assert_eq!(receiver.recv_timeout(Duration::from_secs(10))?, Signal::Resize);
        drop(signals);
        assert!(receiver.recv_timeout(Duration::from_secs(10)).is_err());
        Ok(())
    }
}
