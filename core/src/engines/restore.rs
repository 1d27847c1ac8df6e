//! Restores a value from the journal.

use super::engine::Engine;
use super::records::Records;
use crate::error::{Error, Result};
use crate::host::{Clock, Random, Store};
use crate::ids::RecordId;
use crate::journal::{Cause, Entry, list};
use crate::time::LocalTime;

/// Restores the newest journal value of a record, or the newest that was replaced at or before `at`. This is a local
/// change under the rules of the collection's engine, which the next sync uploads; the value that it replaces is written to the journal. Returns the restored
/// entry.
///
/// # Errors
/// [`Error::Input`] when the journal contains no such value, or the value is not a valid record now.
pub async fn restore<S: Store, C: Clock, R: Random>(
    store: &S,
    clock: &C,
    random: &R,
    engine: &dyn Engine,
    id: &RecordId,
    at: Option<LocalTime>,
) -> Result<Entry> {
    let collection = engine.collection();
    let entries = list(store, Some(collection), clock.now()).await?;
    let found = entries
        .into_iter()
        .find(|entry| entry.id == *id && at.is_none_or(|at| entry.at <= at));
    let entry = found.ok_or_else(|| {
        Error::Input(alloc::format!(
            "the journal has no value of record {id} in {collection} from that time: list the journal's entries to see which values it has"
        ))
    })?;
    Records::new(store, clock, random, collection.clone())
        .with_engine(engine)
        .replace(&entry.id, &entry.cleartext, Cause::Restore)
        .await?;
    Ok(entry)
}
