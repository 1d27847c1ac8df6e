//! The values that fields can have: texts, numbers, bytes, lists, and what may be absent.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base64ct::{Base64, Encoding};
use prost::DecodeError;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType};
use serde::de::Error as _;
use serde::ser::SerializeSeq;
use serde::{Deserializer, Serializer};

use super::field::{Field, by_prost};
use super::json::{self, AsJson, BoolVisitor, Elements, NumberVisitor, TextVisitor};
use super::place::Place;

impl Field for String {
    by_prost!(string);

    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }

    fn read<'de, D: Deserializer<'de>>(
        &mut self,
        _: Place,
        deserializer: D,
    ) -> Result<bool, D::Error> {
        *self = deserializer.deserialize_string(TextVisitor)?;
        Ok(true)
    }
}

impl Field for bool {
    by_prost!(bool);

    fn is_absent(&self) -> bool {
        !self
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*self)
    }

    fn read<'de, D: Deserializer<'de>>(
        &mut self,
        _: Place,
        deserializer: D,
    ) -> Result<bool, D::Error> {
        *self = deserializer.deserialize_any(BoolVisitor)?;
        Ok(true)
    }
}

impl Field for u32 {
    by_prost!(uint32);

    fn is_absent(&self) -> bool {
        *self == 0
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(*self)
    }

    fn read<'de, D: Deserializer<'de>>(
        &mut self,
        _: Place,
        deserializer: D,
    ) -> Result<bool, D::Error> {
        *self = json::whole(deserializer, "a whole number from 0 to 4294967295")?;
        Ok(true)
    }
}

impl Field for i32 {
    by_prost!(int32);

    fn is_absent(&self) -> bool {
        *self == 0
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i32(*self)
    }

    fn read<'de, D: Deserializer<'de>>(
        &mut self,
        _: Place,
        deserializer: D,
    ) -> Result<bool, D::Error> {
        *self = json::whole(deserializer, "a whole number of 32 bits")?;
        Ok(true)
    }
}

/// A string in JSON, as all 64-bit numbers are.
impl Field for i64 {
    by_prost!(int64);

    fn is_absent(&self) -> bool {
        *self == 0
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }

    fn read<'de, D: Deserializer<'de>>(
        &mut self,
        _: Place,
        deserializer: D,
    ) -> Result<bool, D::Error> {
        *self = json::whole(deserializer, "a whole number of 64 bits")?;
        Ok(true)
    }
}

impl Field for f64 {
    by_prost!(double);

    fn is_absent(&self) -> bool {
        *self == 0.0
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(*self)
    }

    fn read<'de, D: Deserializer<'de>>(
        &mut self,
        _: Place,
        deserializer: D,
    ) -> Result<bool, D::Error> {
        let number = deserializer.deserialize_any(NumberVisitor)?.real();
        *self = number.ok_or_else(|| D::Error::custom("a finite number"))?;
        Ok(true)
    }
}

/// Bytes: base64 in JSON.
impl Field for Vec<u8> {
    by_prost!(bytes);

    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Base64::encode_string(self))
    }

    fn read<'de, D: Deserializer<'de>>(
        &mut self,
        _: Place,
        deserializer: D,
    ) -> Result<bool, D::Error> {
        let text = deserializer.deserialize_string(TextVisitor)?;
        *self = Base64::decode_vec(&text).map_err(|_| D::Error::custom("base64"))?;
        Ok(true)
    }
}

/// A field with presence: it is written if it is set, even to its default value.
impl<T: Field> Field for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn put(&self, tag: u32, buf: &mut impl BufMut) {
        if let Some(value) = self {
            value.put(tag, buf);
        }
    }

    fn size(&self, tag: u32) -> usize {
        self.as_ref().map_or(0, |value| value.size(tag))
    }

    fn take(
        &mut self,
        wire: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        self.get_or_insert_default().take(wire, buf, context)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => value.write(serializer),
            None => serializer.serialize_none(),
        }
    }

    fn read<'de, D: Deserializer<'de>>(
        &mut self,
        place: Place,
        deserializer: D,
    ) -> Result<bool, D::Error> {
        self.get_or_insert_default().read(place, deserializer)
    }
}

/// A list. These protocols have no lists of numbers, so nothing is packed.
impl<T: Field> Field for Vec<T> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn put(&self, tag: u32, buf: &mut impl BufMut) {
        self.iter().for_each(|item| item.put(tag, buf));
    }

    fn size(&self, tag: u32) -> usize {
        self.iter().map(|item| item.size(tag)).sum()
    }

    fn take(
        &mut self,
        wire: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        let mut item = T::default();
        item.take(wire, buf, context)?;
        self.push(item);
        Ok(())
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.len()))?;
        for item in self {
            list.serialize_element(&AsJson(item))?;
        }
        list.end()
    }

    fn read<'de, D: Deserializer<'de>>(
        &mut self,
        place: Place,
        deserializer: D,
    ) -> Result<bool, D::Error> {
        let mut is_replaced = place.is_first;
        deserializer.deserialize_any(Elements {
            list: self,
            is_replaced: &mut is_replaced,
        })?;
        Ok(!is_replaced)
    }
}

/// A push token: it is sent, but never shown in output.
///
/// ```
/// use selvedge_santa::wire::Token;
///
/// let token = Token::from("secret");
/// assert_eq!(format!("{token:?}"), "Token(..)");
/// assert_eq!(token.as_str(), "secret");
/// ```
#[derive(Clone, Default, PartialEq, Eq, zeroize::ZeroizeOnDrop)]
pub struct Token(String);

impl Token {
    /// The token's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Self(text.to_string())
    }
}

impl core::fmt::Debug for Token {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Field for Token {
    fn is_absent(&self) -> bool {
        self.0.is_empty()
    }

    fn put(&self, tag: u32, buf: &mut impl BufMut) {
        self.0.put(tag, buf);
    }

    fn size(&self, tag: u32) -> usize {
        self.0.size(tag)
    }

    fn take(
        &mut self,
        wire: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        self.0.take(wire, buf, context)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(
        &mut self,
        place: Place,
        deserializer: D,
    ) -> Result<bool, D::Error> {
        self.0.read(place, deserializer)
    }
}
