//! Records directly on the server, without a store on this device.

use selvedge_core::crypto::{KeyBundle, payload};
use selvedge_core::engines::{Engine as _, Generic, Records, check_alone};
use selvedge_core::error::Error;
use selvedge_core::host::MemoryStore;
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::reconcile::TombstoneFinder;
use selvedge_core::server::{PutRecord, Record};
use selvedge_core::sync::CollectionKeys;
use selvedge_core::time::ServerTime;
use zeroize::Zeroizing;

use super::Changed;
use super::Source;
use super::input::{Input, scratch};
use super::print::print_one;
use super::secrets::Hidden;
use crate::device::Device;
use crate::output::records as counted;
use crate::remote::Remote;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::{SystemClock, SystemRandom};

/// Prints one record: its cleartext, or its envelope.
pub(super) async fn get(
    device: &Device,
    collection: CollectionName,
    id: RecordId,
    raw: bool,
    hidden: Hidden,
) -> Result<()> {
    if !raw {
        refuse_keys(&collection)?;
    }
    let host = device.network();
    let remote = Remote::connect(device, &host).await?;
    let record = remote.client.get_record(&collection, &id).await?;
    let record = record.ok_or_else(|| no_record(&collection, &id))?;
    if raw {
        let envelope = serde_json::json!({
            "id": record.id,
            "modified": record.modified,
            "sortindex": record.sortindex,
            "payload": record.payload,
        });
        return print_one(device, &envelope.to_string(), hidden);
    }
    if collection.as_str() == "meta" {
        // Its records are not encrypted.
        return print_one(device, &record.payload, hidden);
    }
    let keys = remote.keys()?;
    match open(keys.bundle(collection.as_str())?, &record)? {
        Some(text) => print_one(device, &text, hidden),
        None => Err(no_record(&collection, &id)),
    }
}

/// The records of `crypto` are the account's keys: they are never shown decrypted.
pub(super) fn refuse_keys(collection: &CollectionName) -> Result<()> {
    match collection.as_str() {
        "crypto" => Err(HostError::Usage(
            "crypto contains the account's keys, which are not shown: --raw shows its records encrypted, as the server stores them"
                .into(),
        )),
        _ => Ok(()),
    }
}

fn no_record(collection: &CollectionName, id: &RecordId) -> HostError {
    HostError::NotFound(format!("the server has no record {id} in {collection}"))
}

/// The cleartext of a record; `None` for a tombstone.
fn open(bundle: &KeyBundle, record: &Record) -> Result<Option<Zeroizing<String>>> {
    let text = payload::open(bundle, &record.payload, record.id.as_str())
        .map_err(|error| HostError::Partial(format!("record {}: {error}", record.id)))?;
    Ok((!TombstoneFinder::default().is_tombstone(&text)).then_some(text))
}

/// Writes to one collection of the server.
struct Writer<'r, 'h> {
    remote: &'r Remote<'h>,
    keys: CollectionKeys,
    engine: Generic,
}

impl<'r, 'h> Writer<'r, 'h> {
    fn new(remote: &'r Remote<'h>, collection: CollectionName) -> Result<Self> {
        Ok(Self {
            remote,
            keys: remote.keys()?,
            engine: Generic::new(collection)?,
        })
    }

    fn bundle(&self) -> Result<&KeyBundle> {
        Ok(self.keys.bundle(self.engine.collection().as_str())?)
    }

    /// The server's record, and when it was written: the condition of the next write. Zero if the record does not
    /// exist.
    async fn look(&self, id: &RecordId) -> Result<(Option<Record>, ServerTime)> {
        let record = self
            .remote
            .client
            .get_record(self.engine.collection(), id)
            .await?;
        let modified = record
            .as_ref()
            .map_or(ServerTime::ZERO, |record| record.modified);
        Ok((record, modified))
    }

    /// Writes one cleartext if the record was not written after `seen`.
    async fn write(&self, id: &RecordId, cleartext: &str, seen: ServerTime) -> Result<()> {
        let payload =
            payload::seal(self.bundle()?, &SystemRandom, cleartext).map_err(Error::from)?;
        let record = PutRecord {
            payload: Some(&payload),
            ttl: self.engine.ttl(),
            ..PutRecord::default()
        };
        let client = &self.remote.client;
        client
            .put_record(self.engine.collection(), id, record, Some(seen))
            .await?;
        Ok(())
    }
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
    let input = Input::read(source)?;
    // All records are checked before the first one is written.
    let checked = match id {
        Some(id) => {
            let store = MemoryStore::default();
            let records = records(&store);
            let id = records.put(Some(id), input.only()?).await?;
            let text = records.get(&id).await?.unwrap_or_default();
            vec![(id, text)]
        }
        None => input.checked(&input.records()?, &scratch()).await?,
    };
    let host = device.network();
    let remote = Remote::connect(device, &host).await?;
    let writer = Writer::new(&remote, collection.clone())?;
    let mut done = Changed {
        done: "put",
        collection,
        ids: Vec::new(),
        remote: true,
        dry_run,
    };
    let count = checked.len();
    for (id, text) in checked {
        if let Err(error) = put_one(&writer, &id, &text, dry_run).await {
            if count == 1 {
                return Err(error);
            }
            // The server has the records before the failed one: they are reported as at the end.
            let put = done.ids.len();
            if put > 0 {
                done.tell(device)?;
            }
            return Err(HostError::Refused {
                message: format!(
                    "record {id}: {error}; {} before it {} put, {} not",
                    counted(put as u64),
                    if put == 1 { "was" } else { "were" },
                    match count - put {
                        1 => "this one was".to_owned(),
                        left => format!("this one and the {} after it were", left - 1),
                    },
                ),
                exit: error.exit(),
            });
        }
        done.ids.push(id);
    }
    done.tell(device)
}

async fn put_one(
    writer: &Writer<'_, '_>,
    id: &RecordId,
    cleartext: &str,
    dry_run: bool,
) -> Result<()> {
    let (record, seen) = writer.look(id).await?;
    // A record that cannot be read cannot be compared.
    let bundle = writer.bundle()?;
    let before = record.and_then(|record| open(bundle, &record).ok().flatten());
    let collection = writer.engine.collection();
    let before = before.as_ref().map(|text| text.as_str());
    check_alone(collection, id, before, Some(cleartext))?;
    if !dry_run {
        writer.write(id, cleartext, seen).await?;
    }
    Ok(())
}

fn records(store: &MemoryStore) -> Records<'_, MemoryStore, SystemClock, SystemRandom> {
    // The rules of the collection are checked against the server's record.
    Records::new(store, &SystemClock, &SystemRandom, scratch())
}

/// Changes fields of one record.
pub(super) async fn edit(
    device: &Device,
    collection: CollectionName,
    id: RecordId,
    source: &Source,
    dry_run: bool,
) -> Result<()> {
    let input = Input::read(source)?;
    let patch = input.only()?;
    let host = device.network();
    let remote = Remote::connect(device, &host).await?;
    let writer = Writer::new(&remote, collection.clone())?;
    let (record, seen) = writer.look(&id).await?;
    let record = record.ok_or_else(|| no_record(&collection, &id))?;
    let current = open(writer.bundle()?, &record)?.ok_or_else(|| no_record(&collection, &id))?;
    let store = MemoryStore::default();
    let records = records(&store);
    records.put(Some(id.clone()), &current).await?;
    records.edit(&id, patch).await?;
    let edited = records.get(&id).await?.unwrap_or_default();
    check_alone(&collection, &id, Some(current.as_str()), Some(&edited))?;
    if !dry_run {
        writer.write(&id, &edited, seen).await?;
    }
    Changed {
        done: "edited",
        collection,
        ids: vec![id],
        remote: true,
        dry_run,
    }
    .tell(device)
}

/// Replaces records with tombstones; all records are requested before the first is written.
pub(super) async fn delete(
    device: &Device,
    collection: CollectionName,
    ids: Vec<RecordId>,
    dry_run: bool,
) -> Result<()> {
    let host = device.network();
    let remote = Remote::connect(device, &host).await?;
    let writer = Writer::new(&remote, collection.clone())?;
    let mut found = Vec::new();
    for id in &ids {
        let (record, seen) = writer.look(id).await?;
        let record = record.ok_or_else(|| no_record(&collection, id))?;
        // An unreadable record may be deleted too: it cannot be removed in another way.
        if let Ok(text) = open(writer.bundle()?, &record) {
            let text = text.ok_or_else(|| no_record(&collection, id))?;
            check_alone(&collection, id, Some(text.as_str()), None)?;
        }
        found.push((id, seen));
    }
    if !dry_run {
        for (id, seen) in found {
            let tombstone = serde_json::json!({ "id": id, "deleted": true });
            writer.write(id, &tombstone.to_string(), seen).await?;
        }
    }
    Changed {
        done: "deleted",
        collection,
        ids,
        remote: true,
        dry_run,
    }
    .tell(device)
}
