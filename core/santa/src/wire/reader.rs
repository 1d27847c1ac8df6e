//! A JSON reader that accepts and rejects the same texts as protobuf's C++ library in its legacy syntax, which is how
//! Santa reads a server's responses (spec §1.7).
//!
//! It is a separate [`Deserializer`] because `serde_json` differs in both directions. It rejects single quotes,
//! unquoted keys, trailing commas and raw control characters, which Santa accepts. And it skips an unpaired surrogate
//! or a number that exceeds all floats in an unknown field, which makes a sync of Santa fail. `syntax` implements the
//! syntax of values; the visitors in `json` convert values to fields, for both readers.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use serde::de::value::{BorrowedStrDeserializer, StringDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::fault::Fault;
use super::syntax::Reader;

/// Reads a text that is one object.
pub(crate) fn read<M: DeserializeOwned>(text: &str) -> Result<M, Fault> {
    let mut reader = Reader::new(text);
    let message = message(&mut reader)?;
    match reader.next() {
        None => Ok(message),
        Some(_) => Err(reader.fault("unexpected text after the end of the object")),
    }
}

/// Reads a text of consecutive objects, separated only by whitespace.
pub(crate) fn read_objects<M: DeserializeOwned>(text: &str) -> Result<Vec<M>, Fault> {
    let mut reader = Reader::new(text);
    let mut messages = Vec::new();
    while reader.next().is_some() {
        messages.push(message(&mut reader)?);
    }
    Ok(messages)
}

fn message<M: DeserializeOwned>(reader: &mut Reader<'_>) -> Result<M, Fault> {
    match reader.next() {
        Some(b'{') => M::deserialize(reader),
        Some(_) => Err(reader.fault("the text must be a JSON object")),
        None => Err(reader.ends_early()),
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.next() {
            Some(b'{') => {
                self.open()?;
                visitor.visit_map(Entries::of(self))
            }
            Some(b'[') => {
                self.open()?;
                visitor.visit_seq(Entries::of(self))
            }
            Some(b'"' | b'\'') => match self.string()? {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            Some(b'-' | b'0'..=b'9') => {
                let start = self.at;
                let text = self.number()?;
                if let Ok(number) = text.parse() {
                    visitor.visit_u64(number)
                } else if let Ok(number) = text.parse() {
                    visitor.visit_i64(number)
                } else {
                    visitor.visit_f64(self.real(start, text)?)
                }
            }
            Some(b't') => {
                self.expect("true")?;
                visitor.visit_bool(true)
            }
            Some(b'f') => {
                self.expect("false")?;
                visitor.visit_bool(false)
            }
            Some(b'n') => {
                self.expect("null")?;
                visitor.visit_unit()
            }
            Some(_) => Err(self.fault("expected a value")),
            None => Err(self.ends_early()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.next() {
            Some(b'n') => {
                self.expect("null")?;
                visitor.visit_none()
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq
        tuple tuple_struct map struct enum identifier
    }
}

/// The entries of an object or the elements of a list.
struct Entries<'a, 'de> {
    reader: &'a mut Reader<'de>,
    is_first: bool,
    /// The name of the current field, if it may be repeated in an error.
    field: Option<&'de str>,
}

impl<'a, 'de> Entries<'a, 'de> {
    const fn of(reader: &'a mut Reader<'de>) -> Self {
        Self {
            reader,
            is_first: true,
            field: None,
        }
    }

    fn has_entry(&mut self, end: u8) -> Result<bool, Fault> {
        self.reader
            .has_entry(core::mem::take(&mut self.is_first), end)
    }

    fn value<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        self.reader.next();
        let at = self.reader.at;
        let value = seed.deserialize(&mut *self.reader);
        value.map_err(|fault| fault.within(self.field, at))
    }
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        if !self.has_entry(b'}')? {
            return Ok(None);
        }
        let key = match self.reader.key()? {
            Cow::Borrowed(key) => {
                self.field = Some(key);
                seed.deserialize(BorrowedStrDeserializer::new(key))
            }
            Cow::Owned(key) => {
                self.field = None;
                seed.deserialize(StringDeserializer::new(key))
            }
        };
        key.map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        self.value(seed)
    }
}

impl<'de> SeqAccess<'de> for Entries<'_, 'de> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        if self.has_entry(b']')? {
            self.value(seed).map(Some)
        } else {
            Ok(None)
        }
    }
}
