//! Where a run directory stands, in a word or two for a list.

use sigmalab_experiment::status::Status;
use std::fmt;

/// Where a run directory stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryStatus {
    pub trials: usize,
    /// Trials that ended well.
    pub done: usize,
    pub failed: usize,
    /// Trials that are still to be run.
    pub pending: usize,
    pub paused: bool,
    pub workers: usize,
    /// Whether a process lives that holds no part.
    pub waiting: bool,
}

impl DirectoryStatus {
    /// Where a sweep stands, and whether a process waits for it.
    pub fn of(status: &Status, waiting: bool) -> Self {
        DirectoryStatus {
            trials: status.trials,
            done: status.done,
            failed: status.failed,
            pending: status.pending,
            paused: status.paused,
            workers: status.workers.len(),
            waiting,
        }
    }
}

impl DirectoryStatus {
    /// Whether a process works on it.
    pub fn is_running(self) -> bool {
        self.workers > 0
    }

    /// Whether it would go on: something is left, and nobody works on it.
    pub fn is_resumable(self) -> bool {
        self.pending > 0 && !self.is_running()
    }
}

/// `running 5/20`, `paused 5/20`, `stopped 5/20`, `finished`, `finished, 2 failed`.
impl fmt::Display for DirectoryStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match (self.is_running(), self.pending, self.paused) {
            (true, _, false) => "running",
            (true, _, true) => "pausing",
            (false, 0, _) => {
                return match self.failed {
                    0 => f.write_str("finished"),
                    failed => write!(f, "finished, {failed} failed"),
                };
            }
            (false, _, true) => "paused",
            (false, _, false) => "stopped",
        };
        write!(f, "{word} {}/{}", self.done + self.failed, self.trials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_what_matters_of_a_run_directory() {
        let all = DirectoryStatus {
            trials: 20,
            done: 5,
            failed: 0,
            pending: 15,
            paused: false,
            workers: 1,
            waiting: false,
        };
        let none = DirectoryStatus { workers: 0, ..all };
        let over = DirectoryStatus { done: 18, failed: 2, pending: 0, ..none };
        for (status, text, resumable) in [
            (all, "running 5/20", false),
            (DirectoryStatus { paused: true, ..all }, "pausing 5/20", false),
            (DirectoryStatus { paused: true, ..none }, "paused 5/20", true),
            (none, "stopped 5/20", true),
            (over, "finished, 2 failed", false),
            (DirectoryStatus { failed: 0, done: 20, ..over }, "finished", false),
        ] {
            assert_eq!((status.to_string(), status.is_resumable()), (text.to_owned(), resumable));
        }
    }
}
