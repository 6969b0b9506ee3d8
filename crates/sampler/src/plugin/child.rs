//! Processes in which code of plugins runs so that it may crash or hang there: this program
//! again, with a pipe as its standard input on which it writes lines. Knows nothing of what they
//! say.

use super::ending::signal_in_words;
use sigmalab_files::token;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Longest line that is read, in bytes.
const LONGEST_LINE: u64 = 16 << 20;

/// A process to start and listen to.
pub struct Conversation<'a> {
    pub program: &'a Path,
    pub arguments: &'a [&'a OsStr],
    /// When it says nothing for so long it is ended.
    pub silence: Duration,
    /// Whether what it prints is shown on the caller's standard error.
    pub shown: bool,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildEnd {
    /// By itself, or by a signal.
    Ended(ExitStatus),
    /// It said nothing for so long that it was ended.
    Silent(Duration),
}

impl ChildEnd {
    /// The cause in words, with the process as `it`; `None` where all was well.
    pub fn cause(&self) -> Option<String> {
        let status = match self {
            ChildEnd::Silent(limit) => {
                return Some(format!("it did not return within {} s", limit.as_secs_f64()));
            }
            ChildEnd::Ended(status) => status,
        };
        match (status.signal(), status.code()) {
            (Some(signal), _) => {
                Some(format!("it crashed: signal {signal}{}", signal_in_words(signal)))
            }
            (None, Some(0)) => None,
            (None, Some(code)) => Some(format!("it ended the process with exit code {code}")),
            (None, None) => Some(format!("it ended the process: {status}")),
        }
    }
}

/// Starts the process and gives its lines to `on_line` until it ends.
pub fn converse(
    conversation: &Conversation<'_>,
    on_line: &mut dyn FnMut(&str),
) -> io::Result<ChildEnd> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_read_timeout(Some(conversation.silence))?;
    let printed = || match conversation.shown {
        true => Stdio::from(io::stderr()),
        false => Stdio::null(),
    };
    let mut command = Command::new(conversation.program);
    command.args(conversation.arguments);
    // It is no business of a plugin's.
    token::withhold(&mut command);
    command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(printed()).stderr(printed());
    let mut child = command.spawn()?;
    // The command holds the other end too: it must go, or the end is never seen.
    drop(command);
    let mut lines = BufReader::new(ours);
    loop {
        let mut line = Vec::new();
        match lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(_) if line.last() == Some(&b'\n') => on_line(&String::from_utf8_lossy(&line)),
            // The end, perhaps in the middle of a line.
            Ok(_) => return end(&mut child).map(ChildEnd::Ended),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_silence(&error) => {
                let _ = child.kill();
                child.wait()?;
                return Ok(ChildEnd::Silent(conversation.silence));
            }
            Err(_) => return end(&mut child).map(ChildEnd::Ended),
        }
    }
}

/// Waits for a process that has closed its pipe; one that goes on without is ended.
fn end(child: &mut Child) -> io::Result<ExitStatus> {
    for _ in 0..100 {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    child.wait()
}

fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// In such a process: the pipe to the one that started it. From here on this process ends with
/// that one and leaves no core file behind when a plugin crashes it.
pub fn parent_pipe() -> io::Result<UnixStream> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    socket.peer_addr()?;
    without_core_dump();
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    Ok(socket)
}

/// Nobody asked for core files of plugins that are tried out.
fn without_core_dump() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    // A system that refuses it writes a file more.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shell(script: &str, silence: Duration) -> (Vec<String>, ChildEnd) {
        let mut lines = Vec::new();
        let conversation = Conversation {
            program: Path::new("/bin/sh"),
            arguments: &[OsStr::new("-c"), OsStr::new(script)],
            silence,
            shown: false,
        };
        let end = converse(&conversation, &mut |line| lines.push(line.trim().to_owned())).unwrap();
        (lines, end)
    }

    #[test]
    fn what_a_process_writes_on_its_pipe_is_heard_and_what_it_prints_is_not() {
        let script = "echo noise; echo one >&0; echo two >&0";
        let (lines, end) = shell(script, Duration::from_secs(30));
        assert_eq!(lines, ["one", "two"]);
        assert_eq!(end.cause(), None);
    }

    #[test]
    fn a_crash_an_exit_and_a_hang_are_told_in_words() {
        let long = Duration::from_secs(30);
        let cause = |script, silence| shell(script, silence).1.cause().unwrap();
        assert!(cause("kill -SEGV $$", long).contains("signal 11 (SIGSEGV"));
        assert_eq!(cause("exit 3", long), "it ended the process with exit code 3");
        let cause = cause("echo x >&0; exec sleep 60", Duration::from_millis(300));
        assert_eq!(cause, "it did not return within 0.3 s");
    }
}
