//! JSON in little code: what serde's derives describe, read from a text and written to one.
//!
//! Every type that is read with [`serde_json`] brings its own copies of a reader, of positions and of sentences about
//! errors; together they were a third of what a browser had to load. Here an error says nothing but that there is one, a text
//! is looked through once before anything is made of it, and numbers stay the text in which they came.

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

/// A text is no JSON, or not of the form that was asked for; or a value has no JSON. What it was is not told, for a record
/// could be quoted.
///
/// ```
/// use selvedge_core::json::{self, Malformed};
///
/// assert_eq!(json::from_str::<u32>("[]"), Err(Malformed));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not the JSON that was expected")]
pub struct Malformed;
