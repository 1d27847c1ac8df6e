//! What a text that is not the expected JSON is answered with.

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
