//! The terminal as a device of the operating system: raw mode, size, the bytes it sends, and
//! giving it back when the program panics. The rest of this room is bytes in and bytes out.

use super::picture::kitty_farewell;
use super::screen::{KEYBOARD_OFF, LEAVE};
use crossterm::terminal;
use ratatui::layout::Size;
use rustix::event::{PollFd, PollFlags, poll};
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

/// Whether raw mode is on, for the panic hook.
static RAW: AtomicBool = AtomicBool::new(false);

/// Raw mode while this lives: keys come as they are typed, unechoed, and none makes a signal.
#[derive(Debug)]
pub struct RawMode(());

impl RawMode {
    pub fn enable() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        RAW.store(true, Ordering::SeqCst);
        Ok(RawMode(()))
    }
}

impl Drop for RawMode {
    /// What was sent and not read, such as a late answer to a question, would be read by the
    /// shell: it is thrown away.
    fn drop(&mut self) {
        RAW.store(false, Ordering::SeqCst);
        if let Ok(input) = input() {
            // Where the terminal is gone there is nothing to throw away.
            let _ = rustix::termios::tcflush(&input, rustix::termios::QueueSelector::IFlush);
        }
        let _ = terminal::disable_raw_mode();
    }
}

/// Why there is no terminal to work in.
#[derive(Debug, thiserror::Error)]
pub enum TtyError {
    #[error("standard output is not a terminal: the workbench needs one; see `sigmalab --help`")]
    NoOutput,
    #[error("the terminal cannot be used: {0}")]
    Io(#[from] io::Error),
}

/// The terminal to write to: standard output, unbuffered.
pub fn output() -> Result<File, TtyError> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return Err(TtyError::NoOutput);
    }
    Ok(stdout.as_fd().try_clone_to_owned()?.into())
}

/// The terminal to read from: standard input, or the controlling terminal where that is
/// something else.
pub fn input() -> io::Result<File> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Ok(stdin.as_fd().try_clone_to_owned()?.into());
    }
    File::open("/dev/tty")
}

/// Whether the bytes of the terminal are ours to read: somebody else's while another program has
/// the terminal.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Leaves what is typed from now on to another program, or takes it again.
    pub fn close(&self, closed: bool) {
        let (is_closed, changed) = &*self.0;
        // A thread that panicked while it held this changed nothing halfway.
        *is_closed.lock().unwrap_or_else(PoisonError::into_inner) = closed;
        changed.notify_all();
    }

    /// Waits while it is closed. Whether it was.
    fn pass(&self) -> bool {
        let (is_closed, changed) = &*self.0;
        let mut closed = is_closed.lock().unwrap_or_else(PoisonError::into_inner);
        let was_closed = *closed;
        while *closed {
            closed = changed.wait(closed).unwrap_or_else(PoisonError::into_inner);
        }
        was_closed
    }
}

/// The terminal, of which nothing is read while the gate is closed.
#[derive(Debug)]
pub struct Gated {
    pub input: File,
    /// Who may read.
    pub gate: Gate,
}

impl Read for Gated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // Waiting takes nothing: what comes is still there for the one it is meant for.
            let mut waited = [PollFd::new(&self.input, PollFlags::IN)];
            poll(&mut waited, None)?;
            if !self.gate.pass() {
                return self.input.read(buffer);
            }
        }
    }
}

/// The size of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Columns and rows.
    pub cells: Size,
    /// Pixels, 0 where the terminal does not say.
    pub pixels: Size,
}

/// Asks the operating system for the size of the terminal.
pub fn measure() -> io::Result<Measured> {
    let size = terminal::window_size()?;
    Ok(Measured {
        cells: Size { width: size.columns, height: size.rows },
        pixels: Size { width: size.width, height: size.height },
    })
}

/// Reads `input` on a thread of its own and hands the bytes to `send`, as they come, until it
/// returns `false`; `None` says that no more will come.
pub fn read_on_a_thread(
    mut input: impl Read + Send + 'static,
    mut send: impl FnMut(Option<&[u8]>) -> bool + Send + 'static,
) -> io::Result<()> {
    thread::Builder::new().name("input".to_owned()).spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    if !send(Some(&buffer[..count])) {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The terminal is gone (EIO).
                Err(_) => break,
            }
        }
        send(None);
    })?;
    Ok(())
}

/// From here on a panic of this thread gives the terminal back before it is reported. A panic of
/// another thread is told to `elsewhere` instead, because its report would be drawn over.
pub fn restore_on_panic(elsewhere: impl Fn(String) + Send + Sync + 'static) {
    let screen = thread::current().id();
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        if RAW.load(Ordering::SeqCst) {
            if thread::current().id() != screen {
                elsewhere(info.to_string());
                return;
            }
            give_back();
        }
        report(info);
    }));
}

/// Undoes what a screen and raw mode do, knowing neither.
fn give_back() {
    let mut bytes = kitty_farewell();
    bytes.extend_from_slice(KEYBOARD_OFF.as_bytes());
    bytes.extend_from_slice(LEAVE.as_bytes());
    // A panic is being reported already.
    let mut stdout = io::stdout();
    let _ = stdout.write_all(&bytes).and_then(|()| stdout.flush());
    let _ = terminal::disable_raw_mode();
    RAW.store(false, Ordering::SeqCst);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn input_is_handed_on_until_it_ends() -> io::Result<()> {
        let (sender, receiver) = mpsc::channel();
        read_on_a_thread(&b"keys"[..], move |bytes| {
            sender.send(bytes.map(<[u8]>::to_vec)).is_ok()
        })?;
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [Some(b"keys".to_vec()), None]);
        Ok(())
    }
}
