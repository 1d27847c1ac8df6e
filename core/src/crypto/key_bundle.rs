//! The two keys that protect a record: one for encryption, one for authentication.

use alloc::string::String;
use core::fmt;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use ctutils::CtEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::hkdf;
use crate::host::{Random, RandomError};

/// An AES-256 key and an HMAC-SHA-256 key, 32 bytes each (spec §4.5, §4.6).
///
/// It is zeroized when dropped, its `Debug` output contains no key bytes, and it is compared in constant time.
///
/// ```
/// use selvedge_core::crypto::KeyBundle;
///
/// let bundle = KeyBundle::new([1; 32], [2; 32]);
/// let [encryption, hmac] = bundle.to_b64_pair();
/// assert_eq!(KeyBundle::from_b64_pair(&encryption, &hmac)?, bundle);
/// assert_eq!(format!("{bundle:?}"), "KeyBundle(..)");
/// # Ok::<(), selvedge_core::crypto::InvalidKey>(())
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct KeyBundle {
    encryption: [u8; 32],
    hmac: [u8; 32],
}

/// A text or byte string that is not a key.
///
/// ```
/// use selvedge_core::crypto::KeyBundle;
///
/// let error = KeyBundle::from_slice(&[0; 63]).unwrap_err();
/// assert_eq!(error.to_string(), "this is not a key: its length or its characters are wrong");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a key: its length or its characters are wrong")]
pub struct InvalidKey;

impl KeyBundle {
    /// From the two keys.
    #[must_use]
    pub const fn new(encryption: [u8; 32], hmac: [u8; 32]) -> Self {
        Self { encryption, hmac }
    }

    /// From 64 bytes: the encryption key, then the HMAC key.
    ///
    /// # Errors
    /// When there are not exactly 64 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, InvalidKey> {
        let (encryption, hmac) = bytes.split_first_chunk::<32>().ok_or(InvalidKey)?;
        Ok(Self::new(
            *encryption,
            hmac.try_into().map_err(|_| InvalidKey)?,
        ))
    }

    /// From the 86 characters of the `k` of the `oldsync` scoped key (spec §1.8).
    ///
    /// # Errors
    /// When it is not the unpadded base64url of 64 bytes.
    pub fn from_b64url(text: &str) -> Result<Self, InvalidKey> {
        let mut bytes = Zeroizing::new([0; 64]);
        Self::from_slice(Base64UrlUnpadded::decode(text, &mut *bytes).map_err(|_| InvalidKey)?)
    }

    /// The sync key bundle of an account, derived from kB (spec §1.8).
    #[must_use]
    pub fn from_kb(kb: &[u8]) -> Self {
        Self::from_64(&hkdf::derive(
            kb,
            b"",
            b"identity.mozilla.com/picl/v1/oldsync",
        ))
    }

    /// From the pair of padded base64 texts that `crypto/keys` holds (spec §4.6).
    ///
    /// # Errors
    /// When one of them is not the base64 of 32 bytes.
    pub fn from_b64_pair(encryption: &str, hmac: &str) -> Result<Self, InvalidKey> {
        let mut bundle = Self::new([0; 32], [0; 32]);
        for (text, key) in [
            (encryption, &mut bundle.encryption),
            (hmac, &mut bundle.hmac),
        ] {
            let decoded = Base64::decode(text, key).map_err(|_| InvalidKey)?;
            if decoded.len() != 32 {
                return Err(InvalidKey);
            }
        }
        Ok(bundle)
    }

    /// Generates new random keys.
    ///
    /// # Errors
    /// When the host cannot provide random bytes.
    pub fn make(random: &impl Random) -> Result<Self, RandomError> {
        let mut bytes = Zeroizing::new([0; 64]);
        random.fill(&mut *bytes)?;
        Ok(Self::from_64(&bytes))
    }

    pub(super) fn from_64(bytes: &[u8; 64]) -> Self {
        Self::from_slice(bytes).expect("64 bytes are two keys")
    }

    /// The pair of padded base64 texts that is stored in `crypto/keys`: encryption key, HMAC key.
    #[must_use]
    pub fn to_b64_pair(&self) -> [Zeroizing<String>; 2] {
        [&self.encryption, &self.hmac].map(|key| Zeroizing::new(Base64::encode_string(key)))
    }

    /// The 86 characters of the `oldsync` scoped key, as [`KeyBundle::from_b64url`] parses them.
    #[must_use]
    pub fn to_b64url(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; 64]);
        let (encryption, hmac) = bytes.split_at_mut(32);
        encryption.copy_from_slice(&self.encryption);
        hmac.copy_from_slice(&self.hmac);
        Zeroizing::new(Base64UrlUnpadded::encode_string(&*bytes))
    }

    /// The AES-256 key, for a host that provides AES.
    #[must_use]
    pub const fn encryption_key(&self) -> &[u8; 32] {
        &self.encryption
    }

    /// The HMAC-SHA-256 key.
    #[must_use]
    pub const fn hmac_key(&self) -> &[u8; 32] {
        &self.hmac
    }
}

impl PartialEq for KeyBundle {
    fn eq(&self, other: &Self) -> bool {
        let encryption = self.encryption.as_slice().ct_eq(&other.encryption);
        (encryption & self.hmac.as_slice().ct_eq(&other.hmac)).to_bool()
    }
}

impl Eq for KeyBundle {}

impl fmt::Debug for KeyBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyBundle(..)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    use serde::Deserialize;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[derive(Deserialize)]
    struct Modern {
        name: String,
        kb: String,
        encryption_key: String,
        hmac_key: String,
        encryption_key_b64: String,
        hmac_key_b64: String,
    }

    #[derive(Deserialize)]
    struct Vectors {
        modern: Vec<Modern>,
    }

    #[test]
    fn kb_derives_the_documented_bundles() {
        let text = include_str!("../../../tests/vectors/sync_key_bundles.json");
        let vectors: Vectors = serde_json::from_str(text).unwrap();
        assert_eq!(vectors.modern.len(), 3);
        for case in vectors.modern {
            let bundle = KeyBundle::from_kb(&const_hex::decode(&case.kb).unwrap());
            let joined = const_hex::decode(case.encryption_key + &case.hmac_key).unwrap();
            assert_eq!(
                bundle,
                KeyBundle::from_slice(&joined).unwrap(),
                "{}",
                case.name
            );
            let [encryption, hmac] = bundle.to_b64_pair();
            assert_eq!(
                (encryption.as_str(), hmac.as_str()),
                (case.encryption_key_b64.as_str(), case.hmac_key_b64.as_str())
            );
            assert_eq!(KeyBundle::from_b64_pair(&encryption, &hmac), Ok(bundle));
        }
    }

    #[test]
    fn a_key_of_another_length_or_alphabet_is_refused() {
        let bundle = KeyBundle::new([1; 32], [2; 32]);
        let [encryption, _] = bundle.to_b64_pair();
        let short = Base64::encode_string(&[1; 31]);
        let long = Base64::encode_string(&[1; 33]);
        for bad in [
            "",
            "!",
            short.as_str(),
            long.as_str(),
            encryption.trim_end_matches('='),
        ] {
            assert_eq!(KeyBundle::from_b64_pair(bad, &encryption), Err(InvalidKey));
            assert_eq!(KeyBundle::from_b64_pair(&encryption, bad), Err(InvalidKey));
            assert_eq!(KeyBundle::from_b64url(bad), Err(InvalidKey));
        }
        assert_eq!(KeyBundle::from_slice(&[0; 65]), Err(InvalidKey));
        assert_eq!(KeyBundle::from_b64url(&bundle.to_b64url()), Ok(bundle));
    }

    #[test]
    fn bundles_differ_when_either_key_does() {
        let bundle = KeyBundle::new([1; 32], [2; 32]);
        assert_ne!(bundle, KeyBundle::new([1; 32], [3; 32]));
        assert_ne!(bundle, KeyBundle::new([3; 32], [2; 32]));
    }

    #[test]
    fn debug_output_contains_no_key_bytes() {
        assert_eq!(
            format!("{:?}", KeyBundle::new([65; 32], [66; 32])),
            "KeyBundle(..)"
        );
    }
}
