//! Errors that pass: a network file system says now and then that a file is stale or cannot be read,
//! and a moment later it can. Knows nothing of what is done.

use rustix::io::Errno;
use std::io::{self, ErrorKind};
use std::time::Duration;

/// Pauses between tries.
const PAUSES: [u64; 5] = [50, 200, 500, 1000, 2000];

/// Whether an error may be gone at the next try.
pub fn passes(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    let kinds = [ErrorKind::Interrupted, ErrorKind::TimedOut, ErrorKind::WouldBlock];
    matches!(code, Some(Errno::STALE | Errno::IO)) || kinds.contains(&error.kind())
}

/// Does something that may fail for a moment: once, and then again for some seconds.
pub fn patiently<T>(mut deed: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for pause in PAUSES {
        match deed() {
            Err(error) if passes(&error) => std::thread::sleep(Duration::from_millis(pause)),
            done => return done,
        }
    }
    deed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_tried_again_and_everything_else_is_told_at_once() {
        let mut tries = 0;
        let done = patiently(|| {
            tries += 1;
            let stale = io::Error::from_raw_os_error(Errno::STALE.raw_os_error());
            if tries < 3 { Err(stale) } else { Ok(tries) }
        });
        assert_eq!(done.ok(), Some(3));
        let mut tries = 0;
        let done: io::Result<()> = patiently(|| {
            tries += 1;
            Err(ErrorKind::NotFound.into())
        });
        assert!(done.is_err() && tries == 1);
    }
}
