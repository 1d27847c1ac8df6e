//! Records on this device.

use selvedge_core::engine::{Generic, Records};
use selvedge_core::error::Error;
use selvedge_core::host::{Clock, Random, Store};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::life;
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
            &collection,
            id,
            input,
        )
        .await?
    } else {
        let store = device.profile.open_store()?;
        // What is put while there is an account is that account's.
        if let Ok(Some(credentials)) = device.credentials_if_there() {
            life::bind(&store, &credentials)
                .await
                .map_err(|error| match error {
                    Error::OtherAccount => CliError::OtherAccount,
                    error => error.into(),
                })?;
        }
        put_all(
            &Records::new(&store, &SystemClock, &SystemRandom, collection.clone()),
            &collection,
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
    collection: &CollectionName,
    id: Option<RecordId>,
    mut input: Input,
) -> Result<Vec<RecordId>> {
    if let Some(id) = id {
        let one = input.only()?;
        return Ok(vec![records.put(Some(id), one.get()).await?]);
    }
    // A tree of bookmarks is right or not as a whole.
    let at_once = match collection.as_str() {
        "bookmarks" => usize::MAX,
        _ => AT_ONCE,
    };
    let mut ids = Vec::new();
    loop {
        let mut batch: Vec<Box<RawValue>> = Vec::new();
        while batch.len() < at_once
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
    Generic::new(collection.clone())?;
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

/// Deletes records, all of them or none.
pub(super) async fn delete(
    device: &Device,
    collection: CollectionName,
    ids: Vec<RecordId>,
    dry_run: bool,
) -> Result<()> {
    Generic::new(collection.clone())?;
    let store = store_of(device, &collection).await?;
    if dry_run {
        let store = DryRunStore(store);
        let records = Records::new(&store, &SystemClock, &SystemRandom, collection.clone());
        records.delete_many(&ids).await?;
    } else {
        let records = Records::new(&store, &SystemClock, &SystemRandom, collection.clone());
        records.delete_many(&ids).await?;
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
