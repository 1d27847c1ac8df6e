//! What Hawk signs, and with which key.

use alloc::string::String;
use core::fmt;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::host::{Random, RandomError};

/// The secret half of [`Credentials`].
///
/// ```
/// use selvedge_core::crypto::hawk::Key;
///
/// assert_eq!(format!("{:?}", Key::from_text("ESFhbKNiDC4KWMGJ9apWu3Is4rAyhgjiyg6XDUZa9MI=")), "Key(..)");
/// ```
#[derive(Clone)]
pub struct Key(Zeroizing<alloc::vec::Vec<u8>>);

impl Key {
    /// From bytes: the request HMAC key of an account token (spec §1.4).
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// From the text that a token server gives. It looks like base64 and is used as it is (spec §2.4).
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self::from_bytes(text.as_bytes())
    }

    pub(super) fn mac(&self, request: &SignedRequest<'_>) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0)
            .expect("HMAC takes keys of every length");
        request.feed(|part| mac.update(part.as_bytes()));
        mac
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Who signs, and with what.
///
/// ```
/// use selvedge_core::crypto::hawk::{Credentials, Key};
///
/// let credentials = Credentials { id: "dh37fgj492je".into(), key: Key::from_text("werxhqb98rpaxn39848xrunpaw") };
/// assert_eq!(format!("{credentials:?}"), "Credentials(..)");
/// ```
#[derive(Clone)]
pub struct Credentials {
    /// The public half: a storage token, or the hex of an account token's id. It identifies the user, so it does not belong in logs.
    pub id: String,
    /// The secret half.
    pub key: Key,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// A fresh nonce of 12 characters; a retried request needs a new one (spec §2.5).
///
/// ```
/// use selvedge_core::crypto::hawk;
/// use selvedge_core::host::{Random, RandomError};
///
/// struct Zeros; // Never do this outside of an example.
/// impl Random for Zeros {
///     fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> { bytes.fill(0); Ok(()) }
/// }
/// assert_eq!(hawk::make_nonce(&Zeros)?, "AAAAAAAAAAAA");
/// # Ok::<(), RandomError>(())
/// ```
///
/// # Errors
/// When the host has no random bytes.
pub fn make_nonce(random: &impl Random) -> Result<String, RandomError> {
    let mut bytes = [0; 9];
    random.fill(&mut bytes)?;
    Ok(Base64UrlUnpadded::encode_string(&bytes))
}

/// The hash of a body: base64 of SHA-256 over its media type, without parameters, and its bytes (spec §2.3).
///
/// ```
/// use selvedge_core::crypto::hawk;
///
/// let hash = hawk::payload_hash("Text/Plain; charset=utf-8", b"Thank you for flying Hawk");
/// assert_eq!(hash, "Yi9LfIIFRtBEPt74PVmbTF/xVAwPn7ub15ePICfgnuY=");
/// ```
#[must_use]
pub fn payload_hash(content_type: &str, body: &[u8]) -> String {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let mut hash = Sha256::new();
    hash.update(b"hawk.1.payload\n");
    hash.update(media_type.to_ascii_lowercase());
    hash.update(b"\n");
    hash.update(body);
    hash.update(b"\n");
    Base64::encode_string(&hash.finalize())
}

/// What is under the MAC (spec §2.1).
pub(super) struct SignedRequest<'a> {
    pub(super) ts: &'a str,
    pub(super) nonce: &'a str,
    pub(super) method: &'a str,
    pub(super) path_and_query: &'a str,
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) hash: &'a str,
    pub(super) ext: &'a str,
}

impl SignedRequest<'_> {
    /// Hands out the pieces of the normalised string in their order.
    pub(super) fn feed(&self, mut sink: impl FnMut(&str)) {
        let mut port = itoa::Buffer::new();
        for line in [
            "hawk.1.header",
            self.ts,
            self.nonce,
            &self.method.to_ascii_uppercase(),
            self.path_and_query,
            &self.host.to_ascii_lowercase(),
            port.format(self.port),
            self.hash,
            self.ext,
        ] {
            sink(line);
            sink("\n");
        }
    }
}

/// Whether a text may stand between quotes in the header: printable ASCII without `"` and `\`.
pub(super) fn is_quotable(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}
