//! The effect of a sync, as `--dry-run` shows it.

use std::fmt;

use selvedge_core::ids::CollectionName;
use selvedge_core::sync::{self, Association, FirstSync, Preview};
use serde::Serialize;

use super::first::PendingView;
use crate::commands::consent::sentences;
use crate::output::{Align, Table};

/// The effect of a sync.
pub(super) struct PreviewView {
    pub(super) preview: Preview,
    /// The remaining part of an earlier first sync.
    pub(super) pending: Option<FirstSync>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PreviewRow<'a> {
    name: &'a CollectionName,
    would: &'static str,
    incoming: u64,
    outgoing: u64,
}

impl PreviewView {
    fn rows(&self) -> Vec<PreviewRow<'_>> {
        let row = |found: &'_ sync::CollectionPreview| -> &'static str {
            match found.association {
                Association::Proceed => "go on",
                Association::ResetLocalAndAdopt { .. } => "compare all",
                Association::MergeAndAdopt => "merge",
                Association::Unreadable => "skip: unreadable version",
                Association::OutOfDate { .. } => "skip: newer format",
                Association::Declined => "skip: declined",
            }
        };
        self.preview
            .collections
            .iter()
            .map(|found| PreviewRow {
                name: &found.name,
                would: row(found),
                incoming: found.incoming,
                outgoing: found.outgoing,
            })
            .collect()
    }
}

impl Serialize for PreviewView {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut preview = serializer.serialize_struct("Preview", 6)?;
        preview.serialize_field("dryRun", &true)?;
        preview.serialize_field("freshStart", &self.preview.fresh_start)?;
        preview.serialize_field("needsConsent", &self.preview.needs_consent)?;
        preview.serialize_field("firstSync", &self.pending.as_ref().map(PendingView::from))?;
        preview.serialize_field("wipesThere", &self.preview.wipes_there)?;
        preview.serialize_field("collections", &self.rows())?;
        preview.end()
    }
}

impl fmt::Display for PreviewView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pending) = &self.pending {
            writeln!(
                f,
                "An interrupted first sync would continue: {}.",
                PendingView::from(pending)
            )?;
        }
        if self.preview.fresh_start {
            writeln!(f, "The account is empty and would be set up.")?;
        }
        if let Some(consent) = &self.preview.needs_consent {
            return f.write_str(&sentences(consent));
        }
        for name in &self.preview.wipes_there {
            writeln!(
                f,
                "The server's records of {name} would be deleted, because it was disabled here."
            )?;
        }
        let mut table = Table::new(&[
            ("COLLECTION", Align::Left),
            ("WOULD", Align::Left),
            ("RECEIVE", Align::Right),
            ("SEND", Align::Right),
        ]);
        for row in self.rows() {
            table.row(vec![
                row.name.to_string(),
                row.would.into(),
                row.incoming.to_string(),
                row.outgoing.to_string(),
            ]);
        }
        write!(f, "{table}Nothing was changed.")
    }
}
