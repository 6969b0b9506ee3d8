//! Which process this is, in words that no other process shares, and whether another one lives.
//! Knows nothing of what processes do.

use serde::{Deserialize, Serialize};
use std::path::Path;

/// A process on some machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub host: String,
    /// The machine's start and the space of its process numbers, which containers have apart;
    /// empty where the system does not tell.
    pub boot: String,
    /// The process's number.
    pub id: u32,
    /// When it began, in the system's own unit; a number is used again, both together are not.
    pub started: u64,
}

impl Process {
    pub fn this() -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let id = std::process::id();
        Process { host, boot: boot().unwrap_or_default(), id, started: started(id).unwrap_or(0) }
    }

    /// Whether it is known to have ended: only of a process of this machine. Two machines may have
    /// one name, so one that was started again is another one.
    pub fn is_gone(&self) -> bool {
        let this = Process::this();
        if !self.is_beside(&this) || self.boot.is_empty() {
            return false;
        }
        match started(self.id) {
            Some(started) => started != self.started,
            // The system may hide what other users run. It says all the same whether there is such
            // a number.
            None => is_free(self.id),
        }
    }

    /// Whether two processes are of one machine and one space of process numbers.
    pub fn is_beside(&self, other: &Process) -> bool {
        self.host == other.host && self.boot == other.boot
    }

    /// A name for files: machine, number and start.
    pub fn file_name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let host: String = self.host.chars().take(40).map(plain).collect();
        let boot: String = self.boot.chars().take(8).collect();
        format!("{host}-{boot}-{}-{}", self.id, self.started)
    }
}

/// Whether no process has that number, or only one that is dead and that nobody waited for.
fn is_free(id: u32) -> bool {
    let Some(id) = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw) else {
        return true;
    };
    match rustix::process::test_kill_process(id) {
        Err(error) => error == rustix::io::Errno::SRCH,
        // Its own user may look: what cannot be seen is dead.
        Ok(()) => Path::new("/proc").join(id.as_raw_nonzero().to_string()).exists(),
    }
}

fn boot() -> Option<String> {
    // A container may see the processes of another one there: then nothing is known of any.
    let own = std::fs::read_link("/proc/self").ok()?;
    if own != Path::new(&std::process::id().to_string()) {
        return None;
    }
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let numbers = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), numbers.display()))
}

/// Clock ticks between the machine's start and the process's; `None` where it is not there.
fn started(id: u32) -> Option<u64> {
    let stat =
        std::fs::read_to_string(Path::new("/proc").join(id.to_string()).join("stat")).ok()?;
    // The name in brackets may hold anything; the fields after it are numbers. proc_pid_stat(5):
    // starttime is field 22, state is field 3. A dead process that nobody waited for is a zombie.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn this_process_lives_and_a_finished_child_does_not() {
        let this = Process::this();
        assert!(!this.is_gone());
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let other =
            Process { id: child.id(), started: started(child.id()).unwrap(), ..this.clone() };
        assert!(!other.is_gone());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(other.is_gone());
        let elsewhere = Process { host: "elsewhere".to_owned(), ..other };
        assert!(!elsewhere.is_gone());
        let reused = Process { started: this.started + 1, ..this };
        assert!(reused.is_gone());
    }
}
