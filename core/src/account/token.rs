//! What a token server gives for an access token: the way to a user's storage (spec §1.9).

use alloc::string::{String, ToString};
use core::fmt;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::crypto::hawk;
use crate::error::{Error, Result};
use crate::json::Value;
use crate::server::{Access, address};
use crate::time::LocalTime;

/// The way to a user's storage, for a while.
///
/// It shows nothing of itself, and its key is forgotten when it is dropped.
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
    /// Where the storage is, without a trailing slash. Another one than last time means that the account has moved.
    pub api_endpoint: String,
    /// The public half of the Hawk credentials.
    pub id: String,
    /// The secret half: text, used as it is.
    pub key: Zeroizing<String>,
    /// The user's number on the storage server.
    pub uid: u64,
    /// For how many seconds the server takes it.
    pub duration: u64,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// As a token server writes it.
#[derive(Deserialize)]
struct Wire {
    api_endpoint: String,
    id: String,
    key: String,
    /// A number, which some write as text.
    uid: Value,
    #[serde(default = "sha256")]
    hashalg: String,
    duration: u64,
}

fn sha256() -> String {
    "sha256".to_string()
}

impl Token {
    /// Reads a token server's answer.
    ///
    /// # Errors
    /// [`Error::Input`] with a sentence when something is missing, or made for another protocol.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let wire: Wire = crate::json::from_slice(json).map_err(|_| {
            Error::Input(
                "a storage token has api_endpoint, id, key, uid and duration; this has not".into(),
            )
        })?;
        let key = Zeroizing::new(wire.key);
        if wire.hashalg != "sha256" {
            return Err(Error::Input(
                "the storage token is for another hash than sha256: this program does not know it"
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
            uid: uid.ok_or_else(|| Error::Input("the storage token's uid is no number".into()))?,
            api_endpoint: address::service(&wire.api_endpoint)?,
            id: wire.id,
            key,
            duration: wire.duration,
        };
        // The address is checked here, so that nobody meets a bad one later.
        token.access()?;
        Ok(token)
    }

    /// Access to the storage.
    ///
    /// # Errors
    /// When the endpoint is no address of a web server.
    pub fn access(&self) -> Result<Access> {
        let credentials = hawk::Credentials {
            id: self.id.clone(),
            key: hawk::Key::from_text(&self.key),
        };
        Access::hawk(&self.api_endpoint, credentials)
    }

    /// When a token that came at `received` is to be replaced: at 80 % of its life. A 401 replaces it earlier.
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
    fn an_answer_is_read_or_refused_with_a_sentence() {
        let good = Token::from_json(with("uid", "\"7\"").as_bytes()).unwrap();
        assert_eq!((good.uid, good.duration), (7, 3600));
        let rows = [
            ("hashalg", "\"sha1\"", "hash"),
            ("uid", "\"seven\"", "uid"),
            ("uid", "-1", "uid"),
            ("id", "\"\"", "empty"),
            ("key", "null", "has not"),
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
    fn it_is_renewed_at_four_fifths_of_its_life() {
        let token = Token::from_json(with("duration", "3600").as_bytes()).unwrap();
        let received = LocalTime::from_millis(1_000);
        assert_eq!(token.renew_at(received).millis(), 1_000 + 2_880_000);
    }

    #[test]
    fn nothing_of_it_is_shown() {
        let token = Token::from_json(with("uid", "7").as_bytes()).unwrap();
        assert_eq!(format!("{token:?}"), "Token(..)");
    }
}
