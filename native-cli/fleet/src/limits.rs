//! The limit of open files, and the resources that the process has used.

use serde::Serialize;

/// Open files besides connections.
const OTHER_FILES: u64 = 128;

/// Raises the limit of open files for a number of connections. Returns the possible number of connections, which is
/// lower if the system does not allow enough open files.
#[must_use]
pub fn raise_open_files(connections: usize, threads: usize) -> usize {
    // Each thread also keeps idle connections in its pool.
    let wanted = (connections as u64).saturating_mul(2) + OTHER_FILES + 16 * threads as u64;
    let Some(allowed) = raise(wanted) else {
        return connections;
    };
    if allowed >= wanted {
        connections
    } else {
        usize::try_from(allowed.saturating_sub(OTHER_FILES) / 2)
            .map_or(connections, |possible| possible.clamp(1, connections))
    }
}

/// The limit after the change; `None` without a limit.
#[cfg(unix)]
fn raise(wanted: u64) -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current?;
    if current >= wanted {
        return Some(current);
    }
    let raised = wanted.min(limit.maximum.unwrap_or(wanted));
    let new = Rlimit {
        current: Some(raised),
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, new) {
        Ok(()) => Some(raised),
        Err(_) => Some(current),
    }
}

#[cfg(not(unix))]
fn raise(_wanted: u64) -> Option<u64> {
    None
}

/// The resources that the process has used, if the system reports them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct ResourceUsage {
    /// The peak memory in bytes.
    pub peak_memory: Option<u64>,
    /// CPU time of all threads in seconds.
    pub cpu_seconds: Option<f64>,
}

impl ResourceUsage {
    /// The usage until now.
    #[must_use]
    pub fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        Self {
            peak_memory: peak(&status),
            cpu_seconds: cpu(&stat),
        }
    }
}

/// `VmHWM` of `/proc/self/status`, which is in KiB.
fn peak(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib.saturating_mul(1024))
}

/// The 14th and 15th field of `/proc/self/stat`: hundredths of seconds on every Linux.
fn cpu(stat: &str) -> Option<f64> {
    // The name in brackets may contain spaces.
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user.saturating_add(system) as f64 / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_proc_are_parsed() {
        assert_eq!(peak("VmPeak:\t 9 kB\nVmHWM:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!(peak(""), None);
        let stat = "7 (a b) c) S 1 7 7 0 -1 4 5 0 0 0 150 50 0 0 20 0";
        assert_eq!(cpu(stat), Some(2.0));
        assert_eq!(cpu("7 (a"), None);
    }

    #[test]
    fn few_connections_need_no_higher_limit() {
        assert_eq!(raise_open_files(4, 1), 4);
    }
}
