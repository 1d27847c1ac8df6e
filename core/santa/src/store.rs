//! What a host stores for a machine: rules, pending events, and the sync state.

use alloc::string::String;
use alloc::vec::Vec;
use core::future::Future;

use serde::{Deserialize, Serialize};

use super::kind::Wipe;
use super::occurrence::Occurrence;
use super::rule::{Change, Rule, RuleKey, RuleState};
use super::wire::RuleType;
use selvedge_core::host::StoreError;

/// The number of an event in a store; later events have larger numbers.
///
/// ```
/// use selvedge_santa::EventId;
///
/// assert!(EventId(1) < EventId(2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub u64);

/// An event that waits for upload.
///
/// ```
/// use selvedge_santa::{EventId, Occurrence, PendingEvent};
/// use selvedge_santa::wire::Event;
///
/// let pending = PendingEvent { id: EventId(1), occurrence: Occurrence::Execution(Event::default().into()) };
/// assert_eq!(pending.id.0, 1);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PendingEvent {
    /// The number with which it is removed.
    pub id: EventId,
    /// The event.
    pub occurrence: Occurrence,
}

/// The number of rules, including locally configured ones.
///
/// ```
/// use selvedge_santa::RuleCounts;
///
/// assert_eq!(RuleCounts::default().binary, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RuleCounts {
    /// Rules by file, including transitive ones.
    pub binary: u32,
    /// Rules by certificate.
    pub certificate: u32,
    /// Compiler rules; they are counted by their type too.
    pub compiler: u32,
    /// Rules that the machine created itself because of compiler rules.
    pub transitive: u32,
    /// Rules by publisher.
    pub teamid: u32,
    /// Rules by program of a publisher.
    pub signingid: u32,
    /// Rules by code directory.
    pub cdhash: u32,
}

impl RuleCounts {
    /// Counts a rule.
    pub fn add(&mut self, rule_type: RuleType, state: RuleState) {
        let by_type = match rule_type {
            RuleType::Binary => &mut self.binary,
            RuleType::Certificate => &mut self.certificate,
            RuleType::TeamId => &mut self.teamid,
            RuleType::SigningId => &mut self.signingid,
            RuleType::CdHash => &mut self.cdhash,
        };
        *by_type = by_type.saturating_add(1);
        if state == RuleState::AllowCompiler {
            self.compiler = self.compiler.saturating_add(1);
        }
        if state.is_transitive() {
            self.transitive = self.transitive.saturating_add(1);
        }
    }
}

/// The changes of one transaction, which the store applies all together or not at all.
///
/// ```
/// use selvedge_santa::{Commit, Wipe};
///
/// assert_eq!(Commit::default().wipe, Wipe::Nothing);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// Rules to be removed first.
    pub wipe: Wipe,
    /// Rules to be added or removed, in order.
    pub changes: Vec<Change>,
    /// Events to be removed.
    pub remove_events: Vec<EventId>,
    /// The new sync state.
    pub state: Option<String>,
}

impl Default for Commit {
    fn default() -> Self {
        Self {
            wipe: Wipe::Nothing,
            changes: Vec::new(),
            remove_events: Vec::new(),
            state: None,
        }
    }
}

/// The result of a commit.
///
/// ```
/// use selvedge_santa::Committed;
///
/// assert!(Committed::default().refused.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// Rules whose expressions the agent cannot use: they were skipped, everything else was applied.
    pub refused: Vec<RuleKey>,
}

/// A machine's rules, pending events, and sync state.
///
/// A host stores them permanently; [`MemoryRuleStore`](super::MemoryRuleStore) keeps them in memory.
pub trait RuleStore {
    /// The last committed sync state.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn state(&self) -> impl Future<Output = Result<Option<String>, StoreError>>;

    /// The number of rules.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn counts(&self) -> impl Future<Output = Result<RuleCounts, StoreError>>;

    /// At most `limit` rules sorted by key, starting after `after`. Locally configured rules are not included.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn rules(
        &self,
        after: Option<&RuleKey>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Rule>, StoreError>>;

    /// At most `limit` events sorted by number, starting after `after`.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn events(
        &self,
        after: Option<EventId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<PendingEvent>, StoreError>>;

    /// Applies all changes in one transaction, or none.
    ///
    /// # Errors
    /// When nothing was changed.
    fn commit(&self, commit: Commit) -> impl Future<Output = Result<Committed, StoreError>>;
}
