//! A small JSON implementation: reads and writes types that derive serde's traits.
//!
//! With [`serde_json`], every type that is read gets its own copies of a reader, of positions and of error messages;
//! together they were a third of the code that a browser had to load. Here an error contains no details, a text is
//! validated once before values are built from it, and numbers keep their original text.

mod malformed;
pub(crate) mod plain_length;
mod read;
pub(crate) mod scanner;
mod surrogates;
#[cfg(test)]
mod tests;
mod value;
mod verbatim;
mod write;

pub use self::malformed::Malformed;
pub use self::read::{from_slice, from_str};
pub(crate) use self::surrogates::{has_unpaired, push_lossless_text};
#[cfg(test)]
pub(crate) use self::value::json;
pub use self::value::{Number, Object, Value};
pub(crate) use self::verbatim::Verbatim;
pub(crate) use self::write::push_text;

pub use self::write::to_string;
