//! The two keys that protect a record, as an object for JavaScript.

use selvedge_core::crypto;
use wasm_bindgen::prelude::wasm_bindgen;
use zeroize::Zeroizing;

use crate::Error;
use crate::host::SystemRandom;

/// An AES-256 key and an HMAC-SHA-256 key. They cannot be exported. `free()` erases them immediately; otherwise the garbage
/// collector does.
#[wasm_bindgen]
#[derive(Debug, Clone)]
pub struct KeyBundle(crypto::KeyBundle);

#[wasm_bindgen]
impl KeyBundle {
    /// From 64 bytes: the encryption key, then the HMAC key.
    ///
    /// Throws "invalid-key" if the length is another one.
    #[wasm_bindgen(js_name = fromBytes)]
    pub fn from_bytes(bytes: Vec<u8>) -> Result<KeyBundle, Error> {
        let bytes = Zeroizing::new(bytes);
        Ok(Self(crypto::KeyBundle::from_slice(&bytes)?))
    }

    /// From the `ksync_b64url` of an account's credentials: the `k` of its `oldsync` scoped key, 86 characters.
    ///
    /// Throws "invalid-key" if the text is another one.
    #[wasm_bindgen(js_name = fromKsync)]
    pub fn from_ksync(ksync_b64url: String) -> Result<KeyBundle, Error> {
        let text = Zeroizing::new(ksync_b64url);
        Ok(Self(crypto::KeyBundle::from_b64url(&text)?))
    }

    /// From the pair of base64 texts that `crypto/keys` holds: encryption key, HMAC key.
    ///
    /// Throws "invalid-key" if one of them is not the base64 of 32 bytes.
    #[wasm_bindgen(js_name = fromPair)]
    pub fn from_pair(encryption: String, hmac: String) -> Result<KeyBundle, Error> {
        let (encryption, hmac) = (Zeroizing::new(encryption), Zeroizing::new(hmac));
        Ok(Self(crypto::KeyBundle::from_b64_pair(&encryption, &hmac)?))
    }

    /// Derives the sync key of an account from its kB.
    ///
    /// Throws "invalid-key" if the length is not 32 bytes.
    #[wasm_bindgen(js_name = deriveFromKb)]
    pub fn derive_from_kb(kb: Vec<u8>) -> Result<KeyBundle, Error> {
        let kb = Zeroizing::new(kb);
        if kb.len() != 32 {
            return Err(crypto::InvalidKey.into());
        }
        Ok(Self(crypto::KeyBundle::from_kb(&kb)))
    }

    /// Makes random keys.
    ///
    /// Throws "random" if the host has no random bytes.
    pub fn make() -> Result<KeyBundle, Error> {
        Ok(Self(crypto::KeyBundle::make(&SystemRandom)?))
    }

    /// Whether both have the same keys, compared in constant time.
    pub fn equals(&self, other: &KeyBundle) -> bool {
        self.0 == other.0
    }
}

impl From<crypto::KeyBundle> for KeyBundle {
    fn from(keys: crypto::KeyBundle) -> Self {
        Self(keys)
    }
}

impl KeyBundle {
    pub(crate) const fn keys(&self) -> &crypto::KeyBundle {
        &self.0
    }
}
