//! Stage 4: downloads rules page by page, and applies them in one transaction (spec §2.5).
//!
//! ```text
//! a page fails ─────────────────────────────→ nothing is applied, the sync ends, status 3
//! a rule is not valid ──────────────────────→ only this rule is skipped
//! a cursor ─────────────────────────────────→ the next page
//!   more than MAX_PAGES pages ──────────────→ as if a page had failed
//!   the same cursor twice, without rules ───→ as if a page had failed
//!   more rules than allowed ────────────────→ as if a page had failed
//! no cursor, no valid rule at all ──────────→ the store is not changed: nothing is wiped either
//! no cursor, rules ─────────────────────────→ one transaction: wipe by the kind of sync, then the rules in order
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

/// Maximum number of pages.
const MAX_PAGES: u32 = 100_000;

/// Maximum number of skipped or refused rules that are listed; further ones are only counted.
pub(super) const MAX_LISTED: usize = 20;

/// The result of the rule download.
///
/// ```
/// use selvedge_santa::Downloaded;
///
/// assert_eq!(Downloaded::default().received, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Downloaded {
    /// Number of rules of all pages.
    pub received: u32,
    /// Number of valid rules.
    pub processed: u32,
    /// Some of the invalid rules: the truncated identifier, and the reason.
    pub skipped: Vec<(String, BadRule)>,
    /// Rules whose expressions the agent cannot use.
    pub refused: Vec<RuleKey>,
    /// Programs for which the user is notified that they may run now.
    pub notices: Vec<String>,
    /// Whether the store was changed.
    pub is_applied: bool,
}

/// Rules of all pages until they are applied: for each key, the changes that may still take effect.
#[derive(Debug, Default)]
pub(super) struct Collected {
    changes: BTreeMap<RuleKey, Changes>,
    announced: Vec<RuleMessage>,
    result: Downloaded,
}

impl Collected {
    /// Adds a page.
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
                Err(bad) if self.result.skipped.len() < MAX_LISTED => {
                    let name = message.identifier.chars().take(80).collect();
                    self.result.skipped.push((name, bad));
                }
                Err(_) => {}
            }
        }
    }
}

/// The changes of one key that may still take effect.
#[derive(Debug)]
struct Changes {
    /// The changes before the last one, if the agent has to compile the last one's expression first.
    before: Vec<Change>,
    last: Change,
}

impl Collected {
    /// Adds a change after the previous ones. It replaces them, unless the agent cannot use its expression: then the
    /// previous change takes effect (spec §2.5), and is kept until the agent has compiled the expression.
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

    /// The changes sorted by key; changes of the same key in order of arrival.
    fn into_changes(changes: BTreeMap<RuleKey, Changes>) -> Vec<Change> {
        let in_order = |changes: Changes| changes.before.into_iter().chain([changes.last]);
        changes.into_values().flat_map(in_order).collect()
    }
}

/// The next page.
///
/// ```
/// use selvedge_santa::NextPage;
///
/// assert_eq!(NextPage::decide("", "2".into(), true, 1), NextPage::Page("2".into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextPage {
    /// There is no next page.
    Last,
    /// The page with this cursor.
    Page(String),
    /// The pages do not end.
    Endless,
}

impl NextPage {
    /// Decides by the cursor of the request, the cursor in the response, whether the page had rules, and the number of
    /// pages.
    #[must_use]
    pub fn decide(requested_cursor: &str, cursor: String, has_rules: bool, pages: u32) -> Self {
        if cursor.is_empty() {
            Self::Last
        } else if pages >= MAX_PAGES || (cursor == requested_cursor && !has_rules) {
            Self::Endless
        } else {
            Self::Page(cursor)
        }
    }
}

/// Downloads all pages, then applies them in one transaction.
pub(super) async fn step<H: Host>(session: &Session<'_, H>, kind: Kind) -> Result<Downloaded> {
    let collected = fetch(session).await?;
    let announcements = &session.link.announcements;
    apply(session.host, kind, collected, announcements).await
}

async fn fetch<H: Host>(session: &Session<'_, H>) -> Result<Collected> {
    let stage = session.client.stage(Endpoint::RuleDownload);
    let max = session.options.max_rules;
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
        if collected.result.received as usize > max {
            return Err(Error::TooManyRules { max });
        }
        cursor = match NextPage::decide(&request.cursor, page.cursor, has_rules, pages) {
            NextPage::Last => return Ok(collected),
            NextPage::Page(cursor) => cursor,
            NextPage::Endless => return Err(Error::Endless),
        };
    }
}

/// Applies the received rules and stores the time, in one transaction. Without a valid rule nothing is changed: a
/// server that lost its rules does not delete them from its machines.
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

    /// The changes to be applied, as policies: `-` removes, `=` is an expression.
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
    fn a_change_is_kept_until_one_without_an_expression_replaces_it() {
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
            ("no cursor", "", "", true, 1, NextPage::Last),
            ("no cursor, no rules", "a", "", false, 2, NextPage::Last),
            ("a cursor", "", "a", true, 1, NextPage::Page("a".into())),
            (
                "another cursor",
                "a",
                "b",
                false,
                2,
                NextPage::Page("b".into()),
            ),
            (
                "the same, with rules",
                "a",
                "a",
                true,
                2,
                NextPage::Page("a".into()),
            ),
            ("the same, without", "a", "a", false, 2, NextPage::Endless),
            ("too many", "a", "b", true, MAX_PAGES, NextPage::Endless),
            ("the last of many", "a", "", true, MAX_PAGES, NextPage::Last),
        ];
        for (name, requested_cursor, cursor, has_rules, pages, expected) in rows {
            let turn = NextPage::decide(requested_cursor, cursor.into(), has_rules, pages);
            assert_eq!(turn, expected, "{name}");
        }
    }
}
