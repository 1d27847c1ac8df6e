//! Deserialization from JSON.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::de::{
    self, DeserializeSeed, Deserializer, Expected, IntoDeserializer as _, Unexpected, Visitor,
};

use super::scanner::Scanner;
use super::{Malformed, verbatim};

/// Reads a value.
///
/// # Errors
/// When the text is not JSON, or not the JSON of such a value.
///
/// ```
/// use std::collections::BTreeMap;
/// use selvedge_core::json;
///
/// let read: BTreeMap<String, Vec<u8>> = json::from_str(r#"{"a\u0062": [1, 2]}"#)?;
/// assert_eq!(read["ab"], [1, 2]);
/// # Ok::<(), json::Malformed>(())
/// ```
pub fn from_str<'de, T: de::Deserialize<'de>>(text: &'de str) -> Result<T, Malformed> {
    // Scan the whole text first: afterwards its depth is known to be limited, and nothing follows the value.
    let mut scanner = Scanner::new(text.as_bytes());
    let is_whole = scanner.value().is_some() && scanner.end().is_some();
    if !is_whole {
        return Err(Malformed);
    }
    T::deserialize(&mut Reader(Scanner::new(text.as_bytes())))
}

/// Reads a value from bytes, which must be UTF-8.
///
/// # Errors
/// As [`from_str`].
///
/// ```
/// use selvedge_core::json;
///
/// assert_eq!(json::from_slice::<Option<String>>(b"null"), Ok(None));
/// assert!(json::from_slice::<String>(b"\"\xff\"").is_err());
/// ```
pub fn from_slice<'de, T: de::Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Malformed> {
    from_str(core::str::from_utf8(bytes).map_err(|_| Malformed)?)
}

/// A position in validated JSON text.
struct Reader<'de>(Scanner<'de>);

impl<'de> Reader<'de> {
    fn text(&mut self) -> Result<Cow<'de, str>, Malformed> {
        let raw = self.0.string().ok_or(Malformed)?;
        let plain = raw.plain().map(Cow::Borrowed);
        plain
            .or_else(|| raw.unescaped().map(Cow::Owned))
            .ok_or(Malformed)
    }

    /// The text of the next value.
    fn token(&mut self) -> Result<&'de str, Malformed> {
        let token = self.0.value().ok_or(Malformed)?;
        core::str::from_utf8(token).map_err(|_| Malformed)
    }

    fn number<T: FromStr>(&mut self) -> Result<T, Malformed> {
        self.token()?.parse().map_err(|_| Malformed)
    }

    fn null(&mut self) -> Result<(), Malformed> {
        match self.token()? {
            "null" => Ok(()),
            _ => Err(Malformed),
        }
    }

    fn bool(&mut self) -> Result<bool, Malformed> {
        match self.token()? {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Malformed),
        }
    }

    fn eat(&mut self, byte: u8) -> Result<(), Malformed> {
        self.0.eat(byte).ok_or(Malformed)
    }
}

fn visit_text<'de, V: Visitor<'de>>(
    text: Cow<'de, str>,
    visitor: V,
) -> Result<V::Value, Malformed> {
    match text {
        Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
        Cow::Owned(text) => visitor.visit_string(text),
    }
}

macro_rules! numbers {
    ($($name:ident $visit:ident $type:ty)*) => {$(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
            visitor.$visit(self.number::<$type>()?)
        }
    )*};
}

macro_rules! same {
    ($($name:ident => $other:ident)*) => {$(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
            self.$other(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Malformed;

    numbers! {
        deserialize_i8 visit_i64 i64 deserialize_i16 visit_i64 i64
        deserialize_i32 visit_i64 i64 deserialize_i64 visit_i64 i64
        deserialize_u8 visit_u64 u64 deserialize_u16 visit_u64 u64
        deserialize_u32 visit_u64 u64 deserialize_u64 visit_u64 u64
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        let number = self.number::<f32>()?;
        if number.is_finite() {
            visitor.visit_f32(number)
        } else {
            Err(Malformed)
        }
    }

    /// A number that is too large for a float is an error, not infinity.
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        let number = self.number::<f64>()?;
        if number.is_finite() {
            visitor.visit_f64(number)
        } else {
            Err(Malformed)
        }
    }

    same! {
        deserialize_char => deserialize_str
        deserialize_string => deserialize_str
        deserialize_identifier => deserialize_str
    }

    /// Numbers that are not whole are only read if a float is requested.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        match self.0.first().ok_or(Malformed)? {
            b'"' => self.deserialize_str(visitor),
            b'{' => self.deserialize_map(visitor),
            b'[' => self.deserialize_seq(visitor),
            b'n' => self.deserialize_unit(visitor),
            b't' | b'f' => self.deserialize_bool(visitor),
            b'-' => self.deserialize_i64(visitor),
            _ => self.deserialize_u64(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_bool(self.bool()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visit_text(self.text()?, visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Malformed> {
        Err(Malformed)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Malformed> {
        Err(Malformed)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        if self.0.first() == Some(b'n') {
            self.null()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        self.null()?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        self.deserialize_unit(visitor)
    }

    /// Inlined, so that the detection of a verbatim text in other readers is not compiled for this one.
    #[inline(always)]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        match name {
            verbatim::NAME => visitor.visit_borrowed_str(self.token()?),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        self.eat(b'[')?;
        let value = visitor.visit_seq(Parts::new(self, b']'))?;
        self.eat(b']')?;
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        self.eat(b'{')?;
        let value = visitor.visit_map(Parts::new(self, b'}'))?;
        self.eat(b'}')?;
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        if self.0.first() != Some(b'{') {
            let variant: String = self.text()?.into_owned();
            return visitor.visit_enum(variant.into_deserializer());
        }
        self.eat(b'{')?;
        let value = visitor.visit_enum(Variant(self))?;
        self.eat(b'}')?;
        Ok(value)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        self.0.value().ok_or(Malformed)?;
        visitor.visit_unit()
    }
}

/// The remaining elements of a list or an object.
struct Parts<'r, 'de> {
    reader: &'r mut Reader<'de>,
    is_first: bool,
    close: u8,
}

impl<'r, 'de> Parts<'r, 'de> {
    const fn new(reader: &'r mut Reader<'de>, close: u8) -> Self {
        Self {
            reader,
            is_first: true,
            close,
        }
    }

    /// Whether there is another element.
    fn more(&mut self) -> Result<bool, Malformed> {
        if self.reader.0.first() == Some(self.close) {
            return Ok(false);
        }
        if !core::mem::take(&mut self.is_first) {
            self.reader.eat(b',')?;
        }
        Ok(true)
    }
}

impl<'de> de::SeqAccess<'de> for Parts<'_, 'de> {
    type Error = Malformed;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Malformed> {
        if self.more()? {
            seed.deserialize(&mut *self.reader).map(Some)
        } else {
            Ok(None)
        }
    }
}

impl<'de> de::MapAccess<'de> for Parts<'_, 'de> {
    type Error = Malformed;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Malformed> {
        if self.more()? {
            seed.deserialize(&mut *self.reader).map(Some)
        } else {
            Ok(None)
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Malformed> {
        self.reader.eat(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}

/// A variant with a value: the only member of an object.
struct Variant<'r, 'de>(&'r mut Reader<'de>);

impl<'de> de::EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Malformed;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Malformed> {
        let variant = seed.deserialize(&mut *self.0)?;
        self.0.eat(b':')?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Malformed;

    fn unit_variant(self) -> Result<(), Malformed> {
        self.0.null()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Malformed> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Malformed> {
        self.0.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        self.0.deserialize_map(visitor)
    }
}

/// Without serde's error messages, and without the code that formats them.
impl de::Error for Malformed {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }

    fn invalid_type(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self
    }

    fn invalid_value(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self
    }

    fn invalid_length(_: usize, _: &dyn Expected) -> Self {
        Self
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }

    fn missing_field(_: &'static str) -> Self {
        Self
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self
    }
}
