//! Whether a request that failed is made again, and after which wait.

use super::HubError;
use std::time::Duration;

/// A server that asks for a longer wait is left to the user.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// An attempt that brought less than this did not get on.
const REAL_PROGRESS: u64 = 1 << 20;

/// A failed attempt.
pub(super) enum AttemptError {
    /// Trying again may help, not before the wait that the server asked for.
    Transient(HubError, Option<Duration>),
    /// Trying again will not help.
    Permanent(HubError),
}

/// How often a request is still tried again, and how long is waited before.
pub(super) struct RetryPolicy {
    attempts: u32,
    failures: u32,
    delay: Duration,
    furthest: u64,
}

impl RetryPolicy {
    /// So many attempts, with this wait before the second and longer ones before the others.
    pub(super) fn new(attempts: u32, delay: Duration) -> Self {
        RetryPolicy { attempts, failures: 0, delay, furthest: 0 }
    }

    /// The same with so many attempts at the most.
    pub(super) fn at_most(self, attempts: u32) -> Self {
        RetryPolicy { attempts: self.attempts.min(attempts), ..self }
    }

    /// That many bytes of a file are here. Where that is really further than ever, the count
    /// begins again; a server that always begins at the start is not waited for for ever.
    pub(super) fn reached(&mut self, bytes: u64) {
        if bytes >= self.furthest.saturating_add(REAL_PROGRESS) {
            self.furthest = bytes;
            self.failures = 0;
        }
    }

    /// Waits before the next attempt, or gives its error when there is none.
    pub(super) fn wait(&mut self, failed: AttemptError) -> Result<(), HubError> {
        let (error, asked) = match failed {
            AttemptError::Transient(error, asked) => (error, asked.unwrap_or_default()),
            AttemptError::Permanent(error) => return Err(error),
        };
        self.failures += 1;
        if self.failures >= self.attempts || asked > LONGEST_WAIT {
            return Err(error);
        }
        let backoff = self.delay.saturating_mul(1 << (self.failures - 1).min(16));
        std::thread::sleep(backoff.min(LONGEST_WAIT).max(asked));
        Ok(())
    }
}
