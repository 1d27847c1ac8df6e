//! The protocol's names: GUIDs, record ids and collection names (spec §0.6, §0.7).

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::random::{Random, RandomError};

/// A text that is not a valid id or name.
///
/// ```
/// use selvedge_core::ids::{CollectionName, InvalidId};
///
/// assert_eq!(CollectionName::new("two words"), Err(InvalidId::CollectionName));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidId {
    /// Not 12 characters of the URL-safe base64 alphabet.
    #[error("a GUID is 12 characters of A-Z, a-z, 0-9, '-' and '_'")]
    Guid,
    /// Not 1–64 printable ASCII characters.
    #[error("a record id is 1 to 64 printable ASCII characters")]
    RecordId,
    /// Not `^[A-Za-z0-9._-]{1,32}$`.
    #[error("a collection name is 1 to 32 characters of A-Z, a-z, 0-9, '.', '-' and '_'")]
    CollectionName,
}

macro_rules! text_newtype {
    ($name:ident, $invalid:expr, $valid:expr) => {
        impl $name {
            /// Checks a text and wraps it.
            ///
            /// # Errors
            /// When the text does not have the form that the protocol requires.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                if Self::is_valid(&text) {
                    Ok(Self(text))
                } else {
                    Err($invalid)
                }
            }

            /// Whether a text has the form that the protocol requires.
            #[must_use]
            pub fn is_valid(text: &str) -> bool {
                let valid: fn(&[u8]) -> bool = $valid;
                valid(text.as_bytes())
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl core::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl core::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text.to_owned())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

/// 9 random bytes as 12 characters: new records and sync IDs (spec §0.6).
///
/// ```
/// use selvedge_core::ids::Guid;
///
/// assert_eq!(Guid::new("7vO3Zcdu6V4I")?.as_str(), "7vO3Zcdu6V4I");
/// assert!(Guid::new("too short").is_err());
/// # Ok::<(), selvedge_core::ids::InvalidId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(String);

text_newtype!(Guid, InvalidId::Guid, |text| {
    text.len() == 12
        && text
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
});

impl Guid {
    /// Generates a random one.
    ///
    /// # Errors
    /// When the host cannot provide random bytes.
    pub fn make(random: &(impl Random + ?Sized)) -> Result<Self, RandomError> {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut bytes = [0; 12];
        random.fill(&mut bytes)?;
        Ok(Self(
            bytes
                .iter()
                .map(|byte| char::from(ALPHABET[usize::from(byte & 63)]))
                .collect(),
        ))
    }
}

impl From<Guid> for RecordId {
    fn from(guid: Guid) -> Self {
        Self(guid.0)
    }
}

/// The id of a record on the wire: 1–64 printable ASCII characters, not always a GUID (spec §0.6).
///
/// ```
/// use selvedge_core::ids::RecordId;
///
/// assert!(RecordId::new("{ec8030f7-c20a-464f-9b0e-13a3a9e97384}").is_ok());
/// assert!(RecordId::new("").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(String);

text_newtype!(RecordId, InvalidId::RecordId, |text| {
    (1..=64).contains(&text.len()) && text.iter().all(|b| (0x20..=0x7E).contains(b))
});

/// The name of a collection (spec §0.7).
///
/// ```
/// use selvedge_core::ids::CollectionName;
///
/// assert_eq!(CollectionName::new("extension-storage")?.to_string(), "extension-storage");
/// # Ok::<(), selvedge_core::ids::InvalidId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CollectionName(String);

text_newtype!(CollectionName, InvalidId::CollectionName, |text| {
    (1..=32).contains(&text.len())
        && text
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
});

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    struct Counting;

    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
            bytes
                .iter_mut()
                .zip(0u8..)
                .for_each(|(byte, n)| *byte = n.wrapping_mul(37));
            Ok(())
        }
    }

    #[test]
    fn a_made_guid_is_valid() {
        assert!(Guid::is_valid(Guid::make(&Counting).unwrap().as_str()));
    }

    #[test]
    fn each_form_has_its_limits() {
        assert!(RecordId::new("x".repeat(64)).is_ok());
        assert_eq!(RecordId::new("x".repeat(65)), Err(InvalidId::RecordId));
        assert_eq!(RecordId::new("tab\t"), Err(InvalidId::RecordId));
        assert_eq!(RecordId::new("é"), Err(InvalidId::RecordId));
        assert!(CollectionName::new("n".repeat(32)).is_ok());
        assert_eq!(
            CollectionName::new("n".repeat(33)),
            Err(InvalidId::CollectionName)
        );
        assert_eq!(CollectionName::new("a/b"), Err(InvalidId::CollectionName));
        assert_eq!(Guid::new("abcdefghijk+"), Err(InvalidId::Guid));
    }

    #[test]
    fn json_that_is_not_an_id_is_refused() {
        assert!(serde_json::from_str::<CollectionName>("\"a b\"").is_err());
        assert_eq!(
            serde_json::from_str::<RecordId>("\"menu\"")
                .unwrap()
                .to_string(),
            "menu"
        );
    }
}
