//! The state machine: events in, what is next out.

use serde::{Deserialize, Serialize};

use super::policy::Policy;
use crate::ids::CollectionName;
use crate::server::Backoff;
use crate::sorted::Set;
use crate::time::LocalTime;

/// No server is believed that asks for more.
const WEEK_SECONDS: u64 = 7 * 24 * 3600;

/// Several pushes within so long are one sync.
const PUSH_SECONDS: u64 = 2;

/// Something that happened.
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
    /// Records changed here, worth so many points: 1 for a small change, 10 for one of some weight, 301 for what other
    /// devices should have at once.
    Changed {
        /// The points.
        points: u32,
    },
    /// Somebody uses this device.
    Active,
    /// Nobody has used it for five minutes.
    Idle,
    /// How many devices the account has.
    Devices {
        /// This one included.
        count: usize,
    },
    /// The machine woke up, or the clock was set.
    Woke,
    /// There is a network again.
    NetworkBack,
    /// A person asks for a sync.
    AskedFor,
    /// A push message names collections that changed.
    Pushed {
        /// Their names.
        collections: Set<CollectionName>,
    },
    /// A sync began.
    Began,
    /// A sync ended.
    Ended {
        /// How.
        how: Ended,
        /// Until when the server wants to be left alone.
        backoff: Backoff,
    },
}

/// How a sync ended, as far as the schedule is concerned.
///
/// ```
/// use selvedge_core::schedule::Ended;
///
/// assert_ne!(Ended::Failed, Ended::Locked);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Done; `incoming` tells whether anything came from other devices.
    Done {
        /// Whether anything came.
        incoming: bool,
    },
    /// Another device wrote at the same moment, or the server cut it short: again soon.
    Again,
    /// It failed, or part of it.
    Failed,
    /// There was no network: no failure of the server's.
    Offline,
    /// The local secrets are locked.
    Locked,
    /// The account has no server at the moment.
    NoNode,
    /// A person has to do something first: sign in, upgrade, move.
    NeedsPerson,
}

/// What is next.
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
        /// Whether a person asked for it.
        is_asked_for: bool,
        /// Only these collections; `None` for all.
        only: Option<Set<CollectionName>>,
    },
    /// Nothing before then, unless something happens.
    Wait {
        /// Then.
        until: LocalTime,
    },
    /// A sync runs: ask again when it has ended.
    Running,
    /// A person has to do something first; their asking for a sync tries again.
    ForPerson,
}

/// When to sync next.
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
    /// When the next sync is due by the intervals.
    due: Option<LocalTime>,
    /// When the last sync ended.
    last: Option<LocalTime>,
    /// Until when the server wants to be left alone.
    backoff: Backoff,
    /// Failures in a row.
    failures: u32,
    /// Points of the changes here since the last sync.
    points: u32,
    has_several: bool,
    is_active: bool,
    needs_person: bool,
    /// A person waits.
    is_asked_for: bool,
    /// Collections that a push named.
    pushed: Set<CollectionName>,
    #[serde(skip)]
    is_running: bool,
}

impl Schedule {
    /// Takes in what happened at `now`. `random` spreads the clients of a server: any number.
    pub fn handle(&mut self, policy: &Policy, event: Event, now: LocalTime, random: u32) {
        match event {
            Event::Started => {
                self.is_running = false;
                self.due = Some(now.plus_seconds(policy.first_seconds));
            }
            Event::Changed { points } => {
                self.points = self.points.saturating_add(points);
                if self.is_urgent(policy) {
                    self.hurry(policy, now, 0);
                }
            }
            Event::Active => {
                let was_idle = !core::mem::replace(&mut self.is_active, true);
                if was_idle {
                    self.hurry(policy, now, self.interval(policy));
                }
            }
            Event::Idle => self.is_active = false,
            Event::Devices { count } => {
                let had_several = core::mem::replace(&mut self.has_several, count > 1);
                if self.has_several && !had_several {
                    self.hurry(policy, now, self.interval(policy));
                }
            }
            Event::Woke if self.has_several => self.hurry(policy, now, policy.wake_seconds),
            Event::NetworkBack if self.has_several => self.hurry(policy, now, 0),
            Event::Woke | Event::NetworkBack => {}
            Event::AskedFor => self.is_asked_for = true,
            Event::Pushed { collections } => {
                self.pushed.extend(collections);
                self.hurry(policy, now, PUSH_SECONDS);
            }
            Event::Began => {
                self.is_running = true;
                self.is_asked_for = false;
                self.pushed = Set::new();
                // What changes while it runs counts for the next.
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
                    .min(policy.most_backoff_seconds)
            }
            _ => self.interval(policy),
        };
        self.due = Some(now.plus_seconds(wait));
    }

    /// What is next at `now`. It changes nothing: that a sync began is told by [`Event::Began`].
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
        let until = self.comes_due(policy, now);
        if now < until {
            return Next::Wait { until };
        }
        let is_only_pushed = !self.pushed.is_empty() && !self.is_due_anyway(policy, now);
        Next::Sync {
            is_asked_for: false,
            only: is_only_pushed.then(|| self.pushed.clone()),
        }
    }

    /// When the next sync is due by the intervals; `None` before the first event.
    #[must_use]
    pub const fn due(&self) -> Option<LocalTime> {
        self.due
    }

    /// Until when even a person is refused: the server said so by `Retry-After`.
    #[must_use]
    pub fn refused_until(&self, now: LocalTime) -> Option<LocalTime> {
        let hard = within(self.backoff.hard, now, WEEK_SECONDS)?;
        (now < hard).then_some(hard)
    }

    /// Whether the intervals alone, without a push, have come due.
    fn is_due_anyway(&self, policy: &Policy, now: LocalTime) -> bool {
        self.last
            .is_none_or(|last| now < last || now >= last.plus_seconds(self.interval(policy)))
    }

    /// When a sync that nobody asked for comes due. A clock that was set back does not keep it from coming: no wait is
    /// longer than the longest there is.
    fn comes_due(&self, policy: &Policy, now: LocalTime) -> LocalTime {
        let due = within(self.due, now, policy.longest_seconds()).unwrap_or(now);
        let floor = self
            .last
            .filter(|last| *last <= now)
            .map(|last| last.plus_seconds(policy.floor_seconds));
        let soft = within(self.backoff.until(), now, WEEK_SECONDS);
        Some(due).max(floor).max(soft).unwrap_or(now)
    }

    /// The wait when nothing is special.
    const fn interval(&self, policy: &Policy) -> u64 {
        match (self.has_several, self.is_active) {
            (false, _) => policy.single_seconds,
            (true, false) => policy.idle_seconds,
            (true, true) => policy.active_seconds,
        }
    }

    const fn is_urgent(&self, policy: &Policy) -> bool {
        let threshold = match self.has_several {
            true => policy.several_points,
            false => policy.single_points,
        };
        self.points > threshold
    }

    /// Brings the next sync forward. Failures in a row are not passed over so.
    fn hurry(&mut self, policy: &Policy, now: LocalTime, seconds: u64) {
        if self.failures < policy.failures {
            let sooner = now.plus_seconds(seconds);
            self.due = Some(self.due.map_or(sooner, |due| due.min(sooner)));
        }
    }
}

/// A time, but no later than so long after now.
fn within(time: Option<LocalTime>, now: LocalTime, seconds: u64) -> Option<LocalTime> {
    time.map(|time| time.min(now.plus_seconds(seconds)))
}

/// The server's wait, made longer by up to a quarter, so that not all its clients come back at once.
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
