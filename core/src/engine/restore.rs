//! Restores a value from the journal.

use super::records::Records;
use crate::error::{Error, Result};
use crate::host::{Clock, Random, Store};
use crate::ids::{CollectionName, RecordId};
use crate::journal::{Cause, Entry, list};
use crate::time::LocalTime;

/// Puts the newest value of a record that the journal has, or the newest that was replaced at or before `at`. It is a change
/// made here, which the next sync sends; what it replaces goes into the journal. Answers the entry that was restored.
///
/// # Errors
/// [`Error::Input`] when the journal has no such value, or the record is not valid as things are now.
pub async fn restore<S: Store, C: Clock, R: Random>(
    store: &S,
    clock: &C,
    random: &R,
    collection: &CollectionName,
    id: &RecordId,
    at: Option<LocalTime>,
) -> Result<Entry> {
    let entries = list(store, Some(collection), clock.now()).await?;
    let found = entries
        .into_iter()
        .find(|entry| entry.id == *id && at.is_none_or(|at| entry.at <= at));
    let entry = found.ok_or_else(|| {
        Error::Input(alloc::format!(
            "the journal has no value of the record {id} in {collection} from then: list what it has"
        ))
    })?;
    Records::new(store, clock, random, collection.clone())
        .replace(&entry.id, &entry.cleartext, Cause::Restore)
        .await?;
    Ok(entry)
}
