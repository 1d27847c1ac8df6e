//! A JSON fragment that passes through serde as its original text.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;

/// The type name by which this crate's reader and writer recognize it; to other formats it is an ordinary newtype.
pub(super) const NAME: &str = "selvedge::Verbatim";

/// The text of one JSON value, like `RawValue` of `serde_json`.
pub(crate) struct Verbatim(pub(crate) String);

impl Serialize for Verbatim {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(NAME, &Text(&self.0))
    }
}

struct Text<'a>(&'a str);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // This crate's writer returns false here when it accepts a string verbatim.
        if !serializer.is_human_readable() {
            return serializer.serialize_str(self.0);
        }
        RawValue::from_string(self.0.into())
            .map_err(|_| S::Error::custom("no JSON"))?
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Verbatim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct VerbatimVisitor;

        impl<'de> Visitor<'de> for VerbatimVisitor {
            type Value = Verbatim;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Verbatim, E> {
                Ok(Verbatim(text.to_owned()))
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Verbatim, D::Error> {
                let raw = Box::<RawValue>::deserialize(deserializer)
                    .map_err(|_| D::Error::custom("no JSON"))?;
                Ok(Verbatim(raw.get().to_owned()))
            }
        }

        deserializer.deserialize_newtype_struct(NAME, VerbatimVisitor)
    }
}
