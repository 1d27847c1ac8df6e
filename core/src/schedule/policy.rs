//! The intervals of a protocol (spec §8.1–§8.3).

/// How long a client waits between two syncs, and what makes it hurry. Times are in seconds.
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
    /// After the start, so that a machine that just booted is left alone.
    pub first_seconds: u64,
    /// When this is the account's only device.
    pub single_seconds: u64,
    /// When there are several and nobody uses this one.
    pub idle_seconds: u64,
    /// When there are several and somebody uses this one.
    pub active_seconds: u64,
    /// When there are several and much has changed here, or the last sync brought something.
    pub soon_seconds: u64,
    /// Between two syncs that nobody asked for, at least.
    pub floor_seconds: u64,
    /// After the machine woke up: the network is not there at once.
    pub wake_seconds: u64,
    /// So many points make changes here urgent, with one device.
    pub single_points: u32,
    /// And with several.
    pub several_points: u32,
    /// While the local secrets are locked.
    pub locked_seconds: u64,
    /// While the account has no server.
    pub no_node_seconds: u64,
    /// So many failures in a row are taken as bad luck.
    pub failures: u32,
    /// From then on each makes the wait longer by this, once to twice.
    pub backoff_seconds: u64,
    /// But never longer than this.
    pub most_backoff_seconds: u64,
}

impl Policy {
    /// What Firefox does.
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
        most_backoff_seconds: 8 * 3600,
    };

    /// The longest that this policy ever waits by itself.
    #[must_use]
    pub const fn longest_seconds(&self) -> u64 {
        let mut longest = self.most_backoff_seconds;
        if self.single_seconds > longest {
            longest = self.single_seconds;
        }
        if self.idle_seconds > longest {
            longest = self.idle_seconds;
        }
        longest
    }
}
