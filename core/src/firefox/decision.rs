//! Applies a merge of two versions to the states that a record can have on both sides.
//!
//! Only the cells in which both sides have content differ from [`reconcile`].

use alloc::string::{String, ToString as _};

use super::versions::{Merged, Versions, common_base};
use crate::json::Value;
use crate::reconcile::{Ours, Outcome, Rule, Side, Theirs, reconcile};

/// How to reconcile a record. It may contain secrets, so it is not printed.
#[allow(missing_debug_implementations, reason = "it may contain secrets")]
#[derive(Clone, PartialEq, Eq)]
pub enum Decision {
    /// As one record.
    One(Outcome),
    /// The server's version keeps the id, and this device's version becomes a new record with this content.
    Fork(String),
}

/// Decides how to reconcile a record, with `merge` for two versions of it. What was not edited here is replaced by the
/// server's version, so that a member that another device drops is not uploaded again and again.
///
/// ```
/// use selvedge_core::firefox::{Decision, decide, passwords};
/// use selvedge_core::reconcile::{Outcome, Ours, Side, Theirs};
///
/// let ours = Ours::Unchanged { cleartext: "{}" };
/// let decision = decide(ours, Theirs::Tombstone, Side::Theirs, passwords::merge);
/// assert!(decision == Decision::One(Outcome::Delete { rule: None }));
/// ```
#[must_use]
pub fn decide(
    ours: Ours<'_>,
    theirs: Theirs<'_>,
    newer: Side,
    merge: impl Fn(&Versions<'_>) -> Merged,
) -> Decision {
    match ours {
        Ours::Unchanged { .. } => Decision::One(reconcile(ours, theirs, newer)),
        _ => decide_growing(ours, theirs, newer, merge),
    }
}

/// As [`decide`], for records of which both sides may have a part without an edit: visits of a page, the number of a card
/// whose other device lost it. The result is uploaded if the server's version lacks something.
///
/// ```
/// use selvedge_core::firefox::{Decision, decide_growing, history};
/// use selvedge_core::reconcile::{Outcome, Ours, Side, Theirs};
///
/// let ours = Ours::Unchanged { cleartext: r#"{"visits":[{"date":2000,"type":1}]}"# };
/// let theirs = Theirs::Record(r#"{"visits":[{"date":9000,"type":1}]}"#);
/// let decision = decide_growing(ours, theirs, Side::Theirs, history::merge);
/// assert!(matches!(decision, Decision::One(Outcome::Merge { rule: None, .. })));
/// ```
#[must_use]
pub fn decide_growing(
    ours: Ours<'_>,
    theirs: Theirs<'_>,
    newer: Side,
    merge: impl Fn(&Versions<'_>) -> Merged,
) -> Decision {
    let (text, base, sent, is_resent) = match ours {
        Ours::Edited {
            cleartext,
            base,
            sent,
        } => (cleartext, base, sent, false),
        Ours::Unchanged { cleartext } => (cleartext, Some(cleartext), None, false),
        Ours::Resend { cleartext } => (cleartext, None, None, true),
        Ours::Missing | Ours::Deleted { .. } => {
            return Decision::One(reconcile(ours, theirs, newer));
        }
    };
    let Theirs::Record(there) = theirs else {
        return Decision::One(reconcile(ours, theirs, newer));
    };
    let parse = |text: &str| {
        text.parse::<Value>()
            .ok()
            .filter(|value| value.as_object().is_some())
    };
    let (Some(our), Some(their)) = (parse(text), parse(there)) else {
        return Decision::One(reconcile(ours, theirs, newer));
    };
    if our == their {
        return Decision::One(Outcome::Same);
    }
    let (base, sent) = (base.and_then(parse), sent.and_then(parse));
    let base = common_base(base.as_ref(), sent.as_ref(), &their);
    let merged = merge(&Versions {
        base: base.as_ref(),
        ours: &our,
        theirs: &their,
        newer: if is_resent { Side::Theirs } else { newer },
    });
    let resent = |rule: Rule| match (is_resent, rule) {
        (true, Rule::NewerFieldWins) => Rule::ServerBeatsResend,
        _ => rule,
    };
    match merged {
        // What was not edited here is not worth a second record.
        Merged::Fork if is_resent => Decision::One(Outcome::Take {
            rule: Some(Rule::ServerBeatsResend),
        }),
        Merged::Fork => Decision::Fork(text.into()),
        Merged::Record { record, rule } => {
            let rule = rule.map(resent);
            Decision::One(if record == their {
                Outcome::Take { rule }
            } else if record == our {
                Outcome::Keep { rule }
            } else {
                Outcome::Merge {
                    cleartext: record.to_string(),
                    rule,
                }
            })
        }
    }
}
