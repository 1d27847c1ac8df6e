//! A machine of a fleet: its rules, events and state, and the daemon that says when it syncs.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use selvedge_core::host::StoreError;
use selvedge_santa::wire::ClientMode;
use selvedge_santa::{
    Address, BadAddress, Commit, Committed, Daemon, EventId, Link, Occurrence, PendingEvent, Rule,
    RuleCounts, RuleKey, RuleStore, SyncState,
};

use super::events::Waiting;
use super::identity::machine_id;
use super::random::Random;
use super::rules::{Pool, RuleSet};
use super::stats::Shared;

/// What a machine does; one thing at a time, so that no event is sent twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Nothing,
    /// Syncing, or sending events; a sync may have become due meanwhile.
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
    pub(super) doing: Cell<Doing>,
    pub(super) has_synced: Cell<bool>,
    kept: RefCell<Kept>,
}

#[derive(Debug)]
struct Kept {
    daemon: Daemon,
    random: Random,
    rules: RuleSet,
    state: Option<Box<str>>,
    events: VecDeque<Waiting>,
    last_event: u32,
    /// Events that are not to wait for a sync.
    urgent: Vec<u32>,
    /// Why the last sync did not end well.
    trouble: Option<Box<str>>,
}

impl VirtualMachine {
    /// A machine that was just set up.
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
            doing: Cell::new(Doing::Nothing),
            has_synced: Cell::new(false),
            kept: RefCell::new(Kept {
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

    /// Lets the daemon decide something, with random numbers of the machine's own.
    pub(super) fn daemon<T>(&self, act: impl FnOnce(&mut Daemon, &mut Random) -> T) -> T {
        let kept = &mut *self.kept.borrow_mut();
        act(&mut kept.daemon, &mut kept.random)
    }

    /// Its rules.
    pub(super) fn rule_set(&self) -> RuleSet {
        self.kept.borrow().rules.clone()
    }

    /// What it knows of its syncs.
    pub(super) fn sync_state(&self) -> SyncState {
        SyncState::read(self.kept.borrow().state.as_deref())
    }

    /// How many events wait.
    pub(super) fn waiting(&self) -> u64 {
        self.kept.borrow().events.len() as u64
    }

    /// Why the last sync did not end well.
    pub(super) fn trouble(&self) -> Option<Box<str>> {
        self.kept.borrow().trouble.clone()
    }

    /// Keeps why the last sync did not end well, or that it did.
    pub(super) fn set_trouble(&self, trouble: Option<Box<str>>) {
        self.kept.borrow_mut().trouble = trouble;
    }

    /// A program is run; answers whether what became of it is told to the server at once.
    pub(super) fn run_a_program(&self, at: u64, tally: &Shared) -> bool {
        let settings = self.sync_state().settings;
        let mode = settings.client_mode.unwrap_or(ClientMode::Monitor);
        let kept = &mut *self.kept.borrow_mut();
        kept.last_event = kept.last_event.saturating_add(1);
        let event = Waiting::happen(kept.last_event, at, mode, &kept.rules, &mut kept.random);
        let is_kept = settings.keeps(event.decision);
        let is_urgent = is_kept && !event.decision.is_allow();
        if is_urgent {
            kept.urgent.push(event.number);
        }
        if is_kept {
            kept.events.push_back(event);
        }
        let mut tally = tally.lock();
        tally.events.made += 1;
        tally.events.not_kept += u64::from(!is_kept);
        is_urgent
    }

    /// Whether events are to be sent that are not to wait for a sync.
    pub(super) fn has_urgent(&self) -> bool {
        !self.kept.borrow().urgent.is_empty()
    }

    /// Those that still wait. If they cannot be sent now, they wait for the next sync as all others do.
    pub(super) fn take_urgent(&self) -> Vec<(Option<EventId>, Occurrence)> {
        let kept = &mut *self.kept.borrow_mut();
        let urgent = std::mem::take(&mut kept.urgent);
        let events = kept.events.iter();
        let events = events.filter(|event| urgent.binary_search(&event.number).is_ok());
        let events = events.map(|event| {
            let id = EventId(event.number.into());
            (Some(id), event.occurrence(self.seed, self.index))
        });
        events.collect()
    }

    /// Wipes, puts and removes at once; answers how many events went.
    pub(super) fn apply(&self, commit: Commit) -> u64 {
        let kept = &mut *self.kept.borrow_mut();
        if !commit.changes.is_empty() || commit.wipe != selvedge_santa::Wipe::Nothing {
            let mut pool = self.pool.borrow_mut();
            kept.rules = pool.changed(&kept.rules, commit.wipe, commit.changes);
        }
        let before = kept.events.len();
        if !commit.remove_events.is_empty() {
            let mut gone = commit.remove_events;
            gone.sort_unstable();
            let stays =
                |event: &Waiting| gone.binary_search(&EventId(event.number.into())).is_err();
            kept.events.retain(stays);
        }
        if let Some(state) = commit.state {
            kept.state = Some(state.into_boxed_str());
        }
        (before - kept.events.len()) as u64
    }
}

impl RuleStore for VirtualMachine {
    async fn state(&self) -> Result<Option<String>, StoreError> {
        Ok(self.kept.borrow().state.as_deref().map(str::to_owned))
    }

    async fn counts(&self) -> Result<RuleCounts, StoreError> {
        Ok(self.kept.borrow().rules.counts())
    }

    async fn rules(&self, after: Option<&RuleKey>, limit: usize) -> Result<Vec<Rule>, StoreError> {
        Ok(self.kept.borrow().rules.page(after, limit))
    }

    async fn events(
        &self,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<PendingEvent>, StoreError> {
        let kept = self.kept.borrow();
        let after = after.map_or(0, |id| id.0);
        let start = kept
            .events
            .partition_point(|event| u64::from(event.number) <= after);
        let events = kept.events.iter().skip(start).take(limit);
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
    fn events_wait_in_their_order_until_they_are_taken() {
        let (machine, tally) = machine();
        for at in 0..5 {
            assert!(!machine.run_a_program(at, &tally));
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
    fn what_is_blocked_does_not_wait() {
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
        assert!(machine.run_a_program(0, &tally));
        assert!(machine.has_urgent());
        assert_eq!(machine.take_urgent().len(), 1);
        assert!(!machine.has_urgent());
        assert_eq!(machine.waiting(), 1);
    }

    #[test]
    fn what_the_server_does_not_want_is_not_kept() {
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
            machine.run_a_program(at, &tally);
        }
        let events = tally.lock().events;
        assert!(events.not_kept > 20, "{events:?}");
        assert_eq!(events.made, events.not_kept + machine.waiting());
    }
}
