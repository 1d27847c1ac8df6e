//! Conversion of JSON values to fields: lenient where protobuf's C++ library is, strict otherwise (spec §1.7).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer, StringDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::{Serialize, Serializer};

use super::field::Field;
use super::place::Place;

/// Writes a field's value.
pub(crate) struct AsJson<'a, T>(pub(crate) &'a T);

impl<T: Field> Serialize for AsJson<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

/// Reads a value into a field; `null` does nothing. The result says whether the field was set.
pub(crate) struct Nullable<'a, T> {
    pub(crate) field: &'a mut T,
    pub(crate) place: Place,
    /// Whether another member of the field's oneof was set in the same object, so that only `null` is accepted.
    pub(crate) is_taken: bool,
}

impl<'de, T: Field> DeserializeSeed<'de> for Nullable<'_, T> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, T: Field> Visitor<'de> for Nullable<'_, T> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        if self.is_taken {
            Err(D::Error::custom(
                "null, because only one field of its group can be set",
            ))
        } else {
            self.field.read(self.place, deserializer)
        }
    }
}

/// Appends a value to a list: an element, or the elements of a list, with any nesting of lists. `null` is an element
/// with its default value.
pub(crate) struct Elements<'a, T> {
    pub(crate) list: &'a mut Vec<T>,
    /// Whether the list is cleared before the first element is added.
    pub(crate) is_replaced: &'a mut bool,
}

impl<T: Field> Elements<'_, T> {
    fn push<'de, D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let mut element = T::default();
        element.read(Place::ELEMENT, deserializer)?;
        self.push_element(element);
        Ok(())
    }

    fn push_element(self, element: T) {
        if core::mem::take(self.is_replaced) {
            self.list.clear();
        }
        self.list.push(element);
    }
}

impl<'de, T: Field> DeserializeSeed<'de> for Elements<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Field> Visitor<'de> for Elements<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list, or one of its elements")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.push_element(T::default());
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.push(text.into_deserializer())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.push(BorrowedStrDeserializer::new(text))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<(), E> {
        self.push(StringDeserializer::new(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.push(MapAccessDeserializer::new(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        loop {
            let next = list.next_element_seed(Elements {
                list: &mut *self.list,
                is_replaced: &mut *self.is_replaced,
            })?;
            if next.is_none() {
                return Ok(());
            }
        }
    }
}

/// The number of the field with a name; 0 for an unknown name.
pub(crate) struct Names(pub(crate) fn(&str) -> u32);

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
        Ok((self.0)(name))
    }
}

/// A string only.
pub(crate) struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.into())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }
}

/// A boolean, or a string that contains one.
pub(crate) struct BoolVisitor;

impl Visitor<'_> for BoolVisitor {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
        Ok(value)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
        let is_one_of = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        if is_one_of(["true", "t", "yes", "y", "1"]) {
            Ok(true)
        } else if is_one_of(["false", "f", "no", "n", "0"]) {
            Ok(false)
        } else {
            Err(E::custom("true or false"))
        }
    }
}

/// A number in any form: whole, with a fraction, or as a string.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Whole(i128),
    Real(f64),
}

impl Number {
    /// As a whole number, if it has no fraction.
    pub(crate) fn whole(self) -> Option<i128> {
        match self {
            Self::Whole(number) => Some(number),
            // Above 2^53 not every whole number is a float, and no field accepts such a large number in this form.
            Self::Real(real) => {
                let number = real as i128;
                (number as f64 == real && number.unsigned_abs() <= 1 << 53).then_some(number)
            }
        }
    }

    /// As a finite number.
    pub(crate) fn real(self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(number as f64),
            Self::Real(real) => real.is_finite().then_some(real),
        }
    }

    /// A number in quotes: it may have a sign, leading zeros, or no digits before or after its point; no whitespace.
    fn parse(text: &str) -> Option<Self> {
        let whole = text.parse().ok().map(Self::Whole);
        // Words such as `inf` are parsed, but rejected later because they are not finite.
        whole.or_else(|| text.parse().ok().map(Self::Real))
    }
}

/// Reads a [`Number`].
pub(crate) struct NumberVisitor;

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
        Number::parse(text).ok_or_else(|| E::custom("a number"))
    }
}

/// Reads a whole number of a type; `expected` describes its values.
pub(crate) fn whole<'de, T: TryFrom<i128>, D: Deserializer<'de>>(
    deserializer: D,
    expected: &str,
) -> Result<T, D::Error> {
    let number = deserializer.deserialize_any(NumberVisitor)?.whole();
    let number = number.and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| D::Error::custom(expected))
}

/// Reads an enumeration value: its name or its number, which may be in quotes. `None` is an unknown name, `Some(None)`
/// a number without a value in this enumeration.
pub(crate) struct WordVisitor<T> {
    pub(crate) by_name: fn(&str) -> Option<T>,
    pub(crate) by_number: fn(i32) -> Option<T>,
}

impl<T> WordVisitor<T> {
    fn number<E: Error>(&self, number: Number) -> Result<Option<Option<T>>, E> {
        let number = number
            .whole()
            .and_then(|number| i32::try_from(number).ok())
            .ok_or_else(|| E::custom("a name or a whole number of 32 bits"))?;
        Ok(Some((self.by_number)(number)))
    }
}

impl<T> Visitor<'_> for WordVisitor<T> {
    type Value = Option<Option<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if let Some(value) = (self.by_name)(text) {
            return Ok(Some(Some(value)));
        }
        let digits = text.trim_matches(|blank| matches!(blank, '\t'..='\r' | ' '));
        Ok(digits.parse().ok().map(self.by_number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        self.number(Number::Whole(number.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        self.number(Number::Whole(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        self.number(Number::Real(number))
    }
}

/// Reads a message from the start: the visitor of its fields, wrapped for callers that need the message itself.
pub(crate) fn message<'de, M: Field, D: Deserializer<'de>>(deserializer: D) -> Result<M, D::Error> {
    let mut message = M::default();
    message.read(Place::ELEMENT, deserializer)?;
    Ok(message)
}
