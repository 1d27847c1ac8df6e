//! The Sync Key of 1.1 accounts: 16 bytes that people copy by hand (spec §1.13).

use alloc::string::String;
use core::fmt;

use ctutils::CtEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{InvalidKey, KeyBundle, hkdf};
use crate::host::{Random, RandomError};

/// Base32 without `l` and `o`, which are easily confused with `1` and `0`.
const ALPHABET: &[u8; 32] = b"abcdefghijk8mn9pqrstuvwxyz234567";
const KEY_LETTERS: usize = 26;

/// The secret of a 1.1 account, from which its sync key bundle is derived.
///
/// ```
/// use selvedge_core::crypto::SyncKey;
///
/// let key = SyncKey::parse(" G-BH7TE-QQCGY-ZD65S-VJGIB-D7TQY ")?;
/// assert_eq!(*key.display(), "g-bh7te-qqcgy-zd65s-vjgib-d7tqy");
/// assert_eq!(format!("{key:?}"), "SyncKey(..)");
/// let bundle = key.bundle("johndoe");
/// # Ok::<(), selvedge_core::crypto::InvalidKey>(())
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SyncKey([u8; 16]);

impl SyncKey {
    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Parses what a person typed: case, dashes and spaces are ignored.
    ///
    /// # Errors
    /// When it is not 26 characters of its alphabet.
    pub fn parse(typed: &str) -> Result<Self, InvalidKey> {
        let mut bits = Zeroizing::new(0_u128);
        let mut letters = 0;
        for letter in typed.bytes() {
            if letter == b'-' || letter.is_ascii_whitespace() {
                continue;
            }
            let value = ALPHABET
                .iter()
                .position(|known| *known == letter.to_ascii_lowercase())
                .ok_or(InvalidKey)? as u128;
            letters += 1;
            match letters {
                ..KEY_LETTERS => *bits = *bits << 5 | value,
                // 26 letters hold 130 bits: the last two bits are not part of the key and must be zero.
                KEY_LETTERS if value & 0b11 == 0 => *bits = *bits << 3 | value >> 2,
                _ => return Err(InvalidKey),
            }
        }
        if letters != KEY_LETTERS {
            return Err(InvalidKey);
        }
        Ok(Self(bits.to_be_bytes()))
    }

    /// Generates a random one.
    ///
    /// # Errors
    /// When the host cannot provide random bytes.
    pub fn make(random: &impl Random) -> Result<Self, RandomError> {
        let mut key = Self([0; 16]);
        random.fill(&mut key.0)?;
        Ok(key)
    }

    /// The 26 characters without dashes.
    #[must_use]
    pub fn friendly(&self) -> Zeroizing<String> {
        let bits = Zeroizing::new(u128::from_be_bytes(self.0));
        let mut text = Zeroizing::new(String::with_capacity(KEY_LETTERS));
        for n in 1..=KEY_LETTERS {
            let value = match n {
                KEY_LETTERS => *bits << 2,
                _ => *bits >> (128 - 5 * n),
            };
            text.push(char::from(ALPHABET[(value & 31) as usize]));
        }
        text
    }

    /// The form shown to people: groups of 1, 5, 5, 5, 5 and 5 characters.
    #[must_use]
    pub fn display(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(KEY_LETTERS + 5));
        for (n, letter) in self.friendly().chars().enumerate() {
            if n % 5 == 1 {
                text.push('-');
            }
            text.push(letter);
        }
        text
    }

    /// The sync key bundle of the account with this username.
    #[must_use]
    pub fn bundle(&self, username: &str) -> KeyBundle {
        let mut info = String::from("Sync-AES_256_CBC-HMAC256");
        info.push_str(username);
        KeyBundle::from_64(&hkdf::expand(&self.0, info.as_bytes()))
    }
}

impl PartialEq for SyncKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(&other.0).to_bool()
    }
}

impl Eq for SyncKey {}

impl fmt::Debug for SyncKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SyncKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[derive(Deserialize)]
    struct Legacy {
        username: String,
        sync_key_friendly: String,
        sync_key_display: String,
        sync_key_hex: String,
        encryption_key_b64: String,
        hmac_key_b64: String,
    }

    #[derive(Deserialize)]
    struct Friendly {
        friendly: String,
        hex: String,
    }

    #[derive(Deserialize)]
    struct Normalised {
        input: String,
        normalised: String,
    }

    #[derive(Deserialize)]
    struct Vectors {
        legacy: Vec<Legacy>,
        friendly_base32: Vec<Friendly>,
        sync_key_normalise: Vec<Normalised>,
        sync_key_invalid: Vec<String>,
    }

    fn vectors() -> Vectors {
        let text = include_str!("../../../tests/vectors/sync_key_bundles.json");
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn documented_keys_give_their_bundles() {
        let cases = vectors().legacy;
        assert_eq!(cases.len(), 3);
        for case in cases {
            let key = SyncKey::parse(&case.sync_key_friendly).unwrap();
            assert_eq!(const_hex::encode(key.0), case.sync_key_hex);
            assert_eq!(*key.display(), case.sync_key_display);
            let bundle = KeyBundle::from_b64_pair(&case.encryption_key_b64, &case.hmac_key_b64);
            assert_eq!(Ok(key.bundle(&case.username)), bundle, "{}", case.username);
        }
    }

    #[test]
    fn the_friendly_form_is_parsed_and_printed() {
        let cases = vectors().friendly_base32;
        assert_eq!(cases.len(), 4);
        for case in cases {
            let key = SyncKey::parse(&case.friendly).unwrap();
            assert_eq!(const_hex::encode(key.0), case.hex);
            assert_eq!(*key.friendly(), case.friendly);
        }
    }

    #[test]
    fn what_people_type_is_normalised_or_refused() {
        let vectors = vectors();
        assert_eq!(
            (
                vectors.sync_key_normalise.len(),
                vectors.sync_key_invalid.len()
            ),
            (2, 5)
        );
        for case in vectors.sync_key_normalise {
            assert_eq!(
                *SyncKey::parse(&case.input).unwrap().friendly(),
                case.normalised
            );
        }
        for text in vectors.sync_key_invalid {
            assert_eq!(SyncKey::parse(&text), Err(InvalidKey), "{text}");
        }
        // The same key must not have two spellings.
        assert_eq!(
            SyncKey::parse("aaaaaaaaaaaaaaaaaaaaaaaaab"),
            Err(InvalidKey)
        );
    }

    proptest! {
        #[test]
        fn every_key_survives_being_copied(bytes: [u8; 16], typed in ".*") {
            let key = SyncKey::from_bytes(bytes);
            prop_assert!(SyncKey::parse(&key.display().to_uppercase()) == Ok(key));
            let _ = SyncKey::parse(&typed);
        }
    }
}
