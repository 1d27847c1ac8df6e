//! Texts typed into forms (spec §6.3): an entry never changes; another value is another entry.

use alloc::string::{String, ToString as _};

use super::judgement::Judgement;
use super::members::text;
use super::versions::{Merged, Versions};
use crate::json::Value;

/// Whether a downloaded entry can be used. One without a name or a value makes Firefox lose all other new entries of its
/// sync, so it must not stay on the server.
///
/// ```
/// use selvedge_core::firefox::{Judgement, forms};
///
/// assert_eq!(forms::validate(&r#"{"name":"city","value":"Berlin"}"#.parse()?), Judgement::Valid);
/// assert_eq!(forms::validate(&r#"{"name":"city"}"#.parse()?), Judgement::Replace);
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[must_use]
pub fn validate(record: &Value) -> Judgement {
    if text(record, "name").is_empty() || text(record, "value").is_empty() {
        Judgement::Replace
    } else {
        Judgement::Valid
    }
}

/// What makes two entries the same: name and value.
///
/// ```
/// use selvedge_core::firefox::forms;
///
/// let entry = r#"{"name":"city","value":"Berlin"}"#.parse()?;
/// assert_eq!(forms::duplicate_key(&entry).as_deref(), Some(r#"["city","Berlin"]"#));
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[must_use]
pub fn duplicate_key(record: &Value) -> Option<String> {
    let member = |name| record.get(name)?.as_str();
    let key: Value = [member("name")?, member("value")?].into_iter().collect();
    Some(key.to_string())
}

/// Merges two versions of an entry: with different names or values they are two entries.
#[must_use]
pub fn merge(versions: &Versions<'_>) -> Merged {
    let key = duplicate_key(versions.ours);
    let is_ours_unchanged = versions.base == Some(versions.ours);
    if key.is_some() && key != duplicate_key(versions.theirs) && !is_ours_unchanged {
        return Merged::Fork;
    }
    Merged::Record {
        record: versions.theirs.clone(),
        rule: None,
    }
}
