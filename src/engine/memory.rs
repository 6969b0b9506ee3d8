//! How much memory the trajectory cache takes when nobody says, and how much a run took.

/// Used where the machine's memory cannot be asked for.
const FALLBACK_BYTES: u64 = 1 << 30;

/// A quarter of the machine's memory: the weights, the caller and the page cache need the rest.
/// A state with both velocities takes 6 MiB at 1024×1024, so 24 GiB hold about a thousand steps.
pub fn default_cache_bytes() -> u64 {
    memory_bytes().map_or(FALLBACK_BYTES, |bytes| bytes / 4)
}

/// Forgets the most memory this process held so far, where the system lets it.
pub(super) fn forget_peak() {
    // proc_pid_clear_refs(5): 5 resets the peak. A refusal leaves the peak since the start.
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The most memory this process held since the peak was last forgotten.
pub(super) fn peak_bytes() -> Option<u64> {
    #[cfg(not(target_os = "linux"))]
    return None;
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kilobytes.checked_mul(1024)
    }
}

#[cfg(target_os = "linux")]
fn memory_bytes() -> Option<u64> {
    let info = rustix::system::sysinfo();
    // `totalram` is as wide as a pointer of the machine.
    #[allow(clippy::useless_conversion)]
    u64::from(info.totalram).checked_mul(u64::from(info.mem_unit))
}

#[cfg(not(target_os = "linux"))]
fn memory_bytes() -> Option<u64> {
    None
}
