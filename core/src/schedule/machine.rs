//! The state machine: its input is events, its output is the next action.

use serde::{Deserialize, Serialize};

use super::policy::Policy;
use crate::ids::CollectionName;
use crate::server::Backoff;
use crate::sorted::Set;
use crate::time::LocalTime;

/// Maximum wait that a server can request, in seconds; longer waits are shortened to this.
const WEEK_SECONDS: u64 = 7 * 24 * 3600;

/// Pushes within this number of seconds are combined into one sync.
const PUSH_SECONDS: u64 = 2;

/// An event that affects the schedule.
///
/// ```
/// use selvedge_core::schedule::Event;
///
/// assert_ne!(Event::Active, Event::Idle);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The host started.
    Started,
    /// Local records changed; `points` is the weight of the change: 1 for a small change, 10 for a larger one, 301 for
    /// a change that other devices should get immediately.
    Changed {
        /// The weight.
        points: u32,
    },
    /// A person is using this device.
    Active,
    /// The device has been unused for five minutes.
    Idle,
    /// The number of devices of the account.
    Devices {
        /// The number, including this device.
        count: usize,
    },
    /// The machine woke up from sleep, or the clock was set.
    Woke,
    /// The network is available again.
    NetworkBack,
    /// A person requests a sync.
    AskedFor,
    /// A push message contains the names of changed collections.
    Pushed {
        /// Their names.
        collections: Set<CollectionName>,
    },
    /// A sync started.
    Began,
    /// A sync ended.
    Ended {
        /// The result.
        how: Ended,
        /// How long the server asks clients to wait.
        backoff: Backoff,
    },
}

/// The result of a sync, as far as it affects the schedule.
///
/// ```
/// use selvedge_core::schedule::Ended;
///
/// assert_ne!(Ended::Failed, Ended::Locked);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Successful; `incoming` is whether records from other devices arrived.
    Done {
        /// Whether records from other devices arrived.
        incoming: bool,
    },
    /// Another device wrote at the same time, or the server interrupted the sync: retry soon.
    Again,
    /// The sync, or a part of it, failed.
    Failed,
    /// There was no network: not counted as a failure of the server.
    Offline,
    /// The local secrets are locked.
    Locked,
    /// The account has no server node at the moment.
    NoNode,
    /// A person must act first: sign in, upgrade, or move to another server.
    NeedsPerson,
}

/// The next action.
///
/// ```
/// use selvedge_core::schedule::Next;
///
/// assert_ne!(Next::ForPerson, Next::Sync { is_asked_for: true, only: None });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Sync now.
    Sync {
        /// Whether a person requested it.
        is_asked_for: bool,
        /// The collections to sync; `None` for all.
        only: Option<Set<CollectionName>>,
    },
    /// Wait until the given time, unless an event occurs.
    Wait {
        /// The time.
        until: LocalTime,
    },
    /// A sync is running: call again when it has ended.
    Running,
    /// A person must act first; a sync that the person requests is attempted.
    ForPerson,
}

/// The schedule: when to sync next.
///
/// ```
/// use selvedge_core::schedule::{Event, Next, Policy, Schedule};
/// use selvedge_core::time::LocalTime;
///
/// let now = LocalTime::from_millis(1_700_000_000_000);
/// let mut schedule = Schedule::default();
/// schedule.handle(&Policy::FIREFOX, Event::Started, now, 0);
/// assert_eq!(schedule.next(&Policy::FIREFOX, now), Next::Wait { until: now.plus_seconds(15) });
/// schedule.handle(&Policy::FIREFOX, Event::AskedFor, now, 0);
/// assert_eq!(schedule.next(&Policy::FIREFOX, now), Next::Sync { is_asked_for: true, only: None });
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Schedule {
    /// When the next sync is due by the regular intervals.
    due: Option<LocalTime>,
    /// When the last sync ended.
    last: Option<LocalTime>,
    /// How long the server asks clients to wait.
    backoff: Backoff,
    /// Number of consecutive failures.
    failures: u32,
    /// Total weight of the local changes since the last sync.
    points: u32,
    has_several: bool,
    is_active: bool,
    needs_person: bool,
    /// Whether a person requested a sync.
    is_asked_for: bool,
    /// Collections named in push messages.
    pushed: Set<CollectionName>,
    #[serde(skip)]
    is_running: bool,
}

impl Schedule {
    /// Processes an event that happened at `now`. `random` is any random number; it distributes the clients of a server
    /// over time.
    pub fn handle(&mut self, policy: &Policy, event: Event, now: LocalTime, random: u32) {
        match event {
            Event::Started => {
                self.is_running = false;
                self.due = Some(now.plus_seconds(policy.first_seconds));
            }
            Event::Changed { points } => {
                self.points = self.points.saturating_add(points);
                if self.is_urgent(policy) {
                    self.bring_forward(policy, now, 0);
                }
            }
            Event::Active => {
                let was_idle = !core::mem::replace(&mut self.is_active, true);
                if was_idle {
                    self.bring_forward(policy, now, self.interval(policy));
                }
            }
            Event::Idle => self.is_active = false,
            Event::Devices { count } => {
                let had_several = core::mem::replace(&mut self.has_several, count > 1);
                if self.has_several && !had_several {
                    self.bring_forward(policy, now, self.interval(policy));
                }
            }
            Event::Woke if self.has_several => self.bring_forward(policy, now, policy.wake_seconds),
            Event::NetworkBack if self.has_several => self.bring_forward(policy, now, 0),
            Event::Woke | Event::NetworkBack => {}
            Event::AskedFor => self.is_asked_for = true,
            Event::Pushed { collections } => {
                self.pushed.extend(collections);
                self.bring_forward(policy, now, PUSH_SECONDS);
            }
            Event::Began => {
                self.is_running = true;
                self.is_asked_for = false;
                self.pushed = Set::new();
                // Changes during the sync count for the next one.
                self.points = 0;
            }
            Event::Ended { how, backoff } => self.ended(policy, how, backoff, now, random),
        }
    }

    fn ended(
        &mut self,
        policy: &Policy,
        how: Ended,
        backoff: Backoff,
        now: LocalTime,
        random: u32,
    ) {
        self.is_running = false;
        self.last = Some(now);
        self.backoff = stretched(backoff, now, random);
        self.needs_person = how == Ended::NeedsPerson;
        self.failures = match how {
            Ended::Failed => self.failures.saturating_add(1),
            Ended::Offline | Ended::Locked | Ended::NoNode => self.failures,
            Ended::Done { .. } | Ended::Again | Ended::NeedsPerson => 0,
        };
        let wait = match how {
            Ended::Done { incoming: true } if self.has_several => policy.soon_seconds,
            _ if self.is_urgent(policy) => policy.soon_seconds,
            Ended::Again => policy.soon_seconds,
            Ended::Locked => policy.locked_seconds,
            Ended::NoNode => policy.no_node_seconds,
            Ended::Failed if self.failures >= policy.failures => {
                let base = policy.backoff_seconds;
                let stretch = base.saturating_mul(u64::from(random)) / u64::from(u32::MAX);
                u64::from(self.failures)
                    .saturating_mul(base.saturating_add(stretch))
                    .min(policy.max_backoff_seconds)
            }
            _ => self.interval(policy),
        };
        self.due = Some(now.plus_seconds(wait));
    }

    /// The next action at `now`. This does not change the state: [`Event::Began`] reports the start of a sync.
    #[must_use]
    pub fn next(&self, policy: &Policy, now: LocalTime) -> Next {
        if self.is_running {
            return Next::Running;
        }
        if let Some(until) = self.refused_until(now) {
            return Next::Wait { until };
        }
        if self.is_asked_for {
            return Next::Sync {
                is_asked_for: true,
                only: None,
            };
        }
        if self.needs_person {
            return Next::ForPerson;
        }
        let until = self.due_at(policy, now);
        if now < until {
            return Next::Wait { until };
        }
        let is_only_pushed = !self.pushed.is_empty() && !self.is_due_by_interval(policy, now);
        Next::Sync {
            is_asked_for: false,
            only: is_only_pushed.then(|| self.pushed.clone()),
        }
    }

    /// When the next sync is due by the regular intervals; `None` before the first event.
    #[must_use]
    pub const fn due(&self) -> Option<LocalTime> {
        self.due
    }

    /// The time until which even manual syncs are refused, because the server sent `Retry-After`.
    #[must_use]
    pub fn refused_until(&self, now: LocalTime) -> Option<LocalTime> {
        let hard = within(self.backoff.hard, now, WEEK_SECONDS)?;
        (now < hard).then_some(hard)
    }

    /// Whether a sync is due by the regular intervals, regardless of pushes.
    fn is_due_by_interval(&self, policy: &Policy, now: LocalTime) -> bool {
        self.last
            .is_none_or(|last| now < last || now >= last.plus_seconds(self.interval(policy)))
    }

    /// When an automatic sync is due. A clock that was set back does not prevent it: no wait exceeds the maximum.
    fn due_at(&self, policy: &Policy, now: LocalTime) -> LocalTime {
        let due = within(self.due, now, policy.longest_seconds()).unwrap_or(now);
        let floor = self
            .last
            .filter(|last| *last <= now)
            .map(|last| last.plus_seconds(policy.floor_seconds));
        let soft = within(self.backoff.until(), now, WEEK_SECONDS);
        Some(due).max(floor).max(soft).unwrap_or(now)
    }

    /// The regular interval.
    const fn interval(&self, policy: &Policy) -> u64 {
        match (self.has_several, self.is_active) {
            (false, _) => policy.single_seconds,
            (true, false) => policy.idle_seconds,
            (true, true) => policy.active_seconds,
        }
    }

    const fn is_urgent(&self, policy: &Policy) -> bool {
        let threshold = if self.has_several {
            policy.several_points
        } else {
            policy.single_points
        };
        self.points > threshold
    }

    /// Moves the next sync to an earlier time, except after too many consecutive failures.
    fn bring_forward(&mut self, policy: &Policy, now: LocalTime, seconds: u64) {
        if self.failures < policy.failures {
            let sooner = now.plus_seconds(seconds);
            self.due = Some(self.due.map_or(sooner, |due| due.min(sooner)));
        }
    }
}

/// The time, but at most `seconds` after now.
fn within(time: Option<LocalTime>, now: LocalTime, seconds: u64) -> Option<LocalTime> {
    time.map(|time| time.min(now.plus_seconds(seconds)))
}

/// The server's wait, extended by up to a quarter, so that not all clients return at the same time.
fn stretched(backoff: Backoff, now: LocalTime, random: u32) -> Backoff {
    let stretch = |until: LocalTime| {
        let wait = until.millis().saturating_sub(now.millis());
        let more = u128::from(wait) * u128::from(random) / u128::from(u32::MAX) / 4;
        LocalTime::from_millis(
            until
                .millis()
                .saturating_add(u64::try_from(more).unwrap_or(0)),
        )
    };
    Backoff {
        soft: backoff.soft.map(stretch),
        hard: backoff.hard.map(stretch),
    }
}

#[cfg(test)]
mod tests;
