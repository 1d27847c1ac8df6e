//! The intervals of a protocol (spec §8.1–§8.3).

/// How long a client waits between two syncs, and what shortens the wait. Times are in seconds.
///
/// ```
/// use selvedge_core::schedule::Policy;
///
/// assert_eq!(Policy::FIREFOX.active_seconds, 600);
/// let hurried = Policy { active_seconds: 120, ..Policy::FIREFOX };
/// assert_eq!(hurried.floor_seconds, 60);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// After the start, so that a machine that just booted is not loaded further.
    pub first_seconds: u64,
    /// If this is the account's only device.
    pub single_seconds: u64,
    /// If there are several devices and this one is not in use.
    pub idle_seconds: u64,
    /// If there are several devices and this one is in use.
    pub active_seconds: u64,
    /// If there are several devices and either many local changes, or incoming records in the last sync.
    pub soon_seconds: u64,
    /// Minimum interval between two automatic syncs.
    pub floor_seconds: u64,
    /// After the machine woke up: the network may not be available immediately.
    pub wake_seconds: u64,
    /// Weight of local changes above which they are urgent, with one device.
    pub single_points: u32,
    /// The same with several devices.
    pub several_points: u32,
    /// While the local secrets are locked.
    pub locked_seconds: u64,
    /// While the account has no server node.
    pub no_node_seconds: u64,
    /// Number of consecutive failures that do not increase the wait.
    pub failures: u32,
    /// Each further failure increases the wait by this, multiplied by a random factor of one to two.
    pub backoff_seconds: u64,
    /// The maximum wait after failures.
    pub max_backoff_seconds: u64,
}

impl Policy {
    /// Firefox's intervals.
    pub const FIREFOX: Self = Self {
        first_seconds: 15,
        single_seconds: 86_400,
        idle_seconds: 3600,
        active_seconds: 600,
        soon_seconds: 90,
        floor_seconds: 60,
        wake_seconds: 2,
        single_points: 1000,
        several_points: 300,
        locked_seconds: 900,
        no_node_seconds: 600,
        failures: 3,
        backoff_seconds: 900,
        max_backoff_seconds: 8 * 3600,
    };

    /// The maximum wait of this policy itself.
    #[must_use]
    pub const fn longest_seconds(&self) -> u64 {
        let mut longest = self.max_backoff_seconds;
        if self.single_seconds > longest {
            longest = self.single_seconds;
        }
        if self.idle_seconds > longest {
            longest = self.idle_seconds;
        }
        longest
    }
}
