//! Reconciles two versions of one record: which one wins, or how they are merged (spec §5.6, §5.7).
//!
//! ```text
//! theirs     ours                        what happens                              rule
//! tombstone  missing                     nothing
//! tombstone  deleted                     forget the deletion
//! tombstone  unchanged                   delete
//! tombstone  to be resent                delete                                    ServerBeatsResend
//! tombstone  edited                      keep ours; its upload revives it          EditBeatsDelete
//! record     missing                     apply theirs
//! record     deleted; theirs = base      keep the deletion; its tombstone is sent
//! record     deleted; theirs = sent      keep the deletion; its tombstone is sent
//! record     deleted; theirs changed     apply theirs; the deletion is dropped      EditBeatsDelete
//! record     equal content               nothing to apply, nothing to upload
//! record     unchanged                   apply theirs
//! record     to be resent                merge by field, theirs wins conflicts     ServerBeatsResend
//! record     edited                      merge by field, newer wins conflicts      NewerFieldWins
//! ```
//!
//! A version that was sent without an acknowledgement may or may not be on the server. A server field equal to the sent
//! version is not a change by another device, so local changes since then are kept.

use alloc::string::String;

use super::fields::{Fields, Known, has_same_content};
use super::side::Side;

/// The local state of the record.
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
    /// A deletion that was not uploaded yet.
    Deleted {
        /// The last known server version.
        base: Option<&'a str>,
        /// The version that was sent since and is not acknowledged.
        sent: Option<&'a str>,
    },
    /// Equal to the last known server version.
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
        /// The last known server version.
        base: Option<&'a str>,
        /// The version that was sent since and is not acknowledged.
        sent: Option<&'a str>,
    },
}

/// The server's state of the record.
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

/// The rule by which one side's change was dropped.
///
/// ```
/// use selvedge_core::reconcile::Rule;
///
/// assert_eq!(Rule::EditBeatsDelete.as_str(), "an edit beats a deletion");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// One side edited the record that the other deleted: the record is kept.
    EditBeatsDelete,
    /// Both sides changed the same field: the later change wins.
    NewerFieldWins,
    /// After a reset, the server's version, including a deletion, wins over a version that is only to be sent again.
    ServerBeatsResend,
    /// The common ancestor is unknown, or it is unknown whether an upload arrived: a field that only one side has is
    /// kept, or kept as it was sent, although it may have been removed or changed back.
    FieldKeptWithoutBase,
    /// The server's version is not a valid record of its collection: this device's, or a deletion, replaces it.
    InvalidReplaced,
}

impl Rule {
    /// The rule as text for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EditBeatsDelete => "an edit beats a deletion",
            Self::NewerFieldWins => "of two changes of one field the newer stays",
            Self::ServerBeatsResend => "after a reset what the server has stays",
            Self::FieldKeptWithoutBase => "without a common ancestor a field of one side is kept",
            Self::InvalidReplaced => "a record that its collection cannot use is replaced",
        }
    }
}

/// How to reconcile the record.
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
    /// Nothing to do: neither side has the record.
    Ignore,
    /// Both sides have the same content: nothing to apply, nothing to upload.
    Same,
    /// Apply the server's version; nothing to upload.
    Take {
        /// The rule by which a local change is dropped.
        rule: Option<Rule>,
    },
    /// Delete the record locally; nothing to upload.
    Delete {
        /// The rule by which the local version is dropped, if the deletion may refer to an older version.
        rule: Option<Rule>,
    },
    /// Keep the local version, including a deletion, and upload it.
    Keep {
        /// The rule by which the server's change is dropped.
        rule: Option<Rule>,
    },
    /// Keep both: apply the server's version, and upload the local one under a new id. Without a local record, apply the
    /// server's version alone.
    Fork,
    /// Apply this merged record and upload it.
    Merge {
        /// The merged JSON object.
        cleartext: String,
        /// The rule by which fields were chosen, if both sides had changed the same one.
        rule: Option<Rule>,
    },
}

/// Decides how to reconcile one record. `newer` is the side with the later change; the caller compares ages instead of
/// times, so that a constant difference between the clocks does not matter (spec §5.6).
///
/// A text that is not a JSON object cannot be merged; then the server's version wins, because it was validated after
/// download.
#[must_use]
pub fn reconcile(ours: Ours<'_>, theirs: Theirs<'_>, newer: Side) -> Outcome {
    match (theirs, ours) {
        (Theirs::Tombstone, Ours::Missing) => Outcome::Ignore,
        (Theirs::Tombstone, Ours::Deleted { .. } | Ours::Unchanged { .. }) => {
            Outcome::Delete { rule: None }
        }
        // The device that deleted it may not have seen the local version, if the server lost it in between.
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
    let rule = if merged.conflicts.is_empty() {
        merged.is_unsure.then_some(Rule::FieldKeptWithoutBase)
    } else {
        Some(on_clash)
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
