//! A small JSON implementation: reads and writes types that derive serde's traits.
//!
//! With [`serde_json`], every type that is read gets its own copies of a reader, of positions and of error messages;
//! together they were a third of the code that a browser had to load. Here an error contains no details, a text is
//! validated once before values are built from it, and numbers keep their original text.

mod read;
pub(crate) mod scanner;
mod surrogates;
#[cfg(test)]
mod tests;
mod value;
mod verbatim;
mod write;

pub use self::read::{from_slice, from_str};
pub(crate) use self::surrogates::{has_unpaired, push_lossless_text};
#[cfg(test)]
pub(crate) use self::value::json;
pub use self::value::{Number, Object, Value};
pub(crate) use self::verbatim::Verbatim;
pub(crate) use self::write::push_text;

pub use self::write::to_string;

/// A text is not JSON, or does not have the requested form; or a value has no JSON form. The error contains no part of
/// the text, because it could quote a record.
///
/// ```
/// use selvedge_core::json::{self, Malformed};
///
/// assert_eq!(json::from_str::<u32>("[]"), Err(Malformed));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is not the expected JSON")]
pub struct Malformed;
