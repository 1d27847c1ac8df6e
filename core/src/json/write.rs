//! Serialization to JSON.

use alloc::string::String;
use core::fmt;

use serde::ser::{self, Serialize, Serializer};

use super::{Malformed, verbatim};

/// The JSON text of a value.
///
/// # Errors
/// When it has none: numbers with a fraction and bytes are not supported, and names of members must be strings.
///
/// ```
/// use selvedge_core::json;
///
/// assert_eq!(json::to_string(&(1, "a\n", [None, Some(true)]))?, r#"[1,"a\n",[null,true]]"#);
/// # Ok::<(), json::Malformed>(())
/// ```
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, Malformed> {
    let mut out = String::new();
    value.serialize(Writer::<false>(&mut out))?;
    Ok(out)
}

/// Writes a string with quotes and escapes.
pub(crate) fn push_text(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push('"');
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            8 => b'b',
            12 => b'f',
            0..0x20 => b'u',
            _ => continue,
        };
        out.push_str(text.get(written..at).unwrap_or_default());
        out.push('\\');
        out.push(char::from(short));
        if short == b'u' {
            out.push_str("00");
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from(HEX[usize::from(digit)]));
            }
        }
        written = at + 1;
    }
    out.push_str(text.get(written..).unwrap_or_default());
    out.push('"');
}

/// The output; a `BARE` writer writes strings without quotes and escapes.
struct Writer<'a, const BARE: bool>(&'a mut String);

impl<'a, const BARE: bool> Writer<'a, BARE> {
    fn word(self, word: &str) -> Result<(), Malformed> {
        self.0.push_str(word);
        Ok(())
    }

    fn number(self, number: impl itoa::Integer) -> Result<(), Malformed> {
        self.word(itoa::Buffer::new().format(number))
    }

    /// Starts a list or an object; for an enum variant, inside an outer object.
    fn begin(self, variant: Option<&str>, open: char, close: &'static str) -> Parts<'a> {
        if let Some(variant) = variant {
            self.0.push('{');
            push_text(self.0, variant);
            self.0.push(':');
        }
        self.0.push(open);
        Parts {
            out: self.0,
            is_first: true,
            close,
        }
    }
}

/// A list or an object that is being written.
struct Parts<'a> {
    out: &'a mut String,
    is_first: bool,
    close: &'static str,
}

impl Parts<'_> {
    fn separate(&mut self) {
        if !core::mem::take(&mut self.is_first) {
            self.out.push(',');
        }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Malformed> {
        self.separate();
        value.serialize(Writer::<false>(self.out))
    }

    fn name(&mut self, name: &str) {
        self.separate();
        push_text(self.out, name);
        self.out.push(':');
    }

    fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Malformed> {
        self.name(name);
        value.serialize(Writer::<false>(self.out))
    }

    fn finish(self) -> Result<(), Malformed> {
        self.out.push_str(self.close);
        Ok(())
    }
}

macro_rules! numbers {
    ($($name:ident $type:ty)*) => {$(
        fn $name(self, number: $type) -> Result<(), Malformed> {
            self.number(number)
        }
    )*};
}

impl<'a, const BARE: bool> Serializer for Writer<'a, BARE> {
    type Ok = ();
    type Error = Malformed;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    numbers! {
        serialize_i8 i8 serialize_i16 i16 serialize_i32 i32 serialize_i64 i64
        serialize_u8 u8 serialize_u16 u16 serialize_u32 u32 serialize_u64 u64
    }

    fn is_human_readable(&self) -> bool {
        !BARE
    }

    fn serialize_bool(self, value: bool) -> Result<(), Malformed> {
        self.word(if value { "true" } else { "false" })
    }

    fn serialize_f32(self, _: f32) -> Result<(), Malformed> {
        Err(Malformed)
    }

    fn serialize_f64(self, _: f64) -> Result<(), Malformed> {
        Err(Malformed)
    }

    fn serialize_char(self, value: char) -> Result<(), Malformed> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), Malformed> {
        if BARE {
            self.0.push_str(text)
        } else {
            push_text(self.0, text)
        }
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Malformed> {
        Err(Malformed)
    }

    fn serialize_none(self) -> Result<(), Malformed> {
        self.word("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Malformed> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Malformed> {
        self.word("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Malformed> {
        self.word("null")
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Malformed> {
        self.serialize_str(variant)
    }

    /// Inlined, so that the handling of a verbatim text in other writers is not compiled for this one.
    #[inline(always)]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Malformed> {
        match name {
            verbatim::NAME => value.serialize(Writer::<true>(self.0)),
            _ => value.serialize(self),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Malformed> {
        let mut parts = self.begin(None, '{', "}");
        parts.member(variant, value)?;
        parts.finish()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'a>, Malformed> {
        Ok(self.begin(None, '[', "]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'a>, Malformed> {
        Ok(self.begin(None, '[', "]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, Malformed> {
        Ok(self.begin(None, '[', "]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, Malformed> {
        Ok(self.begin(Some(variant), '[', "]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'a>, Malformed> {
        Ok(self.begin(None, '{', "}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, Malformed> {
        Ok(self.begin(None, '{', "}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, Malformed> {
        Ok(self.begin(Some(variant), '{', "}}"))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Malformed> {
        self.serialize_str(&alloc::string::ToString::to_string(value))
    }
}

macro_rules! lists {
    ($($kind:ident $add:ident)*) => {$(
        impl ser::$kind for Parts<'_> {
            type Ok = ();
            type Error = Malformed;

            fn $add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Malformed> {
                self.item(value)
            }

            fn end(self) -> Result<(), Malformed> {
                self.finish()
            }
        }
    )*};
}

lists! {
    SerializeSeq serialize_element
    SerializeTuple serialize_element
    SerializeTupleStruct serialize_field
    SerializeTupleVariant serialize_field
}

macro_rules! objects {
    ($($kind:ident)*) => {$(
        impl ser::$kind for Parts<'_> {
            type Ok = ();
            type Error = Malformed;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Malformed> {
                self.member(name, value)
            }

            fn end(self) -> Result<(), Malformed> {
                self.finish()
            }
        }
    )*};
}

objects! { SerializeStruct SerializeStructVariant }

impl ser::SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = Malformed;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), Malformed> {
        self.separate();
        let start = self.out.len();
        name.serialize(Writer::<false>(self.out))?;
        if self
            .out
            .get(start..)
            .is_some_and(|name| name.starts_with('"'))
        {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Malformed> {
        self.out.push(':');
        value.serialize(Writer::<false>(self.out))
    }

    fn end(self) -> Result<(), Malformed> {
        self.finish()
    }
}

impl ser::Error for Malformed {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}
