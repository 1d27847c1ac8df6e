//! What a text that is not the expected JSON is answered with.

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
