//! When the daemon syncs next, as a state machine without a clock (spec §3).
//!
//! ```text
//! start ─────────────────────────────→ a full sync after 15 s
//! the timer fires ───────────────────→ a full sync; the timer counts anew, as a safety net
//! preflight was answered ────────────→ the timer counts from then: what the server said, else what it said before,
//!                                      else 10 minutes; with push, and if it said so, its longer interval
//! preflight failed ──────────────────→ with push: after its interval, at most 10 minutes; the network is watched
//! a later stage failed ──────────────→ nothing more: the timer is set already
//! a person asks ─────────────────────→ now; one runs and one waits already: refused
//! push: everything ──────────────────→ now
//! push: rules, of this machine ──────→ rules alone, now
//! push: rules, of every machine ─────→ rules alone, within the deadline
//! push: a tag ───────────────────────→ everything, within the message's jitter, or sooner by the timer
//! push is back ──────────────────────→ everything within 10 minutes, if it is still there then
//! push is lost, for now ─────────────→ everything after the interval without push, and so until it is back
//! push is lost for good ─────────────→ everything after 10 minutes, and from then on as without push
//! the network went and came back ────→ now, if it is watched; the first report after a failure is where that begins
//! ```
//!
//! One sync runs at a time, and one may wait. Push messages move timers, so that a burst of them is one sync.
//!
//! It is a machine of its own beside [`schedule`](selvedge_core::schedule): that one decides by devices, changes and backoff,
//! which Santa does not know, and this one by timers that a server sets.

mod wake;

use alloc::collections::VecDeque;

pub use self::wake::{Due, Full, Job, Wake};
use super::draw::Draw;
use super::kind::Kind;
use super::timing::{FULL_INTERVAL, Preflighted};
use selvedge_core::time::LocalTime;

/// The agent has so many seconds to start.
const SETTLE_SECONDS: u64 = 15;

/// Between two full syncs while push is in use and the server has not said otherwise.
const PUSH_SECONDS: u64 = 14_400;

/// After a failure, or when push is lost, no longer than this.
const SOON_SECONDS: u64 = 600;

/// A message for a tag is spread over so many seconds, if it does not say.
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
        line: Line,
    },
}

/// The push client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// There was none yet: push is taken to be in use all the same.
    New,
    Up,
    /// It was lost, or could not be made: no message comes, so that it is polled as without push.
    Lost,
}

/// Whether the network's return is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Reach {
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

/// When to sync next. A host tells it what happens, and asks it what is due.
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
    /// So many per cent more or less between two syncs, so that machines that started together do not stay so.
    spread_percent: u64,
    full: Option<Timer>,
    rules: Option<LocalTime>,
    reconnected: Option<LocalTime>,
    asked_for: VecDeque<Kind>,
    running: Option<Job>,
    push: Push,
    reach: Reach,
}

impl Daemon {
    /// With the interval that a server gave before, in seconds.
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
            reach: Reach::Off,
        }
    }

    /// With intervals that are so many per cent longer or shorter by chance, at most 50.
    #[must_use]
    pub fn spread(self, percent: u64) -> Self {
        Self {
            spread_percent: percent.min(50),
            ..self
        }
    }

    /// Takes in what happened at `now`.
    ///
    /// # Errors
    /// When a person asks for a sync and one waits already; nothing else can be refused.
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
                        line: Line::New,
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

    /// What is due at `now`. It changes nothing: that a sync began is told by [`Wake::Began`].
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

    /// When the next full sync comes by the timer.
    #[must_use]
    pub fn full_at(&self) -> Option<LocalTime> {
        self.full.map(|timer| timer.at)
    }

    /// When the next rule sync comes.
    #[must_use]
    pub const fn rules_at(&self) -> Option<LocalTime> {
        self.rules
    }

    /// What runs.
    #[must_use]
    pub const fn running(&self) -> Option<Job> {
        self.running
    }

    /// Whether push is in use.
    #[must_use]
    pub fn has_push(&self) -> bool {
        self.push != Push::None
    }

    /// Seconds between two full syncs as things are.
    #[must_use]
    pub const fn interval(&self) -> u64 {
        match self.push {
            Push::Present {
                line: Line::Lost, ..
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
        // Whatever was due is done by this; the timer is a safety net until preflight is answered.
        if self.reconnected.is_some_and(|at| at <= now) {
            self.reconnected = None;
        }
        if self.full.is_none_or(|timer| timer.at <= now) {
            let interval = self.interval();
            self.set_full(now.plus_seconds(self.spread_by(interval, draw)), false);
        }
    }

    /// A push that came while the sync ran, and is due before the interval has passed, is not lost.
    fn preflighted(&mut self, seen: &Preflighted, draw: Draw) {
        self.reach = Reach::Off;
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
            if seen.timing.push_interval.is_some() && *line != Line::Lost {
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
            && core::mem::replace(line, Line::Up) != Line::Up
        {
            self.reconnected = Some(now.plus_seconds(draw.below(SOON_SECONDS)));
        }
    }

    /// What waits for a message that cannot come any more, waits no longer than it would without push.
    fn disconnected(&mut self, now: LocalTime, draw: Draw) {
        self.reconnected = None;
        let Push::Present { line, .. } = &mut self.push else {
            return;
        };
        if core::mem::replace(line, Line::Lost) == Line::Lost {
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
                // A message with a long jitter must not put off what comes sooner by itself.
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
        if self.reach == Reach::Off {
            self.reach = Reach::Armed { last: None };
        }
    }

    fn network(&mut self, is_up: bool, now: LocalTime) {
        let Reach::Armed { last } = self.reach else {
            return;
        };
        if is_up && last == Some(false) {
            self.reach = Reach::Off;
            self.set_full(now, false);
        } else {
            self.reach = Reach::Armed { last: Some(is_up) };
        }
    }

    fn spread_by(&self, seconds: u64, draw: Draw) -> u64 {
        let most = seconds.saturating_mul(self.spread_percent) / 100;
        let less = seconds.saturating_sub(most);
        less.saturating_add(draw.below(most.saturating_mul(2).saturating_add(1)))
    }
}

#[cfg(test)]
mod tests;
