//! Records on this device.

use selvedge_core::engines::{Engine, Records};
use selvedge_core::error::Error;
use selvedge_core::firefox::Owned;
use selvedge_core::host::Store;
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::sync;

use super::Changed;
use super::Source;
use super::input::Input;
use super::print::print_one;
use super::secrets::Hidden;
use crate::device::Device;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::{DryRunStore, SqliteStore, SystemClock, SystemRandom, engine_for};

/// The store of a device that must have the collection.
pub(super) async fn store_of(device: &Device, collection: &CollectionName) -> Result<SqliteStore> {
    let store = device.store_if_there()?;
    if let Some(store) = store
        && store.collections().await?.contains(collection)
    {
        return Ok(store);
    }
    Err(HostError::NotFound(format!(
        "this device has no collection {collection}: `selvedge sync` downloads the account's, --remote asks the server"
    )))
}

/// The rules of a collection's records. A local edit is the same on every device, whatever it owns.
pub(super) fn engine_of(collection: &CollectionName) -> Result<Box<dyn Engine>> {
    Ok(engine_for(collection.clone(), &Owned::default())?)
}

/// The records of a collection under its rules.
fn under<'a, S: Store>(
    engine: &'a dyn Engine,
    store: &'a S,
) -> Records<'a, S, SystemClock, SystemRandom> {
    let name = engine.collection().clone();
    Records::new(store, &SystemClock, &SystemRandom, name).with_engine(engine)
}

/// Prints one record.
pub(super) async fn get(
    device: &Device,
    collection: CollectionName,
    id: RecordId,
    hidden: Hidden,
) -> Result<()> {
    let store = store_of(device, &collection).await?;
    let records = Records::new(&store, &SystemClock, &SystemRandom, collection.clone());
    let found = records.get(&id).await?;
    let text = found.ok_or_else(|| {
        HostError::NotFound(format!("this device has no record {id} in {collection}"))
    })?;
    print_one(device, &text, hidden)
}

/// Puts whole records.
pub(super) async fn put(
    device: &Device,
    collection: CollectionName,
    id: Option<RecordId>,
    source: &Source,
    dry_run: bool,
) -> Result<()> {
    let engine = engine_of(&collection)?;
    let input = Input::read(source)?;
    let ids = if dry_run {
        // Without a store, an empty one is used instead.
        let store = device
            .store_if_there()?
            .map_or_else(SqliteStore::in_memory, Ok)?;
        let store = DryRunStore(store);
        put_all(&store, &*engine, id, &input).await?
    } else {
        let store = device.profile.open_store()?;
        // Records that are put while the profile has an account belong to that account.
        if let Ok(Some(credentials)) = device.credentials_if_there() {
            sync::bind(&store, &credentials)
                .await
                .map_err(|error| match error {
                    Error::OtherAccount => HostError::OtherAccount,
                    error => error.into(),
                })?;
        }
        put_all(&store, &*engine, id, &input).await?
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

/// Puts all records in one commit, or none of them.
async fn put_all(
    store: &impl Store,
    engine: &dyn Engine,
    id: Option<RecordId>,
    input: &Input,
) -> Result<Vec<RecordId>> {
    let records = under(engine, store);
    if let Some(id) = id {
        let one = input.only()?;
        return Ok(vec![records.put(Some(id), one).await?]);
    }
    let given = input.records()?;
    let texts: Vec<_> = given.iter().map(|given| (None, given.text)).collect();
    match records.put_many(&texts).await {
        Ok(ids) => Ok(ids),
        Err(reason) => Err(input.locate(&given, engine.collection(), reason).await),
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
    let engine = engine_of(&collection)?;
    let input = Input::read(source)?;
    let patch = input.only()?;
    let store = store_of(device, &collection).await?;
    if dry_run {
        let store = DryRunStore(store);
        let records = under(&*engine, &store);
        records.edit(&id, patch).await?;
    } else {
        let records = under(&*engine, &store);
        records.edit(&id, patch).await?;
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
    let engine = engine_of(&collection)?;
    let store = store_of(device, &collection).await?;
    if dry_run {
        let store = DryRunStore(store);
        let records = under(&*engine, &store);
        records.delete_many(&ids).await?;
    } else {
        let records = under(&*engine, &store);
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
