//! How the two sides are combined in a first sync, shown before it is done.

use std::fmt;

use selvedge_core::ids::CollectionName;
use selvedge_core::sync::{FirstPreview, FirstSync, Mode, Report};
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use super::report::ReportView;
use crate::confirm::agree;
use crate::device::Device;
use crate::output::{Align, Table, printable, records};
use selvedge_host::exit::{HostError, Result};

/// The effect of a first sync.
pub(super) struct FirstView<'a>(pub(super) &'a FirstPreview);

/// Shows the effect, and continues only if the user agrees to the loss.
pub(super) fn ask(device: &Device, preview: &FirstPreview, yes: bool) -> Result<()> {
    if preview.fresh_start && preview.mode == Mode::TakeServer {
        return Err(HostError::NotFound(
            "the server has no records of the account yet, so there is nothing to download: `selvedge sync` uploads the local records"
                .into(),
        ));
    }
    if !device.output.json {
        device
            .output
            .note(printable_lines(&FirstView(preview).to_string()));
    }
    // Other devices replace their records with these: their pending changes are not in the figures.
    let tells_others = preview.mode == Mode::TakeLocal && !preview.collections.is_empty();
    if !preview.loses_anything() && !tells_others {
        return Ok(());
    }
    let (mut deleted, mut replaced) = (0, 0);
    for collection in &preview.collections {
        deleted += collection.effect.deleted_here + collection.effect.deleted_there;
        replaced += collection.effect.replaced;
    }
    let place = match preview.mode {
        Mode::TakeLocal => "on the server",
        Mode::Merge | Mode::TakeServer => "here",
    };
    let mut loss = format!(
        "{} {place} would be deleted and {replaced} replaced",
        records(deleted)
    );
    if tells_others {
        loss += ", and other devices would lose changes that they have not sent";
    }
    agree(&device.output, &loss, yes)
}

fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

impl Serialize for FirstView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows: Vec<_> = self
            .0
            .collections
            .iter()
            .map(|collection| {
                let effect = collection.effect;
                serde_json::json!({
                    "name": collection.name,
                    "here": collection.here,
                    "there": collection.there,
                    "received": effect.received,
                    "sent": effect.sent,
                    "merged": effect.merged,
                    "replaced": effect.replaced,
                    "deletedHere": effect.deleted_here,
                    "deletedThere": effect.deleted_there,
                })
            })
            .collect();
        let mut view = serializer.serialize_struct("FirstPreview", 3)?;
        view.serialize_field("firstSync", self.0.mode.word())?;
        view.serialize_field("freshStart", &self.0.fresh_start)?;
        view.serialize_field("collections", &rows)?;
        view.end()
    }
}

impl fmt::Display for FirstView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.fresh_start {
            writeln!(
                f,
                "The account is empty and would be set up with the local records."
            )?;
        }
        let mut table = Table::new(&[
            ("COLLECTION", Align::Left),
            ("HERE", Align::Right),
            ("SERVER", Align::Right),
            ("RECEIVE", Align::Right),
            ("SEND", Align::Right),
            ("MERGE", Align::Right),
            ("REPLACE", Align::Right),
            ("DELETE HERE", Align::Right),
            ("DELETE THERE", Align::Right),
        ]);
        for collection in &self.0.collections {
            let effect = collection.effect;
            let numbers = [
                collection.here,
                collection.there,
                effect.received,
                effect.sent,
                effect.merged,
                effect.replaced,
                effect.deleted_here,
                effect.deleted_there,
            ];
            let name = std::iter::once(collection.name.to_string());
            table.row(
                name.chain(numbers.iter().map(ToString::to_string))
                    .collect(),
            );
        }
        write!(f, "{table}")
    }
}

/// The part of an interrupted first sync that remains.
#[derive(Debug, serde::Serialize)]
pub(in crate::commands) struct PendingView<'a> {
    mode: &'static str,
    collections: &'a [CollectionName],
}

impl<'a> From<&'a FirstSync> for PendingView<'a> {
    fn from(left: &'a FirstSync) -> Self {
        Self {
            mode: left.mode.word(),
            collections: &left.collections,
        }
    }
}

impl fmt::Display for PendingView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self
            .collections
            .iter()
            .map(CollectionName::as_str)
            .collect();
        write!(f, "{} of {}", self.mode, names.join(", "))
    }
}

/// The message after a sync that did not complete a first sync.
pub(super) fn left_note(left: &FirstSync) -> String {
    let left = PendingView::from(left);
    format!("The next sync continues with {left}; `selvedge sync --first none` cancels that.")
}

/// The preview of a first sync, of which nothing was done.
pub(super) struct DryFirst<'a>(pub(super) &'a FirstPreview);

impl Serialize for DryFirst<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut view = serializer.serialize_struct("DryFirst", 2)?;
        view.serialize_field("dryRun", &true)?;
        view.serialize_field("preview", &FirstView(self.0))?;
        view.end()
    }
}

impl fmt::Display for DryFirst<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Nothing was changed.", FirstView(self.0))
    }
}

/// The result of a first sync, with the preview shown before.
pub(super) struct FirstReport<'a> {
    pub(super) preview: &'a FirstPreview,
    pub(super) report: &'a ReportView,
}

impl Serialize for FirstReport<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Both<'a> {
            #[serde(flatten)]
            report: &'a Report,
            preview: FirstView<'a>,
        }
        Both {
            report: &self.report.0,
            preview: FirstView(self.preview),
        }
        .serialize(serializer)
    }
}

impl fmt::Display for FirstReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.fmt(f)
    }
}
