//! Files of secrets, encrypted with AES-256-GCM under a key that is kept elsewhere.
//!
//! The file is JSON with the single member `encrypted`: the version of the format, the id of the key, the nonce and the
//! ciphertext with its tag in base64. The name of the file is authenticated, so that one file cannot take the place of
//! another.

use std::fmt;

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64ct::{Base64, Encoding as _};
use selvedge_core::host::{Random as _, RandomError};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use crate::SystemRandom;

/// The version of the format that this program writes, and the only one that it reads.
const VERSION: u32 = 1;
const NONCE_BYTES: usize = 12;

/// The length of a key in bytes.
pub const KEY_BYTES: usize = 32;

/// The key of a profile's encrypted files. It is erased when it is dropped, and has no readable `Debug` form.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; KEY_BYTES]);

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// A new random key.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn make() -> Result<Self, RandomError> {
        let mut key = Self([0; KEY_BYTES]);
        SystemRandom.fill(&mut key.0)?;
        Ok(key)
    }

    /// The key with these bytes; `None` if their number is not [`KEY_BYTES`].
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut key = Self([0; KEY_BYTES]);
        if bytes.len() != KEY_BYTES {
            return None;
        }
        key.0.copy_from_slice(bytes);
        Some(key)
    }

    /// The bytes, for the keyring.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Names the key without revealing it.
    #[must_use]
    pub fn id(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"selvedge key id\0");
        hash.update(self.0);
        hash.finalize()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&self.0).into())
    }
}

/// An encrypted file.
#[derive(Debug, Serialize, Deserialize)]
struct File {
    encrypted: Envelope,
}

/// The content of an encrypted file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    version: u32,
    /// The id of the key that opens it.
    pub key_id: String,
    nonce: String,
    ciphertext: String,
}

/// Why an encrypted file cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A newer program wrote it.
    #[error(
        "the file has version {0} of the encrypted format, and this program reads version {VERSION}"
    )]
    Version(u32),
    /// Its content was changed, or belongs to another file.
    #[error("the encrypted content is damaged")]
    Damaged,
}

/// Encrypts the content of the file with this name.
///
/// # Errors
/// When the system gives no random bytes.
pub fn seal(key: &Key, name: &str, content: &[u8]) -> Result<Vec<u8>, RandomError> {
    let mut nonce = [0; NONCE_BYTES];
    SystemRandom.fill(&mut nonce)?;
    let associated = associated(name, &key.id());
    let payload = Payload {
        msg: content,
        aad: associated.as_bytes(),
    };
    let ciphertext = key
        .cipher()
        .encrypt(&Nonce::from(nonce), payload)
        .expect("a file of secrets is shorter than the 64 GiB of AES-GCM");
    let file = File {
        encrypted: Envelope {
            version: VERSION,
            key_id: key.id(),
            nonce: Base64::encode_string(&nonce),
            ciphertext: Base64::encode_string(&ciphertext),
        },
    };
    Ok(serde_json::to_vec(&file).expect("texts and a number are JSON"))
}

/// The envelope of an encrypted file; `None` for a file in clear.
#[must_use]
pub fn envelope(file: &[u8]) -> Option<Envelope> {
    let file: File = serde_json::from_slice(file).ok()?;
    Some(file.encrypted)
}

impl Envelope {
    /// Decrypts the content of the file with this name.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn open(&self, key: &Key, name: &str) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        if self.version != VERSION {
            return Err(OpenError::Version(self.version));
        }
        let mut nonce = [0; NONCE_BYTES];
        match Base64::decode(&self.nonce, &mut nonce) {
            Ok(decoded) if decoded.len() == NONCE_BYTES => {}
            _ => return Err(OpenError::Damaged),
        }
        let ciphertext = Base64::decode_vec(&self.ciphertext).map_err(|_| OpenError::Damaged)?;
        let associated = associated(name, &self.key_id);
        let payload = Payload {
            msg: &ciphertext,
            aad: associated.as_bytes(),
        };
        key.cipher()
            .decrypt(&Nonce::from(nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| OpenError::Damaged)
    }
}

fn associated(name: &str, key_id: &str) -> String {
    format!("selvedge encrypted file {VERSION}\0{name}\0{key_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: &[u8] = br#"{"key":"content-of-the-file"}"#;

    fn sealed() -> (Key, Vec<u8>) {
        let key = Key::make().unwrap();
        let file = seal(&key, "credentials.json", CONTENT).unwrap();
        (key, file)
    }

    #[test]
    fn an_encrypted_file_opens_with_its_key_and_its_name_only() {
        let (key, file) = sealed();
        let envelope = envelope(&file).unwrap();
        assert_eq!(envelope.key_id, key.id());
        assert_eq!(
            *envelope.open(&key, "credentials.json").unwrap(),
            CONTENT.to_vec()
        );
        let other = Key::make().unwrap();
        for (key, name) in [(&other, "credentials.json"), (&key, "token.json")] {
            assert_eq!(envelope.open(key, name), Err(OpenError::Damaged), "{name}");
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let (key, file) = sealed();
        let good = envelope(&file).unwrap();
        let mut bytes = Base64::decode_vec(&good.ciphertext).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            let bad = Envelope {
                ciphertext: Base64::encode_string(&bytes),
                ..good.clone()
            };
            assert_eq!(bad.open(&key, "credentials.json"), Err(OpenError::Damaged));
            bytes[at] ^= 1;
        }
        let newer = Envelope {
            version: 2,
            ..good.clone()
        };
        let said = newer.open(&key, "credentials.json");
        assert_eq!(said, Err(OpenError::Version(2)));
        for nonce in ["", "AAAA", "not base64", "AAAAAAAAAAAAAAAAAAAAAA=="] {
            let bad = Envelope {
                nonce: nonce.into(),
                ..good.clone()
            };
            assert_eq!(bad.open(&key, "credentials.json"), Err(OpenError::Damaged));
        }
    }

    #[test]
    fn neither_content_nor_key_is_readable() {
        let (key, file) = sealed();
        let text = String::from_utf8(file).unwrap();
        assert!(!text.contains("content-of-the-file"), "{text}");
        assert_eq!(format!("{key:?}"), "Key(..)");
        // The same content is never encrypted to the same bytes.
        let again = seal(&key, "credentials.json", CONTENT).unwrap();
        assert_ne!(text.as_bytes(), again);
    }

    #[test]
    fn a_file_in_clear_has_no_envelope() {
        for text in ["", "{}", r#"{"encrypted":true}"#, r#"{"ksync_b64url":"x"}"#] {
            assert_eq!(envelope(text.as_bytes()), None, "{text}");
        }
    }
}
