//! When the daemon syncs next, as a state machine without a clock (spec §3).
//!
//! ```text
//! start ─────────────────────────────→ a full sync after 15 s
//! the timer fires ───────────────────→ a full sync; the timer restarts, as a fallback
//! preflight succeeded ───────────────→ the timer restarts with the server's interval, else its previous one,
//!                                      else 10 minutes; with push, the server's longer interval if it sent one
//! preflight failed ──────────────────→ with push: after its interval, at most 10 minutes; wait for the network
//! a later stage failed ──────────────→ nothing: the timer is set already
//! a person requests a sync ──────────→ now; refused if one runs and one is waiting
//! push: everything ──────────────────→ now
//! push: rules, for this machine ─────→ rules only, now
//! push: rules, for every machine ────→ rules only, within the deadline
//! push: a tag ───────────────────────→ everything, within the message's random delay, or earlier by the timer
//! push is connected again ───────────→ everything within 10 minutes, if it is still connected then
//! push is disconnected ──────────────→ everything after the interval without push, until it is connected again
//! push is gone permanently ──────────→ everything after 10 minutes, and from then on as without push
//! the network went and came back ────→ now, if the daemon waits for it, which starts with the first report after a failure
//! ```
//!
//! One sync runs at a time, and one may wait. Push messages move timers, so that many of them at once cause one sync.
//!
//! It is separate from [`schedule`](selvedge_core::schedule): that state machine uses devices, changes and backoff,
//! which Santa does not have; this one uses timers that a server sets.

mod wake;

use alloc::collections::VecDeque;

pub use self::wake::{Due, Full, Job, Wake};
use super::draw::Draw;
use super::kind::Kind;
use super::timing::{FULL_INTERVAL, Preflighted};
use selvedge_core::time::LocalTime;

/// Time for the agent to start, in seconds.
const SETTLE_SECONDS: u64 = 15;

/// Seconds between two full syncs while push is in use, if the server does not specify them.
const PUSH_SECONDS: u64 = 14_400;

/// Maximum wait after a failure, or after push is lost, in seconds.
const SOON_SECONDS: u64 = 600;

/// Maximum random delay after a message for a tag, in seconds, if it does not specify one.
const TAG_SECONDS: u64 = 180;

/// One runs and one waits.
const MAX_SYNCS: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Push {
    #[default]
    None,
    Present {
        interval: u64,
        deadline: u64,
        line: PushConnection,
    },
}

/// The state of the push client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PushConnection {
    /// Not connected yet: push is assumed to be in use anyway.
    New,
    Up,
    /// The connection was lost, or failed: no messages arrive, so the interval without push applies.
    Lost,
}

/// Whether the daemon waits for the network to return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum NetworkWatch {
    #[default]
    Off,
    Armed {
        last: Option<bool>,
    },
}

/// A timer for full syncs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Timer {
    at: LocalTime,
    is_pushed: bool,
}

/// The schedule: when to sync next. A host reports events to it, and asks it for the next job.
///
/// ```
/// use selvedge_santa::{Daemon, Draw, Due, Job, Wake};
/// use selvedge_core::time::LocalTime;
///
/// let start = LocalTime::from_millis(0);
/// let mut daemon = Daemon::new(None);
/// daemon.handle(Wake::Started, start, Draw(0))?;
/// assert_eq!(daemon.next(start), Due::At(start.plus_seconds(15)));
/// let job = Job::Full { kind: None, is_pushed: false };
/// assert_eq!(daemon.next(start.plus_seconds(15)), Due::Now(job));
/// # Ok::<(), selvedge_santa::Full>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daemon {
    interval: u64,
    /// Random deviation of the interval between two syncs, in percent, so that machines that started together do not
    /// sync together.
    spread_percent: u64,
    full: Option<Timer>,
    rules: Option<LocalTime>,
    reconnected: Option<LocalTime>,
    asked_for: VecDeque<Kind>,
    running: Option<Job>,
    push: Push,
    network_watch: NetworkWatch,
}

impl Daemon {
    /// Creates one with the interval that a server set before, in seconds.
    #[must_use]
    pub fn new(known_interval: Option<u32>) -> Self {
        Self {
            interval: known_interval.unwrap_or(FULL_INTERVAL).into(),
            spread_percent: 0,
            full: None,
            rules: None,
            reconnected: None,
            asked_for: VecDeque::new(),
            running: None,
            push: Push::None,
            network_watch: NetworkWatch::Off,
        }
    }

    /// Adds a random deviation of the intervals, in percent, at most 50.
    #[must_use]
    pub fn spread(self, percent: u64) -> Self {
        Self {
            spread_percent: percent.min(50),
            ..self
        }
    }

    /// Processes an event that happened at `now`.
    ///
    /// # Errors
    /// When a person requests a sync and one is already waiting; no other event can be rejected.
    pub fn handle(&mut self, wake: Wake, now: LocalTime, draw: Draw) -> Result<(), Full> {
        match wake {
            Wake::Started => {
                self.set_full(now.plus_seconds(SETTLE_SECONDS), false);
            }
            Wake::AskedFor(kind) => return self.queue(kind),
            Wake::Began(job) => self.began(job, now, draw),
            Wake::Preflighted(seen) => self.preflighted(&seen, draw),
            Wake::PreflightFailed => {
                self.arm();
                if self.has_push() {
                    let seconds = self.interval().min(SOON_SECONDS);
                    self.set_full(now.plus_seconds(seconds), false);
                }
            }
            Wake::UploadFailed => self.arm(),
            Wake::Ended => self.running = None,
            Wake::PushPresent => {
                if self.push == Push::None {
                    self.push = Push::Present {
                        interval: PUSH_SECONDS,
                        deadline: SOON_SECONDS,
                        line: PushConnection::New,
                    };
                }
            }
            Wake::PushConnected => self.connected(now, draw),
            Wake::PushDisconnected => self.disconnected(now, draw),
            Wake::PushGone => {
                self.reconnected = None;
                if core::mem::take(&mut self.push) != Push::None {
                    self.set_full(now.plus_seconds(SOON_SECONDS), false);
                }
            }
            Wake::Pushed(message) => self.pushed(message, now, draw),
            Wake::Network { is_up } => self.network(is_up, now),
        }
        Ok(())
    }

    /// The next action at `now`. This does not change the state: [`Wake::Began`] reports the start of a sync.
    #[must_use]
    pub fn next(&self, now: LocalTime) -> Due {
        if self.running.is_some() {
            return Due::Running;
        }
        if let Some(kind) = self.asked_for.front() {
            return Due::Now(Job::Full {
                kind: Some(*kind),
                is_pushed: false,
            });
        }
        let full = self.full.filter(|timer| timer.at <= now);
        let is_back = self.reconnected.is_some_and(|at| at <= now);
        match (full, is_back, self.rules) {
            (Some(timer), _, _) => Due::Now(Job::Full {
                kind: None,
                is_pushed: timer.is_pushed || is_back,
            }),
            (None, true, _) => Due::Now(Job::Full {
                kind: None,
                is_pushed: true,
            }),
            (None, false, Some(at)) if at <= now => Due::Now(Job::Rules),
            _ => {
                let times = [
                    self.full.map(|timer| timer.at),
                    self.rules,
                    self.reconnected,
                ];
                times
                    .into_iter()
                    .flatten()
                    .min()
                    .map_or(Due::Nothing, Due::At)
            }
        }
    }

    /// When the next full sync is scheduled.
    #[must_use]
    pub fn full_at(&self) -> Option<LocalTime> {
        self.full.map(|timer| timer.at)
    }

    /// When the next rule sync is scheduled.
    #[must_use]
    pub const fn rules_at(&self) -> Option<LocalTime> {
        self.rules
    }

    /// The running job.
    #[must_use]
    pub const fn running(&self) -> Option<Job> {
        self.running
    }

    /// Whether push is in use.
    #[must_use]
    pub fn has_push(&self) -> bool {
        self.push != Push::None
    }

    /// Seconds between two full syncs in the current state.
    #[must_use]
    pub const fn interval(&self) -> u64 {
        match self.push {
            Push::Present {
                line: PushConnection::Lost,
                ..
            }
            | Push::None => self.interval,
            Push::Present { interval, .. } => interval,
        }
    }

    fn set_full(&mut self, at: LocalTime, is_pushed: bool) {
        self.full = Some(Timer { at, is_pushed });
    }

    fn queue(&mut self, kind: Kind) -> Result<(), Full> {
        if self.asked_for.len() + usize::from(self.running.is_some()) >= MAX_SYNCS {
            return Err(Full);
        }
        self.asked_for.push_back(kind);
        Ok(())
    }

    fn began(&mut self, job: Job, now: LocalTime, draw: Draw) {
        self.running = Some(job);
        let Job::Full { kind, .. } = job else {
            self.rules = None;
            return;
        };
        if kind.is_some() {
            self.asked_for.pop_front();
        }
        // This sync includes everything that was due; the timer is a fallback until preflight has succeeded.
        if self.reconnected.is_some_and(|at| at <= now) {
            self.reconnected = None;
        }
        if self.full.is_none_or(|timer| timer.at <= now) {
            let interval = self.interval();
            self.set_full(now.plus_seconds(self.spread_by(interval, draw)), false);
        }
    }

    /// A push that arrived during the sync and is due before the end of the interval is not lost.
    fn preflighted(&mut self, seen: &Preflighted, draw: Draw) {
        self.network_watch = NetworkWatch::Off;
        self.interval = seen.interval.into();
        let mut seconds = self.interval;
        if let Push::Present {
            interval,
            deadline,
            line,
        } = &mut self.push
        {
            *deadline = seen.timing.rule_deadline.into();
            *interval = seen.timing.push_interval.map_or(PUSH_SECONDS, u64::from);
            if seen.timing.push_interval.is_some() && *line != PushConnection::Lost {
                seconds = *interval;
            }
        }
        let at = seen.at.plus_seconds(self.spread_by(seconds, draw));
        match self.full {
            Some(timer) if timer.is_pushed && timer.at < at => {}
            _ => self.set_full(at, false),
        }
    }

    fn connected(&mut self, now: LocalTime, draw: Draw) {
        if let Push::Present { line, .. } = &mut self.push
            && core::mem::replace(line, PushConnection::Up) != PushConnection::Up
        {
            self.reconnected = Some(now.plus_seconds(draw.below(SOON_SECONDS)));
        }
    }

    /// A sync that waits for a message that can no longer arrive waits no longer than without push.
    fn disconnected(&mut self, now: LocalTime, draw: Draw) {
        self.reconnected = None;
        let Push::Present { line, .. } = &mut self.push else {
            return;
        };
        if core::mem::replace(line, PushConnection::Lost) == PushConnection::Lost {
            return;
        }
        let at = now.plus_seconds(self.spread_by(self.interval, draw));
        if self.full.is_some_and(|timer| at < timer.at) {
            self.set_full(at, false);
        }
    }

    fn pushed(&mut self, message: super::push::Message, now: LocalTime, draw: Draw) {
        use super::push::Message;
        let deadline = match self.push {
            Push::Present { deadline, .. } => deadline,
            Push::None => SOON_SECONDS,
        };
        match message {
            Message::Full => self.set_full(now, true),
            Message::Tag { max_jitter } => {
                let jitter = max_jitter.map_or(TAG_SECONDS, u64::from);
                let at = now.plus_seconds(draw.below(jitter));
                // A message with a long random delay must not postpone an earlier sync.
                if self.full.is_none_or(|timer| at < timer.at) {
                    self.set_full(at, true);
                }
            }
            Message::Rules { is_for_us: true } => self.rules = Some(now),
            Message::Rules { is_for_us: false } => {
                self.rules = Some(now.plus_seconds(draw.below(deadline)));
            }
        }
    }

    fn arm(&mut self) {
        if self.network_watch == NetworkWatch::Off {
            self.network_watch = NetworkWatch::Armed { last: None };
        }
    }

    fn network(&mut self, is_up: bool, now: LocalTime) {
        let NetworkWatch::Armed { last } = self.network_watch else {
            return;
        };
        if is_up && last == Some(false) {
            self.network_watch = NetworkWatch::Off;
            self.set_full(now, false);
        } else {
            self.network_watch = NetworkWatch::Armed { last: Some(is_up) };
        }
    }

    fn spread_by(&self, seconds: u64, draw: Draw) -> u64 {
        let deviation = seconds.saturating_mul(self.spread_percent) / 100;
        let less = seconds.saturating_sub(deviation);
        less.saturating_add(draw.below(deviation.saturating_mul(2).saturating_add(1)))
    }
}

#[cfg(test)]
mod tests;
