//! What a signal that ended a process means. It knows nothing of which process it was.

/// ` (SIGSEGV, a wrong memory access)`, or nothing for a signal without a story.
pub fn signal_in_words(signal: i32) -> &'static str {
    match signal {
        4 => " (SIGILL, an instruction this processor does not have)",
        6 => " (SIGABRT, it aborted)",
        7 | 10 => " (SIGBUS, a file mapped into memory that shrank while it was read)",
        8 => " (SIGFPE, an arithmetic fault)",
        9 => " (SIGKILL, it was killed)",
        11 => " (SIGSEGV, a wrong memory access)",
        15 => " (SIGTERM, it was asked to end)",
        _ => "",
    }
}
