//! What a host keeps for a machine: rules, events that wait, and the state of its syncs.

use alloc::string::String;
use alloc::vec::Vec;
use core::future::Future;

use serde::{Deserialize, Serialize};

use super::kind::Wipe;
use super::occurrence::Occurrence;
use super::rule::{Change, Rule, RuleKey, RuleState};
use super::wire::RuleType;
use selvedge_core::host::StoreError;

/// The number of an event in a store; later ones are larger.
///
/// ```
/// use selvedge_santa::EventId;
///
/// assert!(EventId(1) < EventId(2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub u64);

/// An event that waits to be uploaded.
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
    /// By which it is removed.
    pub id: EventId,
    /// What happened.
    pub occurrence: Occurrence,
}

/// How many rules there are, locally configured ones included.
///
/// ```
/// use selvedge_santa::RuleCounts;
///
/// assert_eq!(RuleCounts::default().binary, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct RuleCounts {
    /// By file, transitive ones included.
    pub binary: u32,
    /// By certificate.
    pub certificate: u32,
    /// For compilers; they are counted under their own type too.
    pub compiler: u32,
    /// Made by the machine itself through compilers' rules.
    pub transitive: u32,
    /// By publisher.
    pub teamid: u32,
    /// By program of a publisher.
    pub signingid: u32,
    /// By code directory.
    pub cdhash: u32,
}

impl RuleCounts {
    /// Counts one more.
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

/// What happens to a store in one transaction: all of it, or nothing.
///
/// ```
/// use selvedge_santa::{Commit, Wipe};
///
/// assert_eq!(Commit::default().wipe, Wipe::Nothing);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// First, these rules go.
    pub wipe: Wipe,
    /// Then these come or go, one after the other.
    pub changes: Vec<Change>,
    /// These events go.
    pub remove_events: Vec<EventId>,
    /// The sync state becomes this.
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

/// What a store took of a commit.
///
/// ```
/// use selvedge_santa::Committed;
///
/// assert!(Committed::default().refused.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// Rules whose expressions the agent cannot use: they were passed over, everything else was done.
    pub refused: Vec<RuleKey>,
}

/// A machine's rules, the events that wait, and the state of its syncs.
///
/// A host keeps them at rest; [`MemoryRuleStore`](super::MemoryRuleStore) keeps them as long as it lives.
pub trait RuleStore {
    /// The sync state, as it was last committed.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn state(&self) -> impl Future<Output = Result<Option<String>, StoreError>>;

    /// How many rules there are.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn counts(&self) -> impl Future<Output = Result<RuleCounts, StoreError>>;

    /// At most `limit` rules in the order of their keys, those after `after`. Locally configured ones are not among them.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn rules(
        &self,
        after: Option<&RuleKey>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Rule>, StoreError>>;

    /// At most `limit` events in the order of their numbers, those after `after`.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn events(
        &self,
        after: Option<EventId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<PendingEvent>, StoreError>>;

    /// Does all of it in one transaction, or nothing.
    ///
    /// # Errors
    /// When nothing was done.
    fn commit(&self, commit: Commit) -> impl Future<Output = Result<Committed, StoreError>>;
}
