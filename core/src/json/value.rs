//! JSON values whose form is not known to this program.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::scanner::Scanner;
use super::{Malformed, Verbatim, push_lossless_text};
use crate::sorted::Map;

/// The members of an object, sorted by name; of two with the same name the last one wins.
pub type Object = Map<String, Value>;

/// A JSON value whose numbers keep their original digits.
///
/// ```
/// use selvedge_core::json::Value;
///
/// let value: Value = r#"{"b": [1.50, null], "a": "\u00e9"}"#.parse()?;
/// assert_eq!(value.get("a").and_then(Value::as_str), Some("é"));
/// assert_eq!(value.to_string(), r#"{"a":"é","b":[1.50,null]}"#);
/// assert_eq!(value, r#"{"a": "é", "b": [15e-1, null]}"#.parse()?, "numbers are compared by value");
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string. An unpaired surrogate, which UTF-8 cannot represent, is stored as U+FFFF and four hexadecimal digits.
    Text(String),
    /// A list.
    Array(Vec<Value>),
    /// An object.
    Object(Object),
}

/// A number with its original text.
///
/// ```
/// use selvedge_core::json::Value;
///
/// let Value::Number(number) = "1e2".parse()? else { panic!("1e2 is a number") };
/// assert_eq!(number.to_string(), "1e2");
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[derive(Debug, Clone)]
pub struct Number(String);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
            || self
                .normal()
                .is_some_and(|normal| Some(normal) == other.normal())
    }
}

impl Eq for Number {}

impl Number {
    /// Its sign, its digits without leading and trailing zeros, and the power of ten of the last digit. `None` for
    /// exponents outside of any practical range.
    pub(crate) fn normal(&self) -> Option<(bool, String, i64)> {
        let (is_negative, text) = match self.0.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, self.0.as_str()),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = [whole, fraction].concat();
        let exponent: i64 = exponent.trim_start_matches('+').parse().ok()?;
        let exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        let short = digits.trim_end_matches('0');
        let dropped = i64::try_from(digits.len() - short.len()).ok()?;
        let short = short.trim_start_matches('0');
        if short.is_empty() {
            Some((false, String::new(), 0))
        } else {
            Some((
                is_negative,
                short.to_owned(),
                exponent.checked_add(dropped)?,
            ))
        }
    }
}

impl Value {
    /// The string, if the value is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The non-negative whole number, if the value is one.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(number) => number.0.parse().ok(),
            _ => None,
        }
    }

    /// The list, if the value is one.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(values) => Some(values),
            _ => None,
        }
    }

    /// The object, if the value is one.
    #[must_use]
    pub const fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The member of this name, if the value is an object with one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_object()?.get(name)
    }

    /// Reads a value from validated text, whose nesting depth is limited.
    fn take(scanner: &mut Scanner<'_>) -> Option<Self> {
        Some(match scanner.first()? {
            b'"' => Self::Text(scanner.string()?.into_lossless()?),
            b'{' => {
                let mut members = Object::new();
                scanner.object(|name, scanner| {
                    members.insert(name.into_lossless()?, Self::take(scanner)?);
                    Some(())
                })?;
                Self::Object(members)
            }
            b'[' => {
                let mut values = Vec::new();
                scanner.array(|scanner| {
                    values.push(Self::take(scanner)?);
                    Some(())
                })?;
                Self::Array(values)
            }
            _ => match scanner.value()? {
                b"null" => Self::Null,
                b"true" => Self::Bool(true),
                b"false" => Self::Bool(false),
                number => Self::Number(Number(core::str::from_utf8(number).ok()?.to_owned())),
            },
        })
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(number) => out.push_str(&number.0),
            Self::Text(text) => push_lossless_text(out, text),
            Self::Array(values) => {
                out.push('[');
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    value.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    push_lossless_text(out, name);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.write_str(&out)
    }
}

impl FromStr for Value {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut scanner = Scanner::new(text.as_bytes());
        let is_whole = scanner.value().is_some() && scanner.end().is_some();
        let value = is_whole.then(|| Self::take(&mut Scanner::new(text.as_bytes())));
        value.flatten().ok_or(Malformed)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Verbatim(self.to_string()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Verbatim::deserialize(deserializer)?;
        text.0.parse().map_err(serde::de::Error::custom)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(Number(number.to_string()))
    }
}

impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self::Array(values.into_iter().map(Into::into).collect())
    }
}

impl<'a, const N: usize> From<[(&'a str, Value); N]> for Value {
    fn from(members: [(&'a str, Value); N]) -> Self {
        let mut object = Object::new();
        for (name, value) in members {
            object.insert(name.to_owned(), value);
        }
        Self::Object(object)
    }
}

/// Builds values in tests with the syntax of `serde_json::json!`.
#[cfg(test)]
macro_rules! json {
    ($($json:tt)*) => { $crate::json::Value::from(serde_json::json!($($json)*)) };
}

#[cfg(test)]
pub(crate) use json;

#[cfg(test)]
impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        value.to_string().parse().expect("it is JSON")
    }
}
