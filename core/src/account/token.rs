//! The response of a token server: temporary access to a user's storage (spec §1.9).

use alloc::string::{String, ToString};
use core::fmt;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::crypto::hawk;
use crate::error::{Error, Result};
use crate::json::Value;
use crate::server::{Access, address};
use crate::time::LocalTime;

/// Temporary access to a user's storage.
///
/// Its `Debug` output contains no secrets, and its key is zeroized when it is dropped.
///
/// ```
/// use selvedge_core::account::Token;
///
/// let token = Token::from_json(br#"{"id":"id","key":"key","uid":7,"api_endpoint":"https://sync.example.org/1.5/7/",
///     "duration":3600,"hashalg":"sha256"}"#)?;
/// assert_eq!((token.api_endpoint.as_str(), token.uid), ("https://sync.example.org/1.5/7", 7));
/// assert_eq!(format!("{token:?}"), "Token(..)");
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The address of the storage, without a trailing slash. If it differs from the previous one, the account was moved
    /// to another node.
    pub api_endpoint: String,
    /// The public half of the Hawk credentials.
    pub id: String,
    /// The secret half: text, used as it is.
    pub key: Zeroizing<String>,
    /// The user's number on the storage server.
    pub uid: u64,
    /// Validity of the token, in seconds.
    pub duration: u64,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The JSON form of a token server's response.
#[derive(Deserialize)]
struct Wire {
    api_endpoint: String,
    id: String,
    key: String,
    /// A number; some servers send it as a string.
    uid: Value,
    #[serde(default = "sha256")]
    hashalg: String,
    duration: u64,
}

fn sha256() -> String {
    "sha256".to_string()
}

impl Token {
    /// Parses a token server's response.
    ///
    /// # Errors
    /// [`Error::Input`] with a message, when a member is missing or specifies another protocol.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let wire: Wire = crate::json::from_slice(json).map_err(|_| {
            Error::Input(
                "a storage token must contain api_endpoint, id, key, uid and duration; at least one of them is missing".into(),
            )
        })?;
        let key = Zeroizing::new(wire.key);
        if wire.hashalg != "sha256" {
            return Err(Error::Input(
                "the storage token requires another hash than sha256, which this program does not support"
                    .into(),
            ));
        }
        if wire.id.is_empty() || key.is_empty() {
            return Err(Error::Input(
                "the storage token's id or key is empty".into(),
            ));
        }
        let uid = match wire.uid {
            Value::Text(text) => text.parse().ok(),
            number => number.as_u64(),
        };
        let token = Self {
            uid: uid
                .ok_or_else(|| Error::Input("the storage token's uid is not a number".into()))?,
            api_endpoint: address::service(&wire.api_endpoint)?,
            id: wire.id,
            key,
            duration: wire.duration,
        };
        // Checks the address here, so that later uses cannot fail.
        token.access()?;
        Ok(token)
    }

    /// Access to the storage.
    ///
    /// # Errors
    /// When the endpoint is not an address of a web server.
    pub fn access(&self) -> Result<Access> {
        let credentials = hawk::Credentials {
            id: self.id.clone(),
            key: hawk::Key::from_text(&self.key),
        };
        Access::hawk(&self.api_endpoint, credentials)
    }

    /// When to replace a token that arrived at `received`: after 80 % of its validity. After a 401 it is replaced
    /// earlier.
    #[must_use]
    pub const fn renew_at(&self, received: LocalTime) -> LocalTime {
        let millis = self.duration.saturating_mul(800);
        LocalTime::from_millis(received.millis().saturating_add(millis))
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn with(field: &str, value: &str) -> String {
        let mut token = serde_json::json!({
            "id": "id", "key": "secret", "uid": 7, "api_endpoint": "https://a.example/1.5/7",
            "duration": 3600, "hashalg": "sha256", "node_type": "spanner"
        });
        token[field] = serde_json::from_str(value).unwrap();
        token.to_string()
    }

    #[test]
    fn a_response_is_parsed_or_refused_with_a_message() {
        let good = Token::from_json(with("uid", "\"7\"").as_bytes()).unwrap();
        assert_eq!((good.uid, good.duration), (7, 3600));
        let rows = [
            ("hashalg", "\"sha1\"", "hash"),
            ("uid", "\"seven\"", "uid"),
            ("uid", "-1", "uid"),
            ("id", "\"\"", "empty"),
            ("key", "null", "is missing"),
            ("api_endpoint", "\"ftp://x\"", "address"),
        ];
        for (field, value, sentence) in rows {
            let error = Token::from_json(with(field, value).as_bytes()).unwrap_err();
            let shown = error.to_string();
            assert!(shown.contains(sentence), "{field} {value}: {shown}");
            assert!(!shown.contains("secret"), "{shown}");
        }
    }

    #[test]
    fn it_is_renewed_after_80_percent_of_its_validity() {
        let token = Token::from_json(with("duration", "3600").as_bytes()).unwrap();
        let received = LocalTime::from_millis(1_000);
        assert_eq!(token.renew_at(received).millis(), 1_000 + 2_880_000);
    }

    #[test]
    fn debug_output_contains_no_secret() {
        let token = Token::from_json(with("uid", "7").as_bytes()).unwrap();
        assert_eq!(format!("{token:?}"), "Token(..)");
    }
}
