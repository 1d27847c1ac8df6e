//! `info/…`: what a server has, without reading it (spec §3.2).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::address;
use super::call::{Call, Reply};
use super::client::Client;
use super::conditions::{Condition, Conditional};
use super::limits::Limits;
use super::observed::bytes;
use crate::error::{Error, Result};
use crate::host::{Clock, Random};
use crate::http::{Fetch, Method};
use crate::ids::CollectionName;
use crate::json::{self, Value};
use crate::sorted::Map;
use crate::time::ServerTime;

/// More than thousands of collections need.
const INFO_BYTES: usize = 1 << 20;

/// The collections of a server and when each was last changed. It may be kept, as JSON, for when a 304 comes.
///
/// ```
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::server::InfoCollections;
/// use selvedge_core::time::ServerTime;
///
/// let info: InfoCollections = serde_json::from_str(r#"{"notes":1700000000.4,"two words":1}"#)?;
/// let notes = CollectionName::new("notes").expect("a name");
/// assert_eq!(info.modified(&notes), Some(ServerTime::from_hundredths(170_000_000_040)));
/// assert_eq!(info.iter().count(), 1, "what is no name of a collection is left out");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Map<String, Value>")]
pub struct InfoCollections(Map<CollectionName, ServerTime>);

/// An entry that is no time, `null` for example, does not hide the others. Its collection is listed with the time zero:
/// it exists, and what it holds has to be looked at.
impl From<Map<String, Value>> for InfoCollections {
    fn from(map: Map<String, Value>) -> Self {
        let time = |value: Value| {
            let text = value.to_string();
            let text = value.as_str().unwrap_or(&text);
            ServerTime::parse_json(text.as_bytes()).unwrap_or_default()
        };
        Self(named(map, |value| Some(time(value))))
    }
}

impl InfoCollections {
    /// When a collection was last changed; `None` when there is no such collection.
    #[must_use]
    pub fn modified(&self, name: &CollectionName) -> Option<ServerTime> {
        self.0.get(name).copied()
    }

    /// The collections by name.
    pub fn iter(&self) -> impl Iterator<Item = (&CollectionName, ServerTime)> {
        self.0.iter().map(|(name, time)| (name, *time))
    }

    /// Whether there is no collection at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The latest change of all.
    #[must_use]
    pub fn latest(&self) -> ServerTime {
        self.0.values().copied().max().unwrap_or_default()
    }
}

/// How much of an account's room is used, in bytes.
///
/// ```
/// use selvedge_core::server::Quota;
///
/// let quota = Quota { used: 1024, total: Some(2048) };
/// assert_eq!(quota.total.map(|total| total - quota.used), Some(1024));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Bytes in use.
    pub used: u64,
    /// Bytes that may be used; `None` when the server does not count.
    pub total: Option<u64>,
}

/// The entries whose names and values can be read.
fn named<T>(map: Map<String, Value>, read: impl Fn(Value) -> Option<T>) -> Map<CollectionName, T> {
    map.into_iter()
        .filter_map(|(name, value)| Some((CollectionName::new(name).ok()?, read(value)?)))
        .collect()
}

/// A number of any form.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

/// A whole number of any form; what lies right of the decimal point is cut. It is read without floats, whose tables are
/// large in WebAssembly.
fn whole(value: &Value) -> Option<u64> {
    let Value::Number(number) = value else {
        return None;
    };
    if let Some(whole) = value.as_u64() {
        return Some(whole);
    }
    let text = number.to_string();
    Some(match ServerTime::parse_json(text.as_bytes()) {
        Ok(time) => time.hundredths() / 100,
        // Below zero, or an exponent that makes it too small or too large for 64 bits.
        Err(_) if text.contains('-') => 0,
        Err(_) => u64::MAX,
    })
}

impl<H: Fetch + Clock + Random> Client<'_, H> {
    /// `info/collections`. With `modified_since`, a server where nothing changed since answers
    /// [`Conditional::Unmodified`]; a 304 that tells another time than the one that was sent is not trusted, and the
    /// collections are asked for without a condition.
    ///
    /// # Errors
    /// As the server refuses; see [`Error`]. So with all methods of [`Client`]. [`Error::NotGenuine`] when there are no
    /// collections, but the answer is not the storage server's own.
    pub async fn info_collections(
        &self,
        modified_since: Option<ServerTime>,
    ) -> Result<Conditional<InfoCollections>> {
        self.info_collections_of(modified_since, None).await
    }

    /// As [`Client::info_collections`], and tells the server's operators which version of the program asks.
    ///
    /// # Errors
    /// As the server refuses.
    pub async fn info_collections_of(
        &self,
        modified_since: Option<ServerTime>,
        version: Option<&str>,
    ) -> Result<Conditional<InfoCollections>> {
        let condition = Condition::modified_since(modified_since);
        let mut path = String::from("info/collections");
        if let Some(version) = version {
            address::push_encoded_parameter(&mut path, "v", version);
        }
        let mut reply = self.info(&path, condition).await?;
        if reply.is_unmodified() {
            if reply.last_modified() == modified_since {
                return Ok(Conditional::Unmodified);
            }
            // A store that was emptied, or put back to an earlier time, is "unmodified" as well (spec §3.4).
            reply = self.info("info/collections", Condition::None).await?;
        }
        let value: InfoCollections = self.read_json(&mut reply).await?;
        if value.is_empty() {
            reply.check_genuine()?;
        }
        let last_modified = reply.last_modified().unwrap_or_else(|| value.latest());
        Ok(Conditional::Changed {
            value,
            last_modified,
        })
    }

    /// The time of one collection, by `info/collections`; zero when it does not exist.
    pub(super) async fn collection_time(&self, name: &CollectionName) -> Result<ServerTime> {
        let info = self.info_collections(None).await?.changed();
        Ok(info
            .and_then(|info| info.modified(name))
            .unwrap_or_default())
    }

    /// `info/quota`.
    ///
    /// # Errors
    /// As the server refuses.
    pub async fn info_quota(&self) -> Result<Quota> {
        let mut reply = self.info("info/quota", Condition::None).await?;
        // Some servers leave the second value out.
        let values: Vec<Option<f64>> = self.read_json(&mut reply).await?;
        let value = |at: usize| values.get(at).copied().flatten().map(bytes);
        Ok(Quota {
            used: value(0).unwrap_or_default(),
            total: value(1),
        })
    }

    /// `info/collection_usage`: bytes of each collection. Servers find it expensive.
    ///
    /// # Errors
    /// As the server refuses.
    pub async fn info_collection_usage(&self) -> Result<Map<CollectionName, u64>> {
        let mut reply = self.info("info/collection_usage", Condition::None).await?;
        let usage = self.read_json(&mut reply).await?;
        Ok(named(usage, |value| number(&value).map(bytes)))
    }

    /// `info/collection_counts`: records of each collection.
    ///
    /// # Errors
    /// As the server refuses.
    pub async fn info_collection_counts(&self) -> Result<Map<CollectionName, u64>> {
        let mut reply = self.info("info/collection_counts", Condition::None).await?;
        let counts = self.read_json(&mut reply).await?;
        Ok(named(counts, |value| whole(&value)))
    }

    /// `info/configuration`. A server that does not have it gets the defaults.
    ///
    /// # Errors
    /// As the server refuses.
    pub async fn info_configuration(&self) -> Result<Limits> {
        if !self.dialect().has_batches() {
            return Ok(Limits::default());
        }
        let mut reply = match self.info("info/configuration", Condition::None).await {
            Err(Error::NotFound { .. }) => return Ok(Limits::default()),
            reply => reply?,
        };
        let body = self.read(&mut reply, INFO_BYTES).await?;
        Limits::from_configuration(&body).map_err(|_| reply.no_json())
    }

    async fn info(&self, path: &str, condition: Condition) -> Result<Reply<H::Body>> {
        let call = Call::new(Method::Get, path).accept("application/json");
        self.send(call.when(condition)).await
    }

    async fn read_json<T: DeserializeOwned>(&self, reply: &mut Reply<H::Body>) -> Result<T> {
        let body = self.read(reply, INFO_BYTES).await?;
        json::from_slice(&body).map_err(|_| reply.no_json())
    }
}

#[cfg(test)]
mod tests;
