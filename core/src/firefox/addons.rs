//! Add-ons (spec §6.7): read-only, unless the user asked to write them.

use alloc::string::String;

use super::judgement::Judgement;
use super::members::text;
use crate::json::Value;

/// Whether a downloaded add-on can be used.
///
/// ```
/// use selvedge_core::firefox::{Judgement, addons};
///
/// let addon = r#"{"addonID":"dark@example.org","applicationID":"{ec8030f7-c20a-464f-9b0e-13a3a9e97384}","enabled":true,"source":"amo"}"#;
/// assert_eq!(addons::validate(&addon.parse()?), Judgement::Valid);
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[must_use]
pub fn validate(record: &Value) -> Judgement {
    let is_set = |name: &&str| !text(record, name).is_empty();
    let is_whole = ["addonID", "applicationID", "source"].iter().all(is_set)
        && matches!(record.get("enabled"), Some(Value::Bool(_)));
    if is_whole {
        Judgement::Valid
    } else {
        Judgement::Refuse("an add-on needs addonID, applicationID, source and enabled")
    }
}

/// What makes two records the same: the add-on and the application that it is installed in.
///
/// ```
/// use selvedge_core::firefox::addons;
///
/// let addon = r#"{"addonID":"dark@example.org","applicationID":"firefox"}"#.parse()?;
/// assert_eq!(addons::duplicate_key(&addon).as_deref(), Some("dark@example.org firefox"));
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[must_use]
pub fn duplicate_key(record: &Value) -> Option<String> {
    let id = record.get("addonID")?.as_str()?;
    Some(alloc::format!("{id} {}", text(record, "applicationID")))
}
