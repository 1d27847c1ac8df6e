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
                status(304).header("X-Last-Modified", "1700000000.4"),
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
    fn an_entry_without_a_time_is_listed_and_does_not_affect_others() {
        let rows = [
            ("null", 0),
            ("\"soon\"", 0),
            ("-1", 0),
            ("[1]", 0),
            ("\"1.5\"", 150),
            ("1.5", 150),
        ];
        for (time, hundredths) in rows {
            let text = alloc::format!(r#"{{"meta":{time},"notes":2}}"#);
            let info: InfoCollections = crate::json::from_str(&text).unwrap();
            let expected = Some(ServerTime::from_hundredths(hundredths));
            assert_eq!(info.modified(&name("meta")), expected, "{time}");
            let notes = info.modified(&name("notes")).unwrap();
            assert_eq!(notes.hundredths(), 200, "{time}");
        }
        let info: InfoCollections = crate::json::from_str("[]").unwrap();
        assert_eq!(info, InfoCollections::default());
    }

    #[test]
    fn a_count_may_be_a_number_in_any_form() {
        let rows = [
            ("3", Some(3)),
            ("2.0", Some(2)),
            ("2.99", Some(2)),
            ("1.5e3", Some(1500)),
            ("1E2", Some(100)),
            ("25e-1", Some(2)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", Some(u64::MAX)),
            ("1e400", Some(u64::MAX)),
            ("1e99999", Some(u64::MAX)),
            ("1e-99999", Some(0)),
            ("0", Some(0)),
            ("-0", Some(0)),
            ("-1", Some(0)),
            ("-1.5e3", Some(0)),
            ("null", None),
            ("\"3\"", None),
            ("[3]", None),
        ];
        for (text, expected) in rows {
            let value: Value = crate::json::from_str(text).unwrap();
            assert_eq!(whole(&value), expected, "{text}");
        }
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
            .expect(get("info/collection_counts"), json(r#"{"notes":3}"#))
            .expect(
                get("info/collection_counts"),
                json(r#"{"notes":null,"a":2.0,"b":"x"}"#),
            )
            .expect(get("info/collection_counts"), json("[]"));
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
            let counts = client.info_collection_counts().await.unwrap();
            assert_eq!(counts, [(name("a"), 2)].into());
            assert!(client.info_collection_counts().await.unwrap().is_empty());
        });
        host.done();
    }

    #[test]
    fn a_server_without_a_configuration_gets_the_defaults() {
        let host = Script::new()
            .expect(get("info/configuration"), status(404).genuine())
            .expect(get("info/configuration"), json(r#"{"max_post_records":7}"#))
            .expect(get("info/configuration"), json("nonsense secret"))
            .expect(get("info/configuration"), status(503))
            .expect(get("info/configuration"), status(404));
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
            assert!(
                matches!(
                    client.info_configuration().await,
                    Err(Error::NotGenuine { status: 404, .. })
                ),
                "a proxy's 404 contains no information about the server's limits"
            );
        });
        host.done();
    }

    #[test]
    fn a_304_with_another_time_is_not_trusted() {
        let since = ServerTime::from_hundredths(500);
        for (answer, name) in [
            (status(304), "no time"),
            (status(304).header("X-Last-Modified", "0.00"), "emptied"),
            (status(304).header("X-Last-Modified", "4.99"), "restored"),
        ] {
            let host = Script::new()
                .expect(
                    get("info/collections").with("X-If-Modified-Since", "5.00"),
                    answer,
                )
                .expect(
                    get("info/collections").without("X-If-Modified-Since"),
                    json(r#"{"notes":4}"#),
                );
            let client = client(&host);
            let info = pollster::block_on(client.info_collections(Some(since))).unwrap();
            assert!(
                info.changed().is_some_and(|info| !info.is_empty()),
                "{name}"
            );
            host.done();
        }
    }

    #[test]
    fn an_empty_account_is_accepted_only_from_the_server_itself() {
        let host = Script::new()
            .expect(get("info/collections"), json("{}").genuine())
            .expect(get("info/collections"), json("{}"))
            .expect(get("info/collections"), json(r#"{"notes":1}"#))
            .expect(
                get("info/collections"),
                status(200).header("X-Weave-Timestamp", "1").body("<html>"),
            )
            .expect(get("info/collections"), status(200).genuine());
        let client = client(&host);
        pollster::block_on(async {
            let ask = async || client.info_collections(None).await;
            assert!(ask().await.is_ok());
            assert!(matches!(ask().await, Err(Error::NotGenuine { .. })));
            assert!(
                ask().await.is_ok(),
                "data can only be written with the account's token"
            );
            for answer in ["a page", "nothing"] {
                assert!(matches!(ask().await, Err(Error::Answer { .. })), "{answer}");
            }
        });
        host.done();
    }

    #[test]
    fn an_endless_response_is_not_read_to_its_end() {
        let host = Script::new().expect(
            get("info/collections"),
            json(" ".repeat(MAX_INFO_BYTES + 1)).in_chunks(&[4096]),
        );
        let client = client(&host);
        let error = pollster::block_on(client.info_collections(None)).unwrap_err();
        assert!(matches!(error, Error::Answer { .. }), "{error}");
    }
}
