//! `info/…`: what a server has, without reading it (spec §3.2).

use alloc::string::String;
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
use crate::json;
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
#[serde(from = "Map<String, ServerTime>")]
pub struct InfoCollections(Map<CollectionName, ServerTime>);

impl From<Map<String, ServerTime>> for InfoCollections {
    fn from(map: Map<String, ServerTime>) -> Self {
        Self(named(map))
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

fn named<T>(map: Map<String, T>) -> Map<CollectionName, T> {
    map.into_iter()
        .filter_map(|(name, value)| Some((CollectionName::new(name).ok()?, value)))
        .collect()
}

impl<H: Fetch + Clock + Random> Client<'_, H> {
    /// `info/collections`. With `modified_since`, a server where nothing changed since answers
    /// [`Conditional::Unmodified`].
    ///
    /// # Errors
    /// As the server refuses; see [`Error`]. So with all methods of [`Client`].
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
            return Ok(Conditional::Unmodified);
        }
        let value: InfoCollections = self.read_json(&mut reply).await?;
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
        let usage: Map<String, f64> = self.read_json(&mut reply).await?;
        Ok(named(usage)
            .into_iter()
            .map(|(name, kilobytes)| (name, bytes(kilobytes)))
            .collect())
    }

    /// `info/collection_counts`: records of each collection.
    ///
    /// # Errors
    /// As the server refuses.
    pub async fn info_collection_counts(&self) -> Result<Map<CollectionName, u64>> {
        let mut reply = self.info("info/collection_counts", Condition::None).await?;
        let counts: Map<String, u64> = self.read_json(&mut reply).await?;
        Ok(named(counts))
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
mod tests {
    use super::*;
    use crate::script::{Script, get, json, status};
    use crate::server::client::tests::client;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn name(text: &str) -> CollectionName {
        CollectionName::new(text).unwrap()
    }

    #[test]
    fn info_collections_may_be_unmodified() {
        let since = ServerTime::from_hundredths(170_000_000_040);
        let host = Script::new()
            .expect(
                get("info/collections").without("X-If-Modified-Since"),
                json(r#"{"notes":1700000000.4}"#).header("X-Last-Modified", "1700000000.50"),
            )
            .expect(
                get("info/collections").with("X-If-Modified-Since", "1700000000.40"),
                status(304),
            )
            .expect(get("info/collections"), json(r#"{"a":1.5,"b":2}"#));
        let client = client(&host);
        pollster::block_on(async {
            let Conditional::Changed {
                value,
                last_modified,
            } = client.info_collections(None).await.unwrap()
            else {
                panic!("no condition was sent")
            };
            assert_eq!(value.modified(&name("notes")), Some(since));
            assert_eq!(value.modified(&name("tabs")), None);
            assert_eq!(last_modified.hundredths(), 170_000_000_050);
            let kept = serde_json::to_string(&value).unwrap();
            assert_eq!(
                serde_json::from_str::<InfoCollections>(&kept).unwrap(),
                value
            );
            assert_eq!(
                client.info_collections(Some(since)).await,
                Ok(Conditional::Unmodified)
            );
            let without_header = client.info_collections(None).await.unwrap();
            assert!(
                matches!(without_header, Conditional::Changed { last_modified, .. } if last_modified.hundredths() == 200)
            );
        });
        host.done();
    }

    #[test]
    fn counts_usage_and_quota_are_read() {
        let host = Script::new()
            .expect(get("info/quota"), json("[12.5, null]"))
            .expect(get("info/quota"), json("[1, 2]"))
            .expect(get("info/quota"), json("[1]"))
            .expect(
                get("info/collection_usage"),
                json(r#"{"notes":0.5,"b c":1}"#),
            )
            .expect(get("info/collection_counts"), json(r#"{"notes":3}"#));
        let client = client(&host);
        pollster::block_on(async {
            assert_eq!(
                client.info_quota().await,
                Ok(Quota {
                    used: 12800,
                    total: None
                })
            );
            assert_eq!(
                client.info_quota().await,
                Ok(Quota {
                    used: 1024,
                    total: Some(2048)
                })
            );
            assert_eq!(
                client.info_quota().await,
                Ok(Quota {
                    used: 1024,
                    total: None
                })
            );
            let usage = client.info_collection_usage().await.unwrap();
            assert_eq!(usage, [(name("notes"), 512)].into());
            let counts = client.info_collection_counts().await.unwrap();
            assert_eq!(counts, [(name("notes"), 3)].into());
        });
        host.done();
    }

    #[test]
    fn a_server_without_a_configuration_has_the_defaults() {
        let host = Script::new()
            .expect(get("info/configuration"), status(404))
            .expect(get("info/configuration"), json(r#"{"max_post_records":7}"#))
            .expect(get("info/configuration"), json("nonsense secret"))
            .expect(get("info/configuration"), status(503));
        let client = client(&host);
        pollster::block_on(async {
            assert_eq!(client.info_configuration().await, Ok(Limits::default()));
            assert_eq!(
                client.info_configuration().await.unwrap().max_post_records,
                7
            );
            let error = client.info_configuration().await.unwrap_err();
            assert!(
                matches!(&error, Error::Answer { detail, .. } if !detail.contains("secret")),
                "{error}"
            );
            assert!(matches!(
                client.info_configuration().await,
                Err(Error::Wait { status: 503, .. })
            ));
        });
        host.done();
    }

    #[test]
    fn an_endless_answer_is_not_read_to_its_end() {
        let host = Script::new().expect(
            get("info/collections"),
            json(" ".repeat(INFO_BYTES + 1)).in_chunks(&[4096]),
        );
        let client = client(&host);
        let error = pollster::block_on(client.info_collections(None)).unwrap_err();
        assert!(matches!(error, Error::Answer { .. }), "{error}");
    }
}
