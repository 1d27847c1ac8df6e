//! A virtual machine: its rules, events, sync state, and schedule.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use selvedge_core::host::StoreError;
use selvedge_santa::wire::ClientMode;
use selvedge_santa::{
    Address, BadAddress, Commit, Committed, Daemon, EventId, Link, Occurrence, PendingEvent, Rule,
    RuleCounts, RuleKey, RuleStore, SyncState,
};

use super::events::PendingExecution;
use super::identity::machine_id;
use super::random::Random;
use super::rules::{Pool, RuleSet};
use super::stats::Shared;

/// The current activity of a machine. It has one activity at a time, so that no event is sent twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activity {
    Idle,
    /// Syncing or uploading events. A sync may become due in the meantime.
    Busy {
        is_sync_due: bool,
    },
}

/// One machine.
#[derive(Debug)]
pub(super) struct VirtualMachine {
    seed: u64,
    pub(super) index: u32,
    pub(super) address: Address,
    pub(super) link: Link,
    pool: Rc<RefCell<Pool>>,
    pub(super) activity: Cell<Activity>,
    pub(super) has_synced: Cell<bool>,
    inner: RefCell<Inner>,
}

#[derive(Debug)]
struct Inner {
    daemon: Daemon,
    random: Random,
    rules: RuleSet,
    state: Option<Box<str>>,
    events: VecDeque<PendingExecution>,
    last_event: u32,
    /// Numbers of events to upload immediately.
    urgent: Vec<u32>,
    /// The error of the last sync, if it failed.
    trouble: Option<Box<str>>,
}

impl VirtualMachine {
    /// A new machine.
    pub(super) fn new(
        seed: u64,
        index: u32,
        server: &str,
        pool: &Rc<RefCell<Pool>>,
    ) -> Result<Self, BadAddress> {
        Ok(Self {
            seed,
            index,
            address: Address::new(server, &machine_id(seed, index))?,
            link: Link::default(),
            pool: Rc::clone(pool),
            activity: Cell::new(Activity::Idle),
            has_synced: Cell::new(false),
            inner: RefCell::new(Inner {
                daemon: Daemon::new(None),
                random: Random::of(seed, index),
                rules: pool.borrow_mut().empty(),
                state: None,
                events: VecDeque::new(),
                last_event: 0,
                urgent: Vec::new(),
                trouble: None,
            }),
        })
    }

    /// Calls the schedule with the machine's random generator.
    pub(super) fn daemon<T>(&self, act: impl FnOnce(&mut Daemon, &mut Random) -> T) -> T {
        let inner = &mut *self.inner.borrow_mut();
        act(&mut inner.daemon, &mut inner.random)
    }

    /// Its rules.
    pub(super) fn rule_set(&self) -> RuleSet {
        self.inner.borrow().rules.clone()
    }

    /// Its sync state.
    pub(super) fn sync_state(&self) -> SyncState {
        SyncState::read(self.inner.borrow().state.as_deref())
    }

    /// The number of pending events.
    pub(super) fn waiting(&self) -> u64 {
        self.inner.borrow().events.len() as u64
    }

    /// The error of the last sync, if it failed.
    pub(super) fn trouble(&self) -> Option<Box<str>> {
        self.inner.borrow().trouble.clone()
    }

    /// Sets the error of the last sync, or clears it.
    pub(super) fn set_trouble(&self, trouble: Option<Box<str>>) {
        self.inner.borrow_mut().trouble = trouble;
    }

    /// Simulates an execution. Returns whether its event is to be uploaded immediately.
    pub(super) fn execute_program(&self, at: u64, tally: &Shared) -> bool {
        let settings = self.sync_state().settings;
        let mode = settings.client_mode.unwrap_or(ClientMode::Monitor);
        let inner = &mut *self.inner.borrow_mut();
        inner.last_event = inner.last_event.saturating_add(1);
        let event =
            PendingExecution::simulate(inner.last_event, at, mode, &inner.rules, &mut inner.random);
        let is_kept = settings.keeps(event.decision);
        let is_urgent = is_kept && !event.decision.is_allow();
        if is_urgent {
            inner.urgent.push(event.number);
        }
        if is_kept {
            inner.events.push_back(event);
        }
        let mut tally = tally.lock();
        tally.events.made += 1;
        tally.events.not_kept += u64::from(!is_kept);
        is_urgent
    }

    /// Whether there are events to upload immediately.
    pub(super) fn has_urgent(&self) -> bool {
        !self.inner.borrow().urgent.is_empty()
    }

    /// Takes the events to upload immediately. If the upload fails, they wait for the next sync like all others.
    pub(super) fn take_urgent(&self) -> Vec<(Option<EventId>, Occurrence)> {
        let inner = &mut *self.inner.borrow_mut();
        let urgent = std::mem::take(&mut inner.urgent);
        let events = inner.events.iter();
        let events = events.filter(|event| urgent.binary_search(&event.number).is_ok());
        let events = events.map(|event| {
            let id = EventId(event.number.into());
            (Some(id), event.occurrence(self.seed, self.index))
        });
        events.collect()
    }

    /// Applies a commit. Returns the number of removed events.
    pub(super) fn apply(&self, commit: Commit) -> u64 {
        let inner = &mut *self.inner.borrow_mut();
        if !commit.changes.is_empty() || commit.wipe != selvedge_santa::Wipe::Nothing {
            let mut pool = self.pool.borrow_mut();
            inner.rules = pool.changed(&inner.rules, commit.wipe, commit.changes);
        }
        let before = inner.events.len();
        if !commit.remove_events.is_empty() {
            let mut removed = commit.remove_events;
            removed.sort_unstable();
            let stays = |event: &PendingExecution| {
                removed
                    .binary_search(&EventId(event.number.into()))
                    .is_err()
            };
            inner.events.retain(stays);
        }
        if let Some(state) = commit.state {
            inner.state = Some(state.into_boxed_str());
        }
        (before - inner.events.len()) as u64
    }
}

impl RuleStore for VirtualMachine {
    async fn state(&self) -> Result<Option<String>, StoreError> {
        Ok(self.inner.borrow().state.as_deref().map(str::to_owned))
    }

    async fn counts(&self) -> Result<RuleCounts, StoreError> {
        Ok(self.inner.borrow().rules.counts())
    }

    async fn rules(&self, after: Option<&RuleKey>, limit: usize) -> Result<Vec<Rule>, StoreError> {
        Ok(self.inner.borrow().rules.page(after, limit))
    }

    async fn events(
        &self,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<PendingEvent>, StoreError> {
        let inner = self.inner.borrow();
        let after = after.map_or(0, |id| id.0);
        let start = inner
            .events
            .partition_point(|event| u64::from(event.number) <= after);
        let events = inner.events.iter().skip(start).take(limit);
        let events = events.map(|event| PendingEvent {
            id: EventId(event.number.into()),
            occurrence: event.occurrence(self.seed, self.index),
        });
        Ok(events.collect())
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.apply(commit);
        Ok(Committed::default())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use selvedge_santa::wire::RuleType;
    use selvedge_santa::{Change, RuleState};

    use super::super::stats::FleetStats;
    use super::*;

    fn machine() -> (VirtualMachine, Shared) {
        let pool = Rc::new(RefCell::new(Pool::new()));
        let machine = VirtualMachine::new(1, 7, "http://127.0.0.1/", &pool).unwrap();
        (
            machine,
            Shared::new(FleetStats::new(Instant::now(), Duration::from_secs(1))),
        )
    }

    fn numbers(machine: &VirtualMachine, after: Option<u64>, limit: usize) -> Vec<u64> {
        let events = pollster::block_on(machine.events(after.map(EventId), limit)).unwrap();
        events.iter().map(|event| event.id.0).collect()
    }

    #[test]
    fn events_are_pending_in_their_order_until_they_are_removed() {
        let (machine, tally) = machine();
        for at in 0..5 {
            assert!(!machine.execute_program(at, &tally));
        }
        assert_eq!(numbers(&machine, None, 3), [1, 2, 3]);
        assert_eq!(numbers(&machine, Some(3), 3), [4, 5]);
        let commit = Commit {
            remove_events: vec![EventId(4), EventId(1)],
            ..Commit::default()
        };
        assert_eq!(machine.apply(commit), 2);
        assert_eq!(numbers(&machine, None, 9), [2, 3, 5]);
        let events = tally.lock().events;
        assert_eq!((events.made, machine.waiting()), (5, 3));
    }

    #[test]
    fn blocked_executions_are_uploaded_immediately() {
        let (machine, tally) = machine();
        let lockdown = SyncState {
            settings: selvedge_santa::Settings {
                client_mode: Some(ClientMode::Lockdown),
                ..Default::default()
            },
            ..SyncState::default()
        };
        machine.apply(Commit {
            state: Some(lockdown.write()),
            ..Commit::default()
        });
        assert!(machine.execute_program(0, &tally));
        assert!(machine.has_urgent());
        assert_eq!(machine.take_urgent().len(), 1);
        assert!(!machine.has_urgent());
        assert_eq!(machine.waiting(), 1);
    }

    #[test]
    fn events_that_the_server_does_not_request_are_dropped() {
        let (machine, tally) = machine();
        let rule = Rule::new(
            RuleKey::new(RuleType::TeamId, "EQHXZ8M8AV").unwrap(),
            RuleState::Allow,
        );
        machine.apply(Commit {
            changes: vec![Change::Put(rule)],
            ..Commit::default()
        });
        for at in 0..200 {
            machine.execute_program(at, &tally);
        }
        let events = tally.lock().events;
        assert!(events.not_kept > 20, "{events:?}");
        assert_eq!(events.made, events.not_kept + machine.waiting());
    }
}
