//! Records on this device.

use selvedge_core::engine::{Generic, Records};
use selvedge_core::host::{Clock, Random, Store};
use selvedge_core::ids::{CollectionName, RecordId};
use serde_json::value::RawValue;

use super::Changed;
use super::Source;
use super::input::{Input, print_line};
use crate::device::Device;
use crate::exit::{CliError, Result};
use crate::host::{DryRunStore, SqliteStore, SystemClock, SystemRandom};

/// So many records are put with one commit.
const AT_ONCE: usize = 500;

/// The store of a device that must have the collection.
pub(super) async fn store_of(device: &Device, collection: &CollectionName) -> Result<SqliteStore> {
    let store = device.store_if_there()?;
    if let Some(store) = store
        && store.collections().await?.contains(collection)
    {
        return Ok(store);
    }
    Err(CliError::NotFound(format!(
        "there is no collection {collection} on this device: `selvedge sync` brings the account's, --remote asks the server"
    )))
}

/// Prints one record.
pub(super) async fn get(device: &Device, collection: CollectionName, id: RecordId) -> Result<()> {
    let store = store_of(device, &collection).await?;
    let records = Records::new(&store, &SystemClock, &SystemRandom, collection.clone());
    let found = records.get(&id).await?;
    let text = found.ok_or_else(|| {
        CliError::NotFound(format!(
            "there is no record {id} in {collection} on this device"
        ))
    })?;
    print_line(&text)
}

/// Puts whole records.
pub(super) async fn put(
    device: &Device,
    collection: CollectionName,
    id: Option<RecordId>,
    source: &Source,
    dry_run: bool,
) -> Result<()> {
    Generic::new(collection.clone())?;
    let input = Input::open(source)?;
    let ids = if dry_run {
        // Without a store there is nothing to look at: an empty one in its place.
        let store = device
            .store_if_there()?
            .map_or_else(SqliteStore::in_memory, Ok)?;
        let store = DryRunStore(store);
        put_all(
            &Records::new(&store, &SystemClock, &SystemRandom, collection.clone()),
            id,
            input,
        )
        .await?
    } else {
        let store = device.profile.open_store()?;
        put_all(
            &Records::new(&store, &SystemClock, &SystemRandom, collection.clone()),
            id,
            input,
        )
        .await?
    };
    Changed {
        done: "put",
        collection,
        ids,
        remote: false,
        dry_run,
    }
    .tell(device)
}

async fn put_all<S: Store, C: Clock, R: Random>(
    records: &Records<'_, S, C, R>,
    id: Option<RecordId>,
    mut input: Input,
) -> Result<Vec<RecordId>> {
    if let Some(id) = id {
        let one = input.only()?;
        return Ok(vec![records.put(Some(id), one.get()).await?]);
    }
    let mut ids = Vec::new();
    loop {
        let mut batch: Vec<Box<RawValue>> = Vec::new();
        while batch.len() < AT_ONCE
            && let Some(text) = input.next().map_err(|error| after(error, ids.len()))?
        {
            batch.push(text);
        }
        if batch.is_empty() {
            break;
        }
        let texts: Vec<_> = batch.iter().map(|text| (None, text.get())).collect();
        let put = records.put_many(&texts).await;
        ids.extend(put.map_err(|error| after(error.into(), ids.len()))?);
    }
    if ids.is_empty() {
        return Err(CliError::Usage(
            "there is no record: give JSON objects".into(),
        ));
    }
    Ok(ids)
}

/// An error that came after some records were put says so.
fn after(error: CliError, put: usize) -> CliError {
    if put == 0 {
        return error;
    }
    CliError::Refused {
        message: format!("{error}; the first {put} records were put"),
        exit: error.exit(),
    }
}

/// Changes fields of one record.
pub(super) async fn edit(
    device: &Device,
    collection: CollectionName,
    id: RecordId,
    source: &Source,
    dry_run: bool,
) -> Result<()> {
    let patch = Input::open(source)?.only()?;
    let store = store_of(device, &collection).await?;
    if dry_run {
        let store = DryRunStore(store);
        let records = Records::new(&store, &SystemClock, &SystemRandom, collection.clone());
        records.edit(&id, patch.get()).await?;
    } else {
        let records = Records::new(&store, &SystemClock, &SystemRandom, collection.clone());
        records.edit(&id, patch.get()).await?;
    }
    Changed {
        done: "edited",
        collection,
        ids: vec![id],
        remote: false,
        dry_run,
    }
    .tell(device)
}

/// Deletes records; all are looked for before the first is deleted.
pub(super) async fn delete(
    device: &Device,
    collection: CollectionName,
    ids: Vec<RecordId>,
    dry_run: bool,
) -> Result<()> {
    let store = store_of(device, &collection).await?;
    let records = Records::new(&store, &SystemClock, &SystemRandom, collection.clone());
    for id in &ids {
        if records.get(id).await?.is_none() {
            return Err(selvedge_core::error::Error::NoSuchRecord { id: id.clone() }.into());
        }
    }
    if !dry_run {
        for id in &ids {
            records.delete(id).await?;
        }
    }
    Changed {
        done: "deleted",
        collection,
        ids,
        remote: false,
        dry_run,
    }
    .tell(device)
}
