//! An account's keys by scope, and the ids that identify them to servers (spec §1.8).

use alloc::format;
use alloc::string::String;
use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::hkdf;

/// Identifies a key to a server: `<time in ms>-<fingerprint>`, the `X-KeyID` of a token request.
///
/// A higher time means that the key was changed and all data of the account were encrypted again.
///
/// ```
/// use selvedge_core::crypto::KeyId;
///
/// let id = KeyId::parse("1510726317123-IqQv4onc7VcVE1kTQkyyOw")?;
/// assert_eq!(id.timestamp, 1_510_726_317_123);
/// assert_eq!(id.client_state(), "22a42fe289dced5715135913424cb23b");
/// assert_eq!(id.to_string(), "1510726317123-IqQv4onc7VcVE1kTQkyyOw");
/// # Ok::<(), selvedge_core::crypto::InvalidKeyId>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyId {
    /// When the key was created: milliseconds for `oldsync`, seconds for every other scope.
    pub timestamp: u64,
    /// 16 bytes derived from the key that do not reveal it.
    pub fingerprint: [u8; 16],
}

/// A text that is not a key id.
///
/// ```
/// use selvedge_core::crypto::KeyId;
///
/// assert_eq!(KeyId::parse("1510726317123").unwrap_err().to_string(), "a key id is a time, a dash and 22 characters");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key id is a time, a dash and 22 characters")]
pub struct InvalidKeyId;

impl KeyId {
    /// The id of the `oldsync` key that is derived from `kb`.
    #[must_use]
    pub fn of_kb(kb: &[u8], timestamp_ms: u64) -> Self {
        let digest = Sha256::digest(kb);
        Self {
            timestamp: timestamp_ms,
            fingerprint: *digest
                .first_chunk()
                .expect("a digest of 32 bytes begins with 16"),
        }
    }

    /// Parses `<time>-<22 characters of base64url>`.
    ///
    /// # Errors
    /// When the text has another form.
    pub fn parse(text: &str) -> Result<Self, InvalidKeyId> {
        let (timestamp, encoded) = text.split_once('-').ok_or(InvalidKeyId)?;
        let mut fingerprint = [0; 16];
        let decoded = Base64UrlUnpadded::decode(encoded, &mut fingerprint);
        if decoded.map_or(0, |bytes| bytes.len()) != 16
            || !timestamp.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Err(InvalidKeyId);
        }
        Ok(Self {
            timestamp: timestamp.parse().map_err(|_| InvalidKeyId)?,
            fingerprint,
        })
    }

    /// The fingerprint in hexadecimal: the client state of older servers.
    #[must_use]
    pub fn client_state(&self) -> String {
        const_hex::encode(self.fingerprint)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fingerprint = Base64UrlUnpadded::encode_string(&self.fingerprint);
        write!(f, "{}-{fingerprint}", self.timestamp)
    }
}

/// Derives the key of a scope other than `oldsync`, whose key is [`KeyBundle::from_kb`](super::KeyBundle::from_kb).
///
/// `identifier` is the identifier that the account server assigns to the scope, `uid` the account's 16 bytes, and
/// `rotation_secret` the 32 bytes that the server stores for it. Returns the key and its id.
///
/// ```
/// use selvedge_core::crypto::derive_scoped_key;
///
/// let (id, key) = derive_scoped_key(&[1; 32], &[0; 32], 1_494_446_722_583, "https://example.org/notes", &[2; 16]);
/// assert_eq!(id.timestamp, 1_494_446_723);
/// assert_eq!(key.len(), 32);
/// ```
#[must_use]
pub fn derive_scoped_key(
    kb: &[u8; 32],
    rotation_secret: &[u8; 32],
    timestamp_ms: u64,
    identifier: &str,
    uid: &[u8],
) -> (KeyId, Zeroizing<[u8; 32]>) {
    let mut ikm = Zeroizing::new([0; 64]);
    let (first, second) = ikm.split_at_mut(32);
    first.copy_from_slice(kb);
    second.copy_from_slice(rotation_secret);
    let info = format!("identity.mozilla.com/picl/v1/scoped_key\n{identifier}");
    let derived = hkdf::derive::<48>(&*ikm, uid, info.as_bytes());
    let (fingerprint, key) = derived.split_first_chunk().expect("48 bytes begin with 16");
    let id = KeyId {
        timestamp: timestamp_ms.saturating_add(500) / 1000,
        fingerprint: *fingerprint,
    };
    let key = key.try_into().expect("48 bytes without 16 are 32");
    (id, Zeroizing::new(key))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use serde::Deserialize;

    use super::*;
    use crate::crypto::KeyBundle;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[derive(Deserialize)]
    struct OldSync {
        kb: String,
        key_rotation_timestamp_ms: u64,
        k: String,
        kid: String,
        x_key_id: String,
        x_client_state_hex: String,
    }

    #[derive(Deserialize)]
    struct General {
        name: String,
        kb: String,
        key_rotation_secret: String,
        key_rotation_timestamp_ms: u64,
        identifier: String,
        uid: String,
        k: String,
        kid: String,
    }

    #[derive(Deserialize)]
    struct ClientState {
        kb: String,
        client_state_hex: String,
    }

    #[derive(Deserialize)]
    struct Vectors {
        oldsync: Vec<OldSync>,
        general: Vec<General>,
        client_state: Vec<ClientState>,
    }

    fn vectors() -> Vectors {
        let text = include_str!("../../../tests/vectors/scoped_keys.json");
        let vectors: Vectors = serde_json::from_str(text).unwrap();
        let counts = (
            vectors.oldsync.len(),
            vectors.general.len(),
            vectors.client_state.len(),
        );
        assert_eq!(counts, (2, 2, 1));
        vectors
    }

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        const_hex::decode_to_array(hex).unwrap()
    }

    #[test]
    fn oldsync_keys_and_their_ids_are_as_documented() {
        for case in vectors().oldsync {
            let kb = bytes::<32>(&case.kb);
            let bundle = KeyBundle::from_kb(&kb);
            assert_eq!(*bundle.to_b64url(), case.k);
            assert_eq!(KeyBundle::from_b64url(&case.k), Ok(bundle));
            let id = KeyId::of_kb(&kb, case.key_rotation_timestamp_ms);
            assert_eq!(
                (id.to_string(), id.to_string()),
                (case.kid, case.x_key_id.clone())
            );
            assert_eq!(id.client_state(), case.x_client_state_hex);
            assert_eq!(KeyId::parse(&case.x_key_id), Ok(id));
        }
        for case in vectors().client_state {
            let id = KeyId::of_kb(&bytes::<32>(&case.kb), 0);
            assert_eq!(id.client_state(), case.client_state_hex);
        }
    }

    #[test]
    fn keys_of_other_scopes_are_as_documented() {
        for case in vectors().general {
            let (id, key) = derive_scoped_key(
                &bytes(&case.kb),
                &bytes(&case.key_rotation_secret),
                case.key_rotation_timestamp_ms,
                &case.identifier,
                &bytes::<16>(&case.uid),
            );
            let key = Base64UrlUnpadded::encode_string(&*key);
            assert_eq!((id.to_string(), key), (case.kid, case.k), "{}", case.name);
        }
    }

    #[test]
    fn an_invalid_key_id_is_refused() {
        for text in [
            "",
            "-",
            "1-",
            "1-IqQv4onc7VcVE1kTQkyyO",
            "1-IqQv4onc7VcVE1kTQkyyOww",
            "+1-IqQv4onc7VcVE1kTQkyyOw",
            "-IqQv4onc7VcVE1kTQkyyOw",
            "1-IqQv4onc7VcVE1kTQky/Ow",
        ] {
            assert_eq!(KeyId::parse(text), Err(InvalidKeyId), "{text}");
        }
    }
}
