//! Postal addresses (spec §6.9): merged by member; a real conflict makes two records.

use alloc::string::String;

use super::autofill;
use super::judgement::Judgement;
use super::versions::{Merged, Versions};
use crate::json::Value;

/// Whether a downloaded address can be used.
///
/// ```
/// use selvedge_core::firefox::{Judgement, addresses};
///
/// let address = r#"{"id":"4f5643288c6e","entry":{"version":1,"name":"Ann Example"}}"#.parse()?;
/// assert_eq!(addresses::validate(&address), Judgement::Valid);
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[must_use]
pub fn validate(record: &Value) -> Judgement {
    let version = autofill::entry(record).map(|entry| entry.get("version").and_then(Value::as_u64));
    match version {
        Some(Some(1)) => Judgement::Valid,
        Some(_) => Judgement::Refuse("entry must have version 1"),
        None => Judgement::Refuse("entry must be an object"),
    }
}

/// What makes two addresses the same: a hash of their members, without times, counts and the parts of the name.
///
/// ```
/// use selvedge_core::firefox::addresses;
///
/// let one = r#"{"entry":{"version":1,"name":"Ann Example","timesUsed":3}}"#.parse()?;
/// let other = r#"{"entry":{"version":1,"name":"Ann Example","given-name":"Ann"}}"#.parse()?;
/// assert_eq!(addresses::duplicate_key(&one), addresses::duplicate_key(&other));
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[must_use]
pub fn duplicate_key(record: &Value) -> Option<String> {
    autofill::duplicate_key(record)
}

/// Merges two versions of an address.
#[must_use]
pub fn merge(versions: &Versions<'_>) -> Merged {
    autofill::merge(versions, &[])
}
