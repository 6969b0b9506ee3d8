//! How much memory a worker may take, and how much a run took.

use super::memory_size::MemorySize;

/// Used where the machine's memory cannot be asked for.
const FALLBACK_BYTES: u64 = 1 << 30;

/// What a worker may take of the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryBudget {
    /// Bytes the trajectory cache may hold.
    pub cache: u64,
    /// Bytes the model may take: its weights and what computes with them.
    pub model: Option<u64>,
    /// The limit that somebody asked for: one that cannot be held is refused.
    pub limit: Option<MemorySize>,
}

impl MemoryBudget {
    /// The budget under a limit for all of a worker, and with a cache of so many bytes, where
    /// they are given. Without a limit seven eighths of the memory are one.
    pub fn new(limit: Option<MemorySize>, cache: Option<u64>) -> Self {
        let cache = cache.unwrap_or_else(|| default_cache_bytes(limit));
        let all = limit.map(|limit| limit.0).or_else(|| Some(memory_bytes()? / 8 * 7));
        MemoryBudget { cache, model: all.map(|all| all.saturating_sub(cache)), limit }
    }
}

/// An eighth of the limit; without one a quarter of the memory: the weights, the caller and the
/// page cache need the rest. A state with both velocities takes 6 MiB at 1024×1024, so 24 GiB hold
/// about a thousand steps.
pub fn default_cache_bytes(limit: Option<MemorySize>) -> u64 {
    match limit {
        Some(limit) => limit.0 / 8,
        None => memory_bytes().map_or(FALLBACK_BYTES, |bytes| bytes / 4),
    }
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

/// The machine's memory, or what the control groups of this process leave of it.
#[cfg(target_os = "linux")]
fn memory_bytes() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = group_limit_files(&groups).into_iter().filter_map(|file| {
        // `max` where there is no limit.
        std::fs::read_to_string(file).ok()?.trim().parse().ok()
    });
    limits.chain(machine_bytes()).min()
}

/// The files that may hold a limit on the memory of a process, from what its
/// `/proc/self/cgroup` says: of its group and of every group around it (cgroups(7)).
#[cfg(target_os = "linux")]
fn group_limit_files(groups: &str) -> Vec<std::path::PathBuf> {
    use std::path::Path;
    let of = |line: &str| {
        let [_, controllers, group] = line.splitn(3, ':').collect::<Vec<_>>().try_into().ok()?;
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            list if list.split(',').any(|controller| controller == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        let group = Path::new(group.strip_prefix('/')?);
        let around = group.ancestors().map(move |group| Path::new(root).join(group).join(file));
        Some(around.collect::<Vec<_>>())
    };
    groups.lines().filter_map(of).flatten().collect()
}

#[cfg(target_os = "linux")]
fn machine_bytes() -> Option<u64> {
    let info = rustix::system::sysinfo();
    // `totalram` is as wide as a pointer of the machine.
    #[allow(clippy::useless_conversion)]
    u64::from(info.totalram).checked_mul(u64::from(info.mem_unit))
}

#[cfg(not(target_os = "linux"))]
fn memory_bytes() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_shared_by_the_cache_and_the_model() {
        let limit = Some(MemorySize(16_000));
        let budget = MemoryBudget::new(limit, None);
        assert_eq!(budget, MemoryBudget { cache: 2000, model: Some(14_000), limit });
        let budget = MemoryBudget::new(limit, Some(20_000));
        assert_eq!(budget.model, Some(0));
    }

    #[test]
    fn without_a_limit_nothing_was_asked_for_and_the_machine_is_not_filled() {
        let budget = MemoryBudget::new(None, Some(5));
        assert_eq!((budget.cache, budget.limit), (5, None));
        if let Some(memory) = memory_bytes() {
            assert!(budget.model < Some(memory));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn limits_are_looked_for_in_the_group_and_in_all_around_it() {
        let names = |text: &str| -> Vec<String> {
            let files = group_limit_files(text);
            files.iter().map(|file| file.display().to_string()).collect()
        };
        assert_eq!(
            names("0::/user.slice/job\n"),
            [
                "/sys/fs/cgroup/user.slice/job/memory.max",
                "/sys/fs/cgroup/user.slice/memory.max",
                "/sys/fs/cgroup/memory.max",
            ]
        );
        assert_eq!(
            names("12:cpu,cpuacct:/a\n5:memory:/\n0::"),
            ["/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        );
    }
}
