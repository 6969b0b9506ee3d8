//! How much memory the trajectory cache takes when nobody says.

/// Used where the machine's memory cannot be asked for.
const FALLBACK_BYTES: u64 = 1 << 30;

/// A quarter of the machine's memory: the weights, the caller and the page cache need the rest.
/// A state with both velocities takes 6 MiB at 1024×1024, so 24 GiB hold about a thousand steps.
pub fn default_cache_bytes() -> u64 {
    memory_bytes().map_or(FALLBACK_BYTES, |bytes| bytes / 4)
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
