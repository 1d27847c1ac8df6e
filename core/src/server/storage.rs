//! Reading and writing single records, and deletions (spec §3.2).

use alloc::string::String;

use serde::{Deserialize, Serialize};

use super::address;
use super::call::{Call, Reply};
use super::client::Client;
use super::conditions::{Condition, Conditional};
use crate::error::{Error, Result};
use crate::host::{Clock, Random};
use crate::http::{Fetch, Method};
use crate::ids::{CollectionName, RecordId};
use crate::json;
use crate::time::ServerTime;

/// Maximum size of a single record, in bytes; servers allow 2.5 MiB of payload.
const MAX_RECORD_BYTES: usize = 16 << 20;
/// Maximum size of the response to a write, in bytes.
const MAX_WRITE_RESPONSE_BYTES: usize = 64 << 10;
/// The protocol's maximum number of ids in one request.
const MAX_IDS: usize = 100;

/// A record as stored on the server; its payload is not parsed.
///
/// ```
/// use selvedge_core::server::Record;
///
/// let record: Record = serde_json::from_str(r#"{"id":"global","modified":1.5,"payload":"{}"}"#)?;
/// assert_eq!((record.modified.hundredths(), record.sortindex), (150, None));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Record {
    /// Its id.
    pub id: RecordId,
    /// Its modification time; the condition of the next write.
    pub modified: ServerTime,
    /// Its payload.
    #[serde(default)]
    pub payload: String,
    /// Its sort index, for `sort=index`.
    #[serde(default)]
    pub sortindex: Option<i64>,
}

/// The members that a PUT sets. A member that is `None` keeps its value on the server.
///
/// ```
/// use selvedge_core::server::PutRecord;
///
/// let put = PutRecord { payload: Some("{}"), ..PutRecord::default() };
/// assert_eq!(put.ttl, None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct PutRecord<'a> {
    /// The payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<&'a str>,
    /// The sort index, for `sort=index`; at most nine digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sortindex: Option<i32>,
    /// Time to live in seconds; at most nine digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u32>,
}

impl<H: Fetch + Clock + Random> Client<'_, H> {
    /// Reads one record; `None` if it does not exist.
    ///
    /// # Errors
    /// When the server rejects the request, and when the response is not a record.
    pub async fn get_record(
        &self,
        collection: &CollectionName,
        id: &RecordId,
    ) -> Result<Option<Record>> {
        let record = self.get_record_if(collection, id, Condition::None).await?;
        Ok(record.changed().flatten())
    }

    /// Reads one record with a condition. A missing record is a change to `None`, at time zero.
    ///
    /// # Errors
    /// When the server rejects the request, and when the response is not a record; [`Error::Conflict`] when it was
    /// changed contrary to the condition.
    pub async fn get_record_if(
        &self,
        collection: &CollectionName,
        id: &RecordId,
        condition: Condition,
    ) -> Result<Conditional<Option<Record>>> {
        let call = Call::new(Method::Get, address::record(collection, id)?)
            .accept("application/json")
            .when(condition);
        let mut reply = match self.send(call).await {
            Err(Error::NotFound { .. }) => {
                return Ok(Conditional::Changed {
                    value: None,
                    last_modified: ServerTime::ZERO,
                });
            }
            reply => reply?,
        };
        if reply.is_unmodified() {
            return Ok(Conditional::Unmodified);
        }
        let body = self.read(&mut reply, MAX_RECORD_BYTES).await?;
        let record: Record = json::from_slice(&body).map_err(|_| reply.not_json())?;
        if record.id != *id {
            return Err(reply.unreadable("it is not the requested record"));
        }
        Ok(Conditional::Changed {
            last_modified: reply.last_modified().unwrap_or(record.modified),
            value: Some(record),
        })
    }

    /// Writes one record and returns the time of the write. With `unmodified_since` zero the record must not exist yet.
    ///
    /// # Errors
    /// When the server rejects the request; [`Error::Conflict`] when the record was changed since.
    pub async fn put_record(
        &self,
        collection: &CollectionName,
        id: &RecordId,
        record: PutRecord<'_>,
        unmodified_since: Option<ServerTime>,
    ) -> Result<ServerTime> {
        let body = json::to_string(&record).expect("strings and numbers can be serialized as JSON");
        let call = Call::new(Method::Put, address::record(collection, id)?)
            .accept("application/json")
            .json(body.into());
        self.write_record(collection, id, call, unmodified_since)
            .await
    }

    /// Deletes one record and returns the time of the write.
    ///
    /// # Errors
    /// When the server rejects the request; [`Error::NotFound`] when the record does not exist.
    pub async fn delete_record(
        &self,
        collection: &CollectionName,
        id: &RecordId,
        unmodified_since: Option<ServerTime>,
    ) -> Result<ServerTime> {
        let call =
            Call::new(Method::Delete, address::record(collection, id)?).accept("application/json");
        self.write_record(collection, id, call, unmodified_since)
            .await
    }

    /// Deletes the records with these ids, in as many requests as necessary, each conditional on the previous one;
    /// missing records are ignored. Returns the time of the last write, `None` if `ids` is empty.
    ///
    /// # Errors
    /// When the server rejects a request; earlier requests may have succeeded.
    pub async fn delete_ids(
        &self,
        collection: &CollectionName,
        ids: &[RecordId],
        unmodified_since: Option<ServerTime>,
    ) -> Result<Option<ServerTime>> {
        let mut rest = ids;
        let mut guard = unmodified_since;
        let mut written = None;
        while !rest.is_empty() {
            let (count, value) = address::ids_value(rest, MAX_IDS);
            let mut path = address::collection(collection)?;
            address::push_parameter(&mut path, "ids", &value);
            let call = Call::new(Method::Delete, path).accept("application/json");
            let time = self.write(call, guard).await?;
            guard = guard.and(Some(time));
            written = Some(time);
            rest = rest.get(count..).unwrap_or_default();
        }
        Ok(written)
    }

    /// Deletes a collection and returns the time of the write. A missing collection is not an error.
    ///
    /// # Errors
    /// When the server rejects the request.
    pub async fn delete_collection(
        &self,
        collection: &CollectionName,
        unmodified_since: Option<ServerTime>,
    ) -> Result<ServerTime> {
        let call = Call::new(Method::Delete, address::collection(collection)?);
        let written = self
            .write(call.accept("application/json"), unmodified_since)
            .await;
        self.gone(written)
    }

    /// Deletes all data of the user on this server, if nothing was changed since `unmodified_since`. Call it only after
    /// a person was shown what will be lost, and agreed (spec §4.4). An empty storage is not an error.
    ///
    /// # Errors
    /// When the server rejects the request: [`Error::Conflict`] when something was changed since; [`Error::NotGenuine`]
    /// when the response does not come from the storage server.
    pub async fn delete_storage(&self, unmodified_since: ServerTime) -> Result<()> {
        let call = Call::new(Method::Delete, "storage")
            .accept("application/json")
            .header("X-Confirm-Delete", "1")
            .when(Condition::IfUnmodifiedSince(unmodified_since));
        match self.send(call).await {
            Ok(reply) => reply.check_genuine(),
            Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Treats a missing target as already deleted.
    fn gone(&self, written: Result<ServerTime>) -> Result<ServerTime> {
        match written {
            Err(Error::NotFound { .. }) if self.dialect().treats_missing_as_empty() => {
                Ok(ServerTime::ZERO)
            }
            written => written,
        }
    }

    /// Writes one record conditional on its own time, including on servers that compare it with the collection's time.
    async fn write_record(
        &self,
        collection: &CollectionName,
        id: &RecordId,
        call: Call,
        unmodified_since: Option<ServerTime>,
    ) -> Result<ServerTime> {
        let (Some(guard), false) = (unmodified_since, self.dialect().guards_records()) else {
            return self.write(call, unmodified_since).await;
        };
        let conflict = match self.write(call.clone(), Some(guard)).await {
            Err(conflict @ Error::Conflict { .. }) => conflict,
            written => return written,
        };
        let time = self.collection_time(collection).await?;
        let record = self.get_record(collection, id).await?;
        let modified = record.map_or(ServerTime::ZERO, |record| record.modified);
        match self.dialect().retry_condition(guard, time, modified) {
            Some(guard) => self.write(call, Some(guard)).await,
            None => Err(conflict),
        }
    }

    /// The time of a write, from its response.
    pub(super) fn write_time(&self, reply: &Reply<H::Body>, body: &[u8]) -> Result<ServerTime> {
        self.dialect()
            .write_time(&reply.response.headers, body)
            .ok_or_else(|| reply.unreadable("it does not contain the time of the write"))
    }

    async fn write(&self, call: Call, unmodified_since: Option<ServerTime>) -> Result<ServerTime> {
        let call = call.when(Condition::unmodified_since(unmodified_since));
        let mut reply: Reply<H::Body> = self.send(call).await?;
        let body = self.read(&mut reply, MAX_WRITE_RESPONSE_BYTES).await?;
        self.write_time(&reply, &body)
    }
}

#[cfg(test)]
mod tests;
