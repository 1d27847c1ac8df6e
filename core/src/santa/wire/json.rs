//! Protobuf's JSON, as servers write it: lenient where its rules are lenient, strict elsewhere (spec §1.7).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

use super::field::Field;

/// Writes a field's value.
pub(in crate::santa) struct AsJson<'a, T>(pub(in crate::santa) &'a T);

impl<T: Field> Serialize for AsJson<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

/// Reads a field's value, in which `null` means that the field is absent.
pub(in crate::santa) struct Nullable<T>(PhantomData<T>);

impl<T> Nullable<T> {
    pub(in crate::santa) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Field> DeserializeSeed<'de> for Nullable<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, T: Field> Visitor<'de> for Nullable<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E: Error>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::read(deserializer)
    }
}

/// Reads an item of a list, in which `null` is an error.
struct Item<T>(PhantomData<T>);

impl<'de, T: Field> DeserializeSeed<'de> for Item<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::read(deserializer)
    }
}

/// Reads a list. It grows as items come, whatever length the document announces.
pub(in crate::santa) struct Items<T>(PhantomData<T>);

impl<T> Items<T> {
    pub(in crate::santa) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Field> Visitor<'de> for Items<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(Item(PhantomData))? {
            items.push(item);
        }
        Ok(items)
    }
}

/// Which field a name means: one of several spellings.
pub(in crate::santa) struct Names(pub(in crate::santa) &'static [(&'static [&'static str], u32)]);

impl<'de> DeserializeSeed<'de> for Names {
    type Value = u32;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u32, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Names {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<u32, E> {
        let known = self
            .0
            .iter()
            .find(|(spellings, _)| spellings.contains(&name));
        Ok(known.map_or(0, |(_, tag)| *tag))
    }
}

/// A text and nothing else.
pub(in crate::santa) struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.into())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }
}

/// A number in any of its forms: whole, with a fraction, or as text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::santa) enum Number {
    Whole(i128),
    Real(f64),
}

impl Number {
    /// As a whole number, if it has no fraction.
    pub(in crate::santa) fn whole(self) -> Option<i128> {
        match self {
            Self::Whole(number) => Some(number),
            // Beyond 2^53 not every whole number is a float: no field takes so large a one in this form.
            Self::Real(real) => {
                let number = real as i128;
                (number as f64 == real && number.unsigned_abs() <= 1 << 53).then_some(number)
            }
        }
    }

    /// As a finite number.
    pub(in crate::santa) fn real(self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(number as f64),
            Self::Real(real) => real.is_finite().then_some(real),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let is_number = !text.is_empty()
            && text.bytes().all(|byte| {
                byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
            })
            && !text.starts_with('+');
        if !is_number {
            return None;
        }
        let whole = text.parse().ok().map(Self::Whole);
        whole.or_else(|| text.parse().ok().map(Self::Real))
    }
}

/// Reads a [`Number`].
pub(in crate::santa) struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
        Ok(Number::Whole(number.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
        Ok(Number::Whole(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Number, E> {
        Ok(Number::Real(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
        Number::parse(text).ok_or_else(|| E::custom("a number is due"))
    }
}

/// Reads the value of an enumeration: its name or its number. What is unknown is `None`.
pub(in crate::santa) struct WordVisitor<T> {
    pub(in crate::santa) by_name: fn(&str) -> Option<T>,
    pub(in crate::santa) by_number: fn(i32) -> Option<T>,
}

impl<T> WordVisitor<T> {
    fn number(&self, number: Number) -> Option<T> {
        let number = i32::try_from(number.whole()?).ok()?;
        (self.by_number)(number)
    }
}

impl<T> Visitor<'_> for WordVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name or a number")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<T>, E> {
        Ok((self.by_name)(name))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Option<T>, E> {
        Ok(self.number(Number::Whole(number.into())))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Option<T>, E> {
        Ok(self.number(Number::Whole(number.into())))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Option<T>, E> {
        Ok(self.number(Number::Real(number)))
    }
}

/// Whether brackets nest no deeper than `limit`, so that no document makes the reader recurse further.
pub(in crate::santa) fn is_shallow(text: &[u8], limit: usize) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in text {
        match (in_text, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_text = !in_text,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return false;
        }
    }
    true
}
