//! Two versions of one record meet: which one, or what of both, is right (spec §5.6, §5.7).
//!
//! ```text
//! theirs     ours                        what happens                              rule
//! tombstone  missing                     nothing
//! tombstone  deleted                     forget the deletion
//! tombstone  unchanged                   delete
//! tombstone  to be resent                delete                                    ServerBeatsResend
//! tombstone  edited                      keep ours; its upload revives it          EditBeatsDelete
//! record     missing                     take theirs
//! record     deleted; theirs = base      keep the deletion; its tombstone is sent
//! record     deleted; theirs = sent      keep the deletion; its tombstone is sent
//! record     deleted; theirs changed     take theirs; the deletion is dropped      EditBeatsDelete
//! record     equal content               nothing to apply, nothing to upload
//! record     unchanged                   take theirs
//! record     to be resent                merge by field, theirs before ours        ServerBeatsResend
//! record     edited                      merge by field, on a clash the newer      NewerFieldWins
//! ```
//!
//! What was sent without an acknowledgement may be on the server or not. A field that they have just as it was sent is
//! not their change, so that what was changed here since stands.

use alloc::string::String;

use super::fields::{Fields, Known, has_same_content};
use super::side::Side;

/// What this device has of the record.
///
/// ```
/// use selvedge_core::reconcile::Ours;
///
/// let edited = Ours::Edited { cleartext: r#"{"id":"a"}"#, base: None, sent: None };
/// assert_ne!(edited, Ours::Missing);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ours<'a> {
    /// Nothing.
    Missing,
    /// A deletion that the server has not been told.
    Deleted {
        /// What the server was known to have.
        base: Option<&'a str>,
        /// What the server may have got of us since.
        sent: Option<&'a str>,
    },
    /// What the server is known to have had.
    Unchanged {
        /// The record.
        cleartext: &'a str,
    },
    /// Not edited, but the server may lack it, because a reset forgot what it has.
    Resend {
        /// The record.
        cleartext: &'a str,
    },
    /// Changed by the user since the last sync.
    Edited {
        /// The record.
        cleartext: &'a str,
        /// What the server was known to have.
        base: Option<&'a str>,
        /// What the server may have got of us since.
        sent: Option<&'a str>,
    },
}

/// What the server has of the record.
///
/// ```
/// use selvedge_core::reconcile::Theirs;
///
/// assert_ne!(Theirs::Tombstone, Theirs::Record(r#"{"id":"a"}"#));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theirs<'a> {
    /// It was deleted.
    Tombstone,
    /// This JSON object.
    Record(&'a str),
}

/// The rule by which one side's change gave way to the other's.
///
/// ```
/// use selvedge_core::reconcile::Rule;
///
/// assert_eq!(Rule::EditBeatsDelete.as_str(), "an edit beats a deletion");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// One side edited what the other deleted: the record lives.
    EditBeatsDelete,
    /// Both changed the same field: the later change stays.
    NewerFieldWins,
    /// After a reset, what the server has, a deletion too, stands before what was only to be sent again.
    ServerBeatsResend,
    /// It is not known what both sides began with, or whether an upload arrived: a field that one side has and the other
    /// not is kept, or as it was sent, though it may have been removed or changed back.
    FieldKeptWithoutBase,
}

impl Rule {
    /// The rule in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EditBeatsDelete => "an edit beats a deletion",
            Self::NewerFieldWins => "of two changes of one field the newer stays",
            Self::ServerBeatsResend => "after a reset what the server has stays",
            Self::FieldKeptWithoutBase => "without a common ancestor a field of one side is kept",
        }
    }
}

/// What is to be done with the record here.
///
/// ```
/// use selvedge_core::reconcile::{Outcome, Ours, Side, Theirs, reconcile};
///
/// let base = Some(r#"{"id":"a","x":1,"y":1}"#);
/// let ours = Ours::Edited { cleartext: r#"{"id":"a","x":2,"y":1}"#, base, sent: None };
/// let theirs = Theirs::Record(r#"{"id":"a","x":1,"y":9}"#);
/// let outcome = reconcile(ours, theirs, Side::Ours);
/// assert_eq!(outcome, Outcome::Merge { cleartext: r#"{"id":"a","x":2,"y":9}"#.into(), rule: None });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to do: neither side has it.
    Ignore,
    /// Both have the same: nothing to apply, nothing to upload.
    Same,
    /// Apply theirs; nothing to upload.
    Take {
        /// The rule by which a change made here is dropped.
        rule: Option<Rule>,
    },
    /// Delete it here; nothing to upload.
    Delete {
        /// The rule by which what was here gives way, where the deletion may be of an older version.
        rule: Option<Rule>,
    },
    /// Keep ours, a deletion included, and upload it.
    Keep {
        /// The rule by which their change is dropped.
        rule: Option<Rule>,
    },
    /// Apply this and upload it.
    Merge {
        /// The merged JSON object.
        cleartext: String,
        /// The rule by which fields were chosen, where both sides had changed one.
        rule: Option<Rule>,
    },
}

/// Decides what becomes of one record. `newer` says whose change is the later one; ages are compared, not times, so
/// that a constant difference of the clocks does not matter (spec §5.6).
///
/// A text that is no JSON object cannot be merged; then theirs is taken, as the server's copy was checked on its way in.
#[must_use]
pub fn reconcile(ours: Ours<'_>, theirs: Theirs<'_>, newer: Side) -> Outcome {
    match (theirs, ours) {
        (Theirs::Tombstone, Ours::Missing) => Outcome::Ignore,
        (Theirs::Tombstone, Ours::Deleted { .. } | Ours::Unchanged { .. }) => {
            Outcome::Delete { rule: None }
        }
        // Whoever deleted it may not have seen what is here, if the server lost it in between.
        (Theirs::Tombstone, Ours::Resend { .. }) => Outcome::Delete {
            rule: Some(Rule::ServerBeatsResend),
        },
        (Theirs::Tombstone, Ours::Edited { .. }) => Outcome::Keep {
            rule: Some(Rule::EditBeatsDelete),
        },
        (Theirs::Record(_), Ours::Missing) => Outcome::Take { rule: None },
        (Theirs::Record(theirs), Ours::Deleted { base, sent })
            if [base, sent]
                .iter()
                .flatten()
                .any(|known| has_same_content(theirs, known)) =>
        {
            Outcome::Keep { rule: None }
        }
        (Theirs::Record(_), Ours::Deleted { .. }) => Outcome::Take {
            rule: Some(Rule::EditBeatsDelete),
        },
        (Theirs::Record(theirs), Ours::Unchanged { cleartext }) if theirs == cleartext => {
            Outcome::Same
        }
        (Theirs::Record(_), Ours::Unchanged { .. }) => Outcome::Take { rule: None },
        (Theirs::Record(theirs), Ours::Resend { cleartext }) => merge(
            Known::default(),
            cleartext,
            theirs,
            Side::Theirs,
            Rule::ServerBeatsResend,
        ),
        (
            Theirs::Record(theirs),
            Ours::Edited {
                cleartext,
                base,
                sent,
            },
        ) => {
            let parse = |text: Option<_>| text.and_then(|text| Fields::parse(text).ok());
            let known = Known {
                base: parse(base),
                sent: parse(sent),
            };
            merge(known, cleartext, theirs, newer, Rule::NewerFieldWins)
        }
    }
}

fn merge(known: Known<'_>, ours: &str, theirs: &str, newer: Side, on_clash: Rule) -> Outcome {
    if has_same_content(ours, theirs) {
        return Outcome::Same;
    }
    let (Ok(our_fields), Ok(their_fields)) = (Fields::parse(ours), Fields::parse(theirs)) else {
        return Outcome::Take {
            rule: Some(on_clash),
        };
    };
    let merged = Fields::merge(&known, &our_fields, &their_fields, newer);
    let rule = match merged.conflicts.is_empty() {
        false => Some(on_clash),
        true => merged.is_unsure.then_some(Rule::FieldKeptWithoutBase),
    };
    if has_same_content(&merged.cleartext, theirs) {
        Outcome::Take { rule }
    } else if has_same_content(&merged.cleartext, ours) {
        Outcome::Keep { rule }
    } else {
        Outcome::Merge {
            cleartext: merged.cleartext,
            rule,
        }
    }
}

#[cfg(test)]
mod tests;
