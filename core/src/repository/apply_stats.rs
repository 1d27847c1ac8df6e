//! The effect of arriving records on the local items, and its totals.

use alloc::string::String;
use alloc::vec::Vec;

use super::applied::Applied;
use super::record::Record;
use crate::host::{Base, Item, Pending};
use crate::ids::RecordId;
use crate::journal::Cause;
use crate::reconcile::{Ours, Outcome, Rule, Side};
use crate::time::ServerTime;

/// An item in the form that the decision takes.
pub(super) fn ours(item: Option<&Item>) -> Ours<'_> {
    let Some(item) = item else {
        return Ours::Missing;
    };
    let text = |version| match version {
        &Base::Unknown => None,
        Base::Same => item.cleartext.as_deref(),
        Base::Content(text) => Some(text.as_str()),
    };
    let (base, sent) = (text(&item.base), text(&item.sent));
    match (&item.cleartext, item.pending) {
        (None, _) => Ours::Deleted { base, sent },
        (Some(cleartext), Pending::Nothing) => Ours::Unchanged { cleartext },
        (Some(cleartext), Pending::Resend) => Ours::Resend { cleartext },
        (Some(cleartext), Pending::Edit { .. }) => Ours::Edited {
            cleartext,
            base,
            sent,
        },
    }
}

/// The value that an outcome replaces although a side may still need it: the cause, its origin, and its text.
///
/// A server's version that was not changed here, and a local change that the server's version also contains, are not
/// returned.
pub(super) fn replaced<'a>(
    outcome: &Outcome,
    item: Option<&'a Item>,
    record: &'a Record,
    newer: Side,
) -> Option<(Cause, Side, &'a str)> {
    let ours = |cause| Some((cause, Side::Ours, item?.cleartext.as_deref()?));
    let theirs = || {
        Some((
            Cause::UploadReplaced,
            Side::Theirs,
            record.cleartext.as_deref()?,
        ))
    };
    match outcome {
        Outcome::Delete { .. } => ours(Cause::RemoteDeletion),
        Outcome::Take { rule: Some(_) } => ours(Cause::Merge),
        Outcome::Keep { rule: Some(_) } => theirs(),
        Outcome::Merge {
            rule: Some(Rule::FieldKeptWithoutBase),
            ..
        } => theirs(),
        Outcome::Merge { rule: Some(_), .. } => match newer {
            Side::Ours => theirs(),
            Side::Theirs => ours(Cause::Merge),
        },
        Outcome::Ignore
        | Outcome::Same
        | Outcome::Fork
        | Outcome::Take { rule: None }
        | Outcome::Keep { rule: None }
        | Outcome::Merge { rule: None, .. } => None,
    }
}

/// The totals of the outcomes of a batch.
#[derive(Default)]
pub(super) struct ApplyStats {
    pub(super) applied: Applied,
    pub(super) rules: Vec<(RecordId, Rule)>,
}

impl ApplyStats {
    /// Counts an outcome and converts it to the item to store: `Some(None)` removes it, `None` leaves it unchanged.
    pub(super) fn count(
        &mut self,
        outcome: &Outcome,
        item: Option<Item>,
        record: &Record,
    ) -> Option<Option<Item>> {
        match outcome {
            // Other clients cannot read this tombstone: it is sent again.
            Outcome::Ignore if record.is_to_be_sent_again => Some(Some(settled(record, None))),
            Outcome::Ignore => None,
            Outcome::Same => {
                let cleartext = item.and_then(|item| item.cleartext);
                Some(Some(settled(record, cleartext)))
            }
            Outcome::Take { rule } => {
                self.note(record, *rule);
                *(if item.is_none() {
                    &mut self.applied.added
                } else {
                    &mut self.applied.changed
                }) += 1;
                Some(Some(settled(record, record.cleartext.clone())))
            }
            Outcome::Fork => {
                self.applied.merged += 1;
                Some(Some(settled(record, record.cleartext.clone())))
            }
            Outcome::Delete { rule } => {
                self.note(record, *rule);
                self.applied.deleted += u64::from(item.is_some_and(|item| !item.is_deleted()));
                Some(record.is_to_be_sent_again.then(|| settled(record, None)))
            }
            Outcome::Keep { rule } => {
                self.note(record, *rule);
                let cleartext = item.as_ref().and_then(|item| item.cleartext.clone());
                Some(Some(to_upload(record, cleartext, item)))
            }
            Outcome::Merge { cleartext, rule } => {
                self.note(record, *rule);
                self.applied.merged += 1;
                Some(Some(to_upload(record, Some(cleartext.clone()), item)))
            }
        }
    }

    fn note(&mut self, record: &Record, rule: Option<Rule>) {
        self.rules
            .extend(rule.map(|rule| (record.id.clone(), rule)));
    }
}

/// The server has the same content; if it is under former keys it is still sent again, so that all clients can read it.
fn settled(record: &Record, cleartext: Option<String>) -> Item {
    let (base, pending) = if record.is_to_be_sent_again {
        (Base::Unknown, Pending::Resend)
    } else {
        (Base::Same, Pending::Nothing)
    };
    Item {
        id: record.id.clone(),
        cleartext,
        base,
        sent: Base::Unknown,
        server_modified: record.modified.unwrap_or(ServerTime::ZERO),
        pending,
        key: None,
    }
}

/// The server has the arriving version, and must receive this one.
fn to_upload(record: &Record, cleartext: Option<String>, item: Option<Item>) -> Item {
    Item {
        id: record.id.clone(),
        cleartext,
        base: record
            .cleartext
            .clone()
            .map_or(Base::Unknown, Base::Content),
        sent: Base::Unknown,
        server_modified: record.modified.unwrap_or(ServerTime::ZERO),
        // A record without local edits may still have to be sent, because the server has an earlier version.
        pending: match item.map(|item| item.pending) {
            None | Some(Pending::Nothing) => Pending::Resend,
            Some(pending) => pending,
        },
        key: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn what_a_side_may_still_want_is_replaced_and_nothing_else() {
        let id = RecordId::new("a").unwrap();
        let here = |cleartext: Option<&str>| Item {
            id: id.clone(),
            cleartext: cleartext.map(Into::into),
            base: Base::Unknown,
            sent: Base::Unknown,
            server_modified: ServerTime::ZERO,
            pending: Pending::Nothing,
            key: None,
        };
        let theirs = Record {
            cleartext: Some("theirs".into()),
            ..Record::tombstone(id.clone())
        };
        let (ours, gone) = (here(Some("ours")), here(None));
        let merged = |rule| Outcome::Merge {
            cleartext: "both".into(),
            rule,
        };
        let [clash, unsure] = [Rule::NewerFieldWins, Rule::FieldKeptWithoutBase].map(Some);
        let reset = Some(Rule::ServerBeatsResend);
        let kept = Some((Cause::UploadReplaced, Side::Theirs, "theirs"));
        let lost = Some((Cause::Merge, Side::Ours, "ours"));
        let deleted = Some((Cause::RemoteDeletion, Side::Ours, "ours"));
        use Side::{Ours as O, Theirs as T};
        let rows = [
            (Outcome::Ignore, &ours, T, None),
            (Outcome::Same, &ours, T, None),
            (Outcome::Take { rule: None }, &ours, T, None),
            (Outcome::Take { rule: clash }, &ours, T, lost),
            (Outcome::Take { rule: reset }, &ours, T, lost),
            (Outcome::Take { rule: clash }, &gone, T, None),
            (Outcome::Delete { rule: None }, &ours, T, deleted),
            (Outcome::Delete { rule: None }, &gone, T, None),
            (Outcome::Delete { rule: reset }, &ours, T, deleted),
            (Outcome::Keep { rule: None }, &ours, O, None),
            (Outcome::Keep { rule: clash }, &ours, O, kept),
            (merged(None), &ours, O, None),
            (merged(clash), &ours, O, kept),
            (merged(clash), &ours, T, lost),
            (merged(reset), &ours, T, lost),
            (merged(unsure), &ours, T, kept),
        ];
        for (outcome, item, newer, expected) in rows {
            let found = replaced(&outcome, Some(item), &theirs, newer);
            assert_eq!(found, expected, "{outcome:?} {newer:?}");
        }
        let keep = Outcome::Keep {
            rule: Some(Rule::EditBeatsDelete),
        };
        let tombstone = Record::tombstone(id);
        let found = replaced(&keep, Some(&ours), &tombstone, T);
        assert_eq!(found, None, "a deletion has no value");
    }
}
