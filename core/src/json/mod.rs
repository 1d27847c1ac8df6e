//! JSON in little code: what serde's derives describe, read from a text and written to one.
//!
//! Every type that is read with [`serde_json`] brings its own copies of a reader, of positions and of sentences about
//! errors; together they were a third of what a browser had to load. Here an error says nothing but that there is one, a text
//! is looked through once before anything is made of it, and numbers stay the text in which they came.

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
