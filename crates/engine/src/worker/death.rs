//! How a worker died, in words a person can act on.

use sigmalab_sampler::plugin::signal_in_words;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

/// Whether it was killed, as the system does where memory runs out.
pub(super) fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(9)
}

/// The cause of a worker's death from its exit status.
pub(super) fn in_words(status: ExitStatus, log: Option<&Path>) -> String {
    let cause = match (status.signal(), status.code()) {
        (Some(9), _) => "it was killed (SIGKILL), most likely because the machine ran out of \
                         memory; try a smaller size, or a checkpoint in fp8 or nf4"
            .to_owned(),
        (Some(signal @ (7 | 10)), _) => format!(
            "it died of signal {signal} (SIGBUS, most likely a checkpoint file that changed while \
             it was read)"
        ),
        (Some(signal), _) => format!("it died of signal {signal}{}", signal_in_words(signal)),
        (None, Some(101)) => "it panicked, which is a bug in sigmalab".to_owned(),
        (None, Some(code)) => format!("it exited with code {code}"),
        (None, None) => format!("it ended: {status}"),
    };
    match log {
        Some(log) => format!("{cause}; what it printed is in {}", log.display()),
        None => cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_points_at_memory_and_names_the_log() {
        let words = in_words(ExitStatus::from_raw(9), Some(Path::new("w.log")));
        assert!(words.contains("SIGKILL") && words.contains("memory"), "{words}");
        assert!(words.ends_with("is in w.log"), "{words}");
    }

    #[test]
    fn signals_and_exit_codes_are_told_apart() {
        assert!(in_words(ExitStatus::from_raw(11), None).contains("SIGSEGV"));
        assert!(in_words(ExitStatus::from_raw(101 << 8), None).contains("panicked"));
        assert!(in_words(ExitStatus::from_raw(3 << 8), None).contains("exited with code 3"));
    }
}
