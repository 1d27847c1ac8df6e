//! The `clients` collection on the server: read completely, written only if it has not changed since.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::bso::Envelope;
use crate::crypto::{KeyBundle, payload};
use crate::error::{Error, RequestLine, Result};
use crate::host::{Clock, Random};
use crate::http::{Fetch, Method};
use crate::ids::{CollectionName, RecordId};
use crate::json::{Object, Value};
use crate::metadata::ClientRecord;
use crate::server::{Added, Client, Committed, Limits, PageEvent, Query};
use crate::time::ServerTime;

/// Maximum number of records read; an account has a few.
const MAX_RECORDS: usize = 1000;
/// Maximum size of all records together, in bytes; records beyond it are skipped.
const MAX_BYTES: usize = 16 << 20;

/// The result of reading the collection.
#[derive(Debug, Default)]
pub(in crate::sync) struct Collection {
    pub(in crate::sync) records: Vec<ClientRecord>,
    /// Records with a bad HMAC: no holder of the account's keys can read them.
    pub(in crate::sync) mismatched: Vec<RecordId>,
    /// Number of records that are damaged in another way, or beyond the limits.
    pub(in crate::sync) passed_over: u64,
    /// The time of the collection.
    pub(in crate::sync) modified: ServerTime,
}

pub(in crate::sync) fn collection_name() -> CollectionName {
    CollectionName::new("clients").expect("the name is valid")
}

/// Reads the whole collection.
pub(in crate::sync) async fn read<H: Fetch + Clock + Random>(
    client: &Client<'_, H>,
    bundle: &KeyBundle,
) -> Result<Collection> {
    let mut found = Collection::default();
    let mut bytes = 0;
    let mut pages = client.pages(collection_name(), Query::full());
    while let Some(mut arrived) = pages.next().await? {
        while let Some(event) = arrived.next()? {
            match event {
                PageEvent::Record(Ok(envelope)) => {
                    bytes += envelope.payload.escaped().len();
                    if bytes > MAX_BYTES || found.records.len() >= MAX_RECORDS {
                        found.passed_over += 1;
                    } else {
                        found.take(&envelope, bundle);
                    }
                }
                PageEvent::Record(Err(_)) => found.passed_over += 1,
                PageEvent::Id(_) | PageEvent::PageEnd { .. } => {}
            }
        }
    }
    // Where the server does not return the collection's time, the time of the newest record is used.
    let newest = found.records.iter().map(|record| record.modified).max();
    found.modified = pages.last_modified().or(newest).unwrap_or_default();
    Ok(found)
}

impl Collection {
    fn take(&mut self, envelope: &Envelope<'_>, bundle: &KeyBundle) {
        let (Ok(id), Some(payload)) = (RecordId::new(envelope.id), envelope.payload.unescaped())
        else {
            self.passed_over += 1;
            return;
        };
        match payload::open(bundle, &payload, id.as_str()) {
            Ok(cleartext) => match ClientRecord::parse(id, envelope.modified, &cleartext) {
                Some(record) if record.is_tombstone() => {}
                Some(record) => self.records.push(record),
                None => self.passed_over += 1,
            },
            Err(error) if error.is_key_problem() && self.mismatched.len() < MAX_RECORDS => {
                self.mismatched.push(id);
            }
            Err(_) => self.passed_over += 1,
        }
    }

    pub(in crate::sync) fn get(&self, id: &str) -> Option<&ClientRecord> {
        self.records.iter().find(|record| record.id.as_str() == id)
    }
}

/// A record to write.
pub(in crate::sync) struct Written {
    pub(in crate::sync) id: RecordId,
    pub(in crate::sync) cleartext: String,
    /// The number of seconds after which the server deletes it; `None` leaves the server's value unchanged.
    pub(in crate::sync) ttl: Option<u32>,
}

/// Writes records if the collection has not changed since `unmodified_since`; returns the time of the write.
pub(in crate::sync) async fn write<H: Fetch + Clock + Random>(
    client: &Client<'_, H>,
    random: &impl Random,
    bundle: &KeyBundle,
    limits: Limits,
    records: &[Written],
    unmodified_since: ServerTime,
) -> Result<ServerTime> {
    let request = || RequestLine::new(Method::Post, "storage/clients");
    let mut modified = unmodified_since;
    let mut settle = |committed: Committed<()>| match committed.failed.first() {
        None => {
            modified = committed.modified;
            Ok(())
        }
        Some(failed) => Err(Error::Answer {
            request: request(),
            detail: failed.reason.to_string(),
        }),
    };
    let mut upload = client.upload(collection_name(), limits, unmodified_since)?;
    for record in records {
        let payload = payload::seal(bundle, random, &record.cleartext)?;
        let mut bso = Object::new();
        bso.insert("id".into(), record.id.as_str().into());
        bso.insert("payload".into(), payload.as_str().into());
        if let Some(ttl) = record.ttl {
            bso.insert("ttl".into(), u64::from(ttl).into());
        }
        let bso = Value::Object(bso);
        let (id, bytes) = (record.id.clone(), payload.len() as u64);
        match upload
            .add(id, (), bytes, bso.to_string().as_bytes())
            .await?
        {
            Added::Held => {}
            Added::Committed(committed) => settle(committed)?,
            Added::TooLarge => {
                return Err(Error::TooLarge {
                    status: 413,
                    request: request(),
                });
            }
        }
    }
    while let Some(committed) = upload.finish().await? {
        settle(committed)?;
    }
    Ok(modified)
}
