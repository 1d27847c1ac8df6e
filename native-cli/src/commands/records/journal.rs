//! `selvedge records conflicts` and `restore`: values that a sync replaced.

use std::fmt;

use selvedge_core::host::Clock as _;
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::journal::{self, Entry};
use selvedge_core::time::LocalTime;
use serde::Serialize;
use serde_json::value::RawValue;

use super::local::engine_of;
use super::secrets::Hidden;
use crate::device::Device;
use crate::output::{Align, Table, printable, shortened};
use selvedge_host::exit::{HostError, Result};
use selvedge_host::moment;
use selvedge_host::{DryRunStore, SystemClock, SystemRandom};

/// The width of a value in the table.
const WIDTH: usize = 48;

/// The stored values.
#[derive(Debug, Serialize)]
struct Conflicts {
    conflicts: Vec<Row>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    collection: CollectionName,
    id: RecordId,
    /// When it was replaced, in milliseconds since the Unix epoch.
    at: LocalTime,
    /// Why it was replaced.
    cause: &'static str,
    /// The origin of the value: `here` or `server`.
    side: &'static str,
    record: Box<RawValue>,
}

impl Row {
    fn of(entry: Entry) -> Result<Self> {
        let (cause, side) = (entry.cause.word(), entry.side_word());
        // Secrets are restored, but not shown.
        let hidden = Hidden::of(&entry.collection, false);
        let shown = hidden.without_secrets(&entry.cleartext).into_owned();
        let record = RawValue::from_string(shown)
            .map_err(|_| HostError::Failed("the journal has a value that is not JSON".into()))?;
        Ok(Self {
            collection: entry.collection,
            id: entry.id,
            at: entry.at,
            cause,
            side,
            record,
        })
    }
}

/// The value that was restored, or would be restored.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Restored {
    done: &'static str,
    #[serde(flatten)]
    row: Row,
    dry_run: bool,
}

/// Lists the values of one collection or of all, the newest first.
pub(super) async fn conflicts(device: &Device, collection: Option<&CollectionName>) -> Result<()> {
    let entries = match device.store_if_there()? {
        Some(store) => journal::list(&store, collection, SystemClock.now()).await?,
        None => Vec::new(),
    };
    let rows = entries.into_iter().map(Row::of).collect::<Result<_>>()?;
    device.output.answer(&Conflicts { conflicts: rows })
}

/// Restores a value.
pub(super) async fn restore(
    device: &Device,
    collection: CollectionName,
    id: RecordId,
    at: Option<LocalTime>,
    dry_run: bool,
) -> Result<()> {
    let engine = engine_of(&collection)?;
    let no_store =
        || HostError::NotFound("this device has no records yet: run `selvedge sync`".into());
    let store = device.store_if_there()?.ok_or_else(no_store)?;
    let (clock, random) = (SystemClock, SystemRandom);
    let entry = if dry_run {
        selvedge_core::engines::restore(&DryRunStore(store), &clock, &random, &*engine, &id, at)
            .await?
    } else {
        selvedge_core::engines::restore(&store, &clock, &random, &*engine, &id, at).await?
    };
    device.output.answer(&Restored {
        done: "restored",
        row: Row::of(entry)?,
        dry_run,
    })
}

impl fmt::Display for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.conflicts.is_empty() {
            return writeln!(
                f,
                "No value was replaced in the last {} days.",
                journal::KEEP_DAYS
            );
        }
        let mut table = Table::new(&[
            ("REPLACED AT", Align::Left),
            ("COLLECTION", Align::Left),
            ("ID", Align::Left),
            ("CAUSE", Align::Left),
            ("VALUE OF", Align::Left),
            ("VALUE", Align::Left),
        ]);
        for row in &self.conflicts {
            table.row(vec![
                moment::precise(row.at),
                row.collection.to_string(),
                printable(row.id.as_str()),
                row.cause.into(),
                row.side.into(),
                shortened(&printable(row.record.get()), WIDTH),
            ]);
        }
        write!(f, "{table}")
    }
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row {
            collection,
            id,
            at,
            side,
            ..
        } = &self.row;
        let (would, then) = match self.dry_run {
            true => ("Would restore", "Nothing was changed."),
            false => ("Restored", "`selvedge sync` sends it."),
        };
        let whose = match *side {
            "server" => "that the server had",
            _ => "that was here",
        };
        writeln!(
            f,
            "{would} the value of {} in {collection} {whose} until {}. {then}",
            printable(id.as_str()),
            moment::precise(*at)
        )
    }
}
