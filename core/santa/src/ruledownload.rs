//! Chapter 4: rules come page by page, and are applied at once (spec §2.5).
//!
//! ```text
//! a page fails ─────────────────────────────→ nothing is applied, the sync ends, status 3
//! a rule is not valid ──────────────────────→ it is passed over alone
//! a cursor ─────────────────────────────────→ the next page
//!   more pages than any server has ─────────→ as if a page had failed
//!   the same cursor twice, without rules ───→ likewise
//!   more rules than allowed ────────────────→ likewise
//! no cursor, no valid rule at all ──────────→ the store is not touched: nothing is wiped either
//! no cursor, rules ─────────────────────────→ one transaction: wipe by the kind of sync, then the rules in their order
//! the store fails ──────────────────────────→ nothing is applied, the sync ends, status 3
//! ```

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::mem;

use super::address::Endpoint;
use super::announcements::Announcements;
use super::error::{Error, Result};
use super::kind::Kind;
use super::rule::{BadRule, Change, RuleKey};
use super::session::{Host, Session};
use super::state::SyncState;
use super::store::{Commit, RuleStore};
use super::wire::{Policy, RuleDownloadRequest, RuleDownloadResponse, RuleMessage};
use selvedge_core::host::Clock;

/// No server has more pages.
const MAX_PAGES: u32 = 100_000;

/// So many rules that were passed over or refused are named; the others are counted.
pub(super) const NAMED: usize = 20;

/// What came of the rules.
///
/// ```
/// use selvedge_santa::Downloaded;
///
/// assert_eq!(Downloaded::default().received, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Downloaded {
    /// Rules of all pages.
    pub received: u32,
    /// Those of them that are valid.
    pub processed: u32,
    /// Some of those that are not: the identifier, cut short, and why.
    pub skipped: Vec<(String, BadRule)>,
    /// Rules whose expressions the agent cannot use.
    pub refused: Vec<RuleKey>,
    /// Programs of which a user is told that they may run now.
    pub notices: Vec<String>,
    /// Whether the store was changed.
    pub is_applied: bool,
}

/// Rules of all pages until they are applied: of each key, the changes that may still count.
#[derive(Debug, Default)]
pub(super) struct Collected {
    changes: BTreeMap<RuleKey, Changes>,
    announced: Vec<RuleMessage>,
    result: Downloaded,
}

impl Collected {
    /// Adds a page in its order.
    pub(super) fn add(&mut self, rules: Vec<RuleMessage>, announcements: &Announcements) {
        for message in rules {
            self.result.received = self.result.received.saturating_add(1);
            match Change::read(&message) {
                Ok(change) => {
                    self.result.processed = self.result.processed.saturating_add(1);
                    self.change(change);
                    if message.policy != Some(Policy::Remove) && announcements.concern(&message) {
                        self.announced.push(message);
                    }
                }
                Err(bad) if self.result.skipped.len() < NAMED => {
                    let name = message.identifier.chars().take(80).collect();
                    self.result.skipped.push((name, bad));
                }
                Err(_) => {}
            }
        }
    }
}

/// The changes of one key that may still count.
#[derive(Debug)]
struct Changes {
    /// What came before the last one, if the agent has to compile the last one's expression first.
    before: Vec<Change>,
    last: Change,
}

impl Collected {
    /// Adds a change after those that came before. It is the last word on its key, unless the agent cannot use its
    /// expression: what came before counts then (spec §2.5), and is kept until the agent has judged.
    fn change(&mut self, change: Change) {
        match self.changes.entry(change.key().clone()) {
            Entry::Vacant(entry) => {
                let before = Vec::new();
                entry.insert(Changes {
                    before,
                    last: change,
                });
            }
            Entry::Occupied(mut entry) => {
                let changes = entry.get_mut();
                if change.has_expression() {
                    let previous = mem::replace(&mut changes.last, change);
                    changes.before.push(previous);
                } else {
                    changes.before = Vec::new();
                    changes.last = change;
                }
            }
        }
    }

    /// The changes in the order of their keys, and of one key in the order in which they came.
    fn into_changes(changes: BTreeMap<RuleKey, Changes>) -> Vec<Change> {
        let in_order = |changes: Changes| changes.before.into_iter().chain([changes.last]);
        changes.into_values().flat_map(in_order).collect()
    }
}

/// Which page is next.
///
/// ```
/// use selvedge_santa::Turn;
///
/// assert_eq!(Turn::decide("", "2".into(), true, 1), Turn::Page("2".into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// None.
    Last,
    /// The one of this cursor.
    Page(String),
    /// The server does not end.
    Endless,
}

impl Turn {
    /// Decides by the cursor that a page was asked with, the one it brings, whether it had rules, and its number.
    #[must_use]
    pub fn decide(asked: &str, cursor: String, has_rules: bool, pages: u32) -> Self {
        if cursor.is_empty() {
            Self::Last
        } else if pages >= MAX_PAGES || (cursor == asked && !has_rules) {
            Self::Endless
        } else {
            Self::Page(cursor)
        }
    }
}

/// Fetches all pages, then applies them in one transaction.
pub(super) async fn step<H: Host>(session: &Session<'_, H>, kind: Kind) -> Result<Downloaded> {
    let collected = fetch(session).await?;
    let announcements = &session.link.announcements;
    apply(session.host, kind, collected, announcements).await
}

async fn fetch<H: Host>(session: &Session<'_, H>) -> Result<Collected> {
    let stage = session.client.stage(Endpoint::RuleDownload);
    let most = session.options.most_rules;
    let mut collected = Collected::default();
    let mut cursor = String::new();
    let mut pages = 0;
    loop {
        let request = RuleDownloadRequest {
            cursor,
            machine_id: session.client.machine().into(),
        };
        let page: RuleDownloadResponse = stage.send(&request).await?;
        pages += 1;
        let has_rules = !page.rules.is_empty();
        collected.add(page.rules, &session.link.announcements.borrow());
        if collected.result.received as usize > most {
            return Err(Error::TooManyRules { most });
        }
        cursor = match Turn::decide(&request.cursor, page.cursor, has_rules, pages) {
            Turn::Last => return Ok(collected),
            Turn::Page(cursor) => cursor,
            Turn::Endless => return Err(Error::Endless),
        };
    }
}

/// Applies what came, in one transaction with the time of it. Without a valid rule nothing is done at all: a server
/// that lost its rules does not take them from its machines.
pub(super) async fn apply<H: RuleStore + Clock>(
    host: &H,
    kind: Kind,
    collected: Collected,
    announcements: &RefCell<Announcements>,
) -> Result<Downloaded> {
    let mut result = collected.result;
    if result.processed == 0 {
        return Ok(result);
    }
    let mut state = SyncState::load(host).await?;
    state.last_rule_sync = Some(host.now());
    let commit = Commit {
        wipe: kind.wipe(),
        changes: Collected::into_changes(collected.changes),
        state: Some(state.write()),
        ..Commit::default()
    };
    result.refused = host.commit(commit).await?.refused;
    result.is_applied = true;
    if kind == Kind::Normal {
        result.notices = announcements.borrow_mut().of_rules(&collected.announced);
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuleState;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// What is left to be applied, as policies: `-` removes, `=` is an expression.
    fn left(policies: &str) -> String {
        let rule = |policy| RuleMessage {
            identifier: "EQHXZ8M8AV".into(),
            rule_type: Some(crate::wire::RuleType::TeamId),
            policy: Some(policy),
            cel_expr: "x".into(),
            ..RuleMessage::default()
        };
        let mut collected = Collected::default();
        let messages = policies.chars().map(|policy| match policy {
            'A' => rule(Policy::Allowlist),
            'B' => rule(Policy::Blocklist),
            '-' => rule(Policy::Remove),
            _ => rule(Policy::Cel),
        });
        collected.add(messages.collect(), &Announcements::default());
        let changes = Collected::into_changes(collected.changes).into_iter();
        let letter = |change| match change {
            Change::Remove(_) => '-',
            Change::Put(rule) => match rule.state {
                RuleState::Allow => 'A',
                RuleState::Block => 'B',
                _ => '=',
            },
        };
        changes.map(letter).collect()
    }

    #[test]
    fn a_change_counts_until_one_without_an_expression_replaces_it() {
        for (policies, expected) in [
            ("A", "A"),
            ("AB", "B"),
            ("AB-", "-"),
            ("-A", "A"),
            ("B=", "B="),
            ("-=", "-="),
            ("=B", "B"),
            ("==", "=="),
            ("AB==", "B=="),
            ("B=A=", "A="),
            ("B=-", "-"),
        ] {
            assert_eq!(left(policies), expected, "{policies}");
        }
    }

    #[test]
    fn every_turn() {
        let rows = [
            ("no cursor", "", "", true, 1, Turn::Last),
            ("no cursor, no rules", "a", "", false, 2, Turn::Last),
            ("a cursor", "", "a", true, 1, Turn::Page("a".into())),
            ("another cursor", "a", "b", false, 2, Turn::Page("b".into())),
            (
                "the same, with rules",
                "a",
                "a",
                true,
                2,
                Turn::Page("a".into()),
            ),
            ("the same, without", "a", "a", false, 2, Turn::Endless),
            ("too many", "a", "b", true, MAX_PAGES, Turn::Endless),
            ("the last of many", "a", "", true, MAX_PAGES, Turn::Last),
        ];
        for (name, asked, cursor, has_rules, pages, expected) in rows {
            let turn = Turn::decide(asked, cursor.into(), has_rules, pages);
            assert_eq!(turn, expected, "{name}");
        }
    }
}
