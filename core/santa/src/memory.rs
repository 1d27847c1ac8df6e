//! A rule store in memory: for experiments, for tests, and for simulated machines.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::Bound;

use super::kind::Wipe;
use super::occurrence::Occurrence;
use super::rule::{Change, Rule, RuleKey, RuleState};
use super::store::{Commit, Committed, EventId, PendingEvent, RuleCounts, RuleStore};
use selvedge_core::host::StoreError;

/// A [`RuleStore`] that exists as long as this value.
///
/// ```
/// use selvedge_santa::{MemoryRuleStore, RuleStore};
///
/// let store = MemoryRuleStore::default();
/// assert!(pollster::block_on(store.rules(None, 10)).unwrap().is_empty());
/// ```
#[derive(Debug, Default)]
pub struct MemoryRuleStore {
    contents: RefCell<Contents>,
    is_usable: Option<fn(&str) -> bool>,
}

#[derive(Debug, Default)]
struct Contents {
    state: Option<String>,
    rules: BTreeMap<RuleKey, Rule>,
    events: BTreeMap<EventId, Occurrence>,
    last_event: u64,
}

impl MemoryRuleStore {
    /// The store of an agent that can use only some expressions.
    #[must_use]
    pub fn with_expressions(is_usable: fn(&str) -> bool) -> Self {
        Self {
            contents: RefCell::default(),
            is_usable: Some(is_usable),
        }
    }

    /// Adds an event, unless one with the same key is already stored; `None` then.
    pub fn add_event(&self, occurrence: Occurrence) -> Option<EventId> {
        let mut contents = self.contents.borrow_mut();
        let key = occurrence.key();
        let waits = contents.events.values().any(|other| other.key() == key);
        if waits {
            return None;
        }
        contents.last_event = contents.last_event.saturating_add(1);
        let id = EventId(contents.last_event);
        contents.events.insert(id, occurrence);
        Some(id)
    }

    /// Adds a rule that did not come from a server.
    pub fn add_rule(&self, rule: Rule) {
        self.contents
            .borrow_mut()
            .rules
            .insert(rule.key.clone(), rule);
    }
}

impl RuleStore for MemoryRuleStore {
    async fn state(&self) -> Result<Option<String>, StoreError> {
        Ok(self.contents.borrow().state.clone())
    }

    async fn counts(&self) -> Result<RuleCounts, StoreError> {
        let mut counts = RuleCounts::default();
        for rule in self.contents.borrow().rules.values() {
            counts.add(rule.key.rule_type(), rule.state);
        }
        Ok(counts)
    }

    async fn rules(&self, after: Option<&RuleKey>, limit: usize) -> Result<Vec<Rule>, StoreError> {
        let contents = self.contents.borrow();
        let start = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.clone()));
        let rules = contents.rules.range((start, Bound::Unbounded));
        Ok(rules.take(limit).map(|(_, rule)| rule.clone()).collect())
    }

    async fn events(
        &self,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<PendingEvent>, StoreError> {
        let contents = self.contents.borrow();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let events = contents.events.range((start, Bound::Unbounded)).take(limit);
        let pending = events.map(|(id, occurrence)| PendingEvent {
            id: *id,
            occurrence: occurrence.clone(),
        });
        Ok(pending.collect())
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let mut contents = self.contents.borrow_mut();
        let mut committed = Committed::default();
        match commit.wipe {
            Wipe::Nothing => {}
            Wipe::NonTransitive => contents.rules.retain(|_, rule| rule.state.is_transitive()),
            Wipe::All => contents.rules.clear(),
        }
        for change in commit.changes {
            match change {
                Change::Put(rule)
                    if rule.state == RuleState::Cel
                        && self.is_usable.is_some_and(|test| !test(&rule.cel_expr)) =>
                {
                    committed.refused.push(rule.key);
                }
                Change::Put(rule) => {
                    contents.rules.insert(rule.key.clone(), rule);
                }
                Change::Remove(key) => {
                    contents.rules.remove(&key);
                }
            }
        }
        for id in commit.remove_events {
            contents.events.remove(&id);
        }
        if commit.state.is_some() {
            contents.state = commit.state;
        }
        Ok(committed)
    }
}
