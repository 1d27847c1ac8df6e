//! Server side: strict parsing of an `Authorization` header, with limits, and verification of its MAC.

use base64ct::{Base64, Encoding};
use hmac::Mac;

use super::signed_request::{Key, SignedRequest, is_quotable, payload_hash};

/// Maximum length of the header. Storage tokens have a few hundred characters.
const MAX_HEADER_BYTES: usize = 4096;

/// A parsed Hawk `Authorization` header. It is not authenticated until [`Header::verify`] returns true.
///
/// ```
/// use selvedge_core::crypto::hawk::{Header, Key};
///
/// let header = Header::parse(
///     r#"Hawk id="dh37fgj492je", ts="1353832234", nonce="j4h3g2", ext="some-app-ext-data", mac="6R4rV5iE+NPoym+WwjeHzjAGXUtLNIxmo1vpMofpLAE=""#,
/// )?;
/// let key = Key::from_text("werxhqb98rpaxn39848xrunpaw3489ruxnpa98w4rxn");
/// assert_eq!((header.id, header.ts), ("dh37fgj492je", 1_353_832_234));
/// assert!(header.verify(&key, "GET", "/resource/1?b=1&a=2", "example.com", 8000));
/// assert!(!header.verify(&key, "PUT", "/resource/1?b=1&a=2", "example.com", 8000));
/// # Ok::<(), selvedge_core::crypto::hawk::HeaderError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Header<'a> {
    /// The id of the claimed signer.
    pub id: &'a str,
    /// Time of signing, in whole seconds since the Unix epoch.
    pub ts: u64,
    /// Distinguishes requests of the same second.
    pub nonce: &'a str,
    /// The hash of the body, if the client sent one; see [`Header::is_payload`].
    pub hash: Option<&'a str>,
    /// Application data covered by the MAC; Sync does not use it.
    pub ext: Option<&'a str>,
    /// The MAC, as base64.
    pub mac: &'a str,
    pub(super) ts_text: &'a str,
}

/// Why a text is not a Hawk header that this server can verify.
///
/// ```
/// use selvedge_core::crypto::hawk::{Header, HeaderError};
///
/// assert_eq!(Header::parse("Basic dTpw").err(), Some(HeaderError::Scheme));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// More than 4096 bytes.
    #[error("the Authorization header is longer than 4096 bytes")]
    TooLong,
    /// Another scheme than Hawk.
    #[error("the Authorization header is not of the Hawk scheme")]
    Scheme,
    /// Not a list of `name="value"`.
    #[error("the Hawk header is not a list of quoted attributes")]
    Syntax,
    /// An attribute that Hawk does not define, or a repeated one.
    #[error("the Hawk header has an unknown or repeated attribute")]
    Attribute,
    /// id, ts, nonce or mac is missing.
    #[error("the Hawk header lacks one of id, ts, nonce and mac")]
    Missing,
    /// `app` or `dlg`, which Sync does not use (spec §2.2).
    #[error("delegated Hawk requests are not supported")]
    Delegated,
}

impl<'a> Header<'a> {
    /// Parses the value of an `Authorization` header.
    ///
    /// # Errors
    /// When it is too long, uses another scheme, or violates the Hawk syntax.
    pub fn parse(value: &'a str) -> Result<Self, HeaderError> {
        if value.len() > MAX_HEADER_BYTES {
            return Err(HeaderError::TooLong);
        }
        let (scheme, attributes) = value.trim().split_once(' ').ok_or(HeaderError::Scheme)?;
        if !scheme.eq_ignore_ascii_case("Hawk") {
            return Err(HeaderError::Scheme);
        }
        let [mut id, mut ts, mut nonce, mut hash, mut ext, mut mac] = [None; 6];
        let mut rest = attributes.trim_start();
        loop {
            let (name, after_name) = rest.split_once("=\"").ok_or(HeaderError::Syntax)?;
            let (text, after_text) = after_name.split_once('"').ok_or(HeaderError::Syntax)?;
            if !is_quotable(text) {
                return Err(HeaderError::Syntax);
            }
            let slot = match name {
                "id" => &mut id,
                "ts" => &mut ts,
                "nonce" => &mut nonce,
                "hash" => &mut hash,
                "ext" => &mut ext,
                "mac" => &mut mac,
                "app" | "dlg" => return Err(HeaderError::Delegated),
                _ => return Err(HeaderError::Attribute),
            };
            if slot.replace(text).is_some() {
                return Err(HeaderError::Attribute);
            }
            rest = after_text.trim_start();
            if rest.is_empty() {
                break;
            }
            rest = rest
                .strip_prefix(',')
                .ok_or(HeaderError::Syntax)?
                .trim_start();
        }
        let required = |text: Option<&'a str>| {
            text.filter(|text| !text.is_empty())
                .ok_or(HeaderError::Missing)
        };
        let ts_text = required(ts)?;
        Ok(Self {
            id: required(id)?,
            ts: parse_seconds(ts_text).ok_or(HeaderError::Syntax)?,
            nonce: required(nonce)?,
            hash: hash.filter(|text| !text.is_empty()),
            ext: ext.filter(|text| !text.is_empty()),
            mac: required(mac)?,
            ts_text,
        })
    }

    /// Whether the request was signed with `key`. MACs are compared in constant time.
    ///
    /// `path_and_query` is the request target as received; `host` and `port` are those that clients use, which may
    /// differ from the server's own behind a proxy.
    #[must_use]
    pub fn verify(
        &self,
        key: &Key,
        method: &str,
        path_and_query: &str,
        host: &str,
        port: u16,
    ) -> bool {
        let mut mac = [0; 32];
        let Ok(mac) = Base64::decode(self.mac, &mut mac) else {
            return false;
        };
        let request = SignedRequest {
            ts: self.ts_text,
            nonce: self.nonce,
            method,
            path_and_query,
            host,
            port,
            hash: self.hash.unwrap_or_default(),
            ext: self.ext.unwrap_or_default(),
        };
        key.mac(&request).verify_slice(mac).is_ok()
    }

    /// Whether the body is the signed one. Without a hash in the header every body is accepted (spec §2.3).
    #[must_use]
    pub fn is_payload(&self, content_type: &str, body: &[u8]) -> bool {
        self.hash
            .is_none_or(|hash| hash == payload_hash(content_type, body))
    }
}

fn parse_seconds(digits: &str) -> Option<u64> {
    // `u64::from_str` accepts a plus sign.
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())?
}
