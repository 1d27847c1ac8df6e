//! `info/…`: metadata of a user's collections on the server (spec §3.2).

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

/// Maximum size of a response, in bytes: enough for thousands of collections.
const MAX_INFO_BYTES: usize = 1 << 20;

/// The collections of a server and their modification times. It may be cached as JSON for a later 304.
///
/// ```
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::server::InfoCollections;
/// use selvedge_core::time::ServerTime;
///
/// let info: InfoCollections = serde_json::from_str(r#"{"notes":1700000000.4,"two words":1}"#)?;
/// let notes = CollectionName::new("notes").expect("a name");
/// assert_eq!(info.modified(&notes), Some(ServerTime::from_hundredths(170_000_000_040)));
/// assert_eq!(info.iter().count(), 1, "an invalid collection name is skipped");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Map<String, Value>")]
pub struct InfoCollections(Map<CollectionName, ServerTime>);

/// An entry whose value is not a time, for example `null`, does not affect the others. Its collection gets the time
/// zero: it exists, and its contents must be checked.
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
    /// The modification time of a collection; `None` if it does not exist.
    #[must_use]
    pub fn modified(&self, name: &CollectionName) -> Option<ServerTime> {
        self.0.get(name).copied()
    }

    /// The collections, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&CollectionName, ServerTime)> {
        self.0.iter().map(|(name, time)| (name, *time))
    }

    /// Whether there is no collection.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The latest modification time of all collections.
    #[must_use]
    pub fn latest(&self) -> ServerTime {
        self.0.values().copied().max().unwrap_or_default()
    }
}

/// Used and available storage of an account, in bytes.
///
/// ```
/// use selvedge_core::server::Quota;
///
/// let quota = Quota { used: 1024, total: Some(2048) };
/// assert_eq!(quota.total.map(|total| total - quota.used), Some(1024));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Used bytes.
    pub used: u64,
    /// Maximum number of bytes; `None` if the server has no quota.
    pub total: Option<u64>,
}

/// The entries with valid names and values.
fn named<T>(map: Map<String, Value>, read: impl Fn(Value) -> Option<T>) -> Map<CollectionName, T> {
    map.into_iter()
        .filter_map(|(name, value)| Some((CollectionName::new(name).ok()?, read(value)?)))
        .collect()
}

/// A number in any form.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

/// A whole number in any form; digits after the decimal point are truncated. It is parsed without floats, whose tables
/// are large in WebAssembly.
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
    /// `info/collections`. With `modified_since`, a server returns [`Conditional::Unmodified`] if nothing changed
    /// since. A 304 with a time other than the sent one is not trusted; the request is repeated without a condition.
    ///
    /// # Errors
    /// When the server rejects the request; see [`Error`]. This applies to all methods of [`Client`].
    /// [`Error::NotGenuine`] when there are no collections, but the response does not come from the storage server.
    pub async fn info_collections(
        &self,
        modified_since: Option<ServerTime>,
    ) -> Result<Conditional<InfoCollections>> {
        self.info_collections_of(modified_since, None).await
    }

    /// As [`Client::info_collections`], but also sends the program's version for the server's operators.
    ///
    /// # Errors
    /// When the server rejects the request.
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
            // A store that was emptied or restored to an earlier state responds "unmodified" too (spec §3.4).
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

    /// The modification time of one collection, from `info/collections`; zero if it does not exist.
    pub(super) async fn collection_time(&self, name: &CollectionName) -> Result<ServerTime> {
        let info = self.info_collections(None).await?.changed();
        Ok(info
            .and_then(|info| info.modified(name))
            .unwrap_or_default())
    }

    /// `info/quota`.
    ///
    /// # Errors
    /// When the server rejects the request.
    pub async fn info_quota(&self) -> Result<Quota> {
        let mut reply = self.info("info/quota", Condition::None).await?;
        // Some servers omit the second value.
        let values: Vec<Option<f64>> = self.read_json(&mut reply).await?;
        let value = |at: usize| values.get(at).copied().flatten().map(bytes);
        Ok(Quota {
            used: value(0).unwrap_or_default(),
            total: value(1),
        })
    }

    /// `info/collection_usage`: bytes of each collection. This request is expensive for servers.
    ///
    /// # Errors
    /// When the server rejects the request.
    pub async fn info_collection_usage(&self) -> Result<Map<CollectionName, u64>> {
        let mut reply = self.info("info/collection_usage", Condition::None).await?;
        let usage = self.read_json(&mut reply).await?;
        Ok(named(usage, |value| number(&value).map(bytes)))
    }

    /// `info/collection_counts`: number of records of each collection.
    ///
    /// # Errors
    /// When the server rejects the request.
    pub async fn info_collection_counts(&self) -> Result<Map<CollectionName, u64>> {
        let mut reply = self.info("info/collection_counts", Condition::None).await?;
        let counts = self.read_json(&mut reply).await?;
        Ok(named(counts, |value| whole(&value)))
    }

    /// `info/configuration`. The defaults are used for a server that does not support it.
    ///
    /// # Errors
    /// When the server rejects the request.
    pub async fn info_configuration(&self) -> Result<Limits> {
        if !self.dialect().has_batches() {
            return Ok(Limits::default());
        }
        let mut reply = match self.info("info/configuration", Condition::None).await {
            Err(Error::NotFound { .. }) => return Ok(Limits::default()),
            reply => reply?,
        };
        let body = self.read(&mut reply, MAX_INFO_BYTES).await?;
        Limits::from_configuration(&body).map_err(|_| reply.not_json())
    }

    async fn info(&self, path: &str, condition: Condition) -> Result<Reply<H::Body>> {
        let call = Call::new(Method::Get, path).accept("application/json");
        self.send(call.when(condition)).await
    }

    async fn read_json<T: DeserializeOwned>(&self, reply: &mut Reply<H::Body>) -> Result<T> {
        let body = self.read(reply, MAX_INFO_BYTES).await?;
        json::from_slice(&body).map_err(|_| reply.not_json())
    }
}

#[cfg(test)]
mod tests;
