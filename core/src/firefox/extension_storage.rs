//! What extensions store (spec §6.10): merged by key of `data`, the JSON text of an object.

use alloc::string::{String, ToString as _};

use super::decision::Decision;
use super::judgement::Judgement;
use super::members::{set, text};
use super::versions::{Merged, Versions};
use crate::json::{Object, Value};
use crate::reconcile::{Ours, Outcome, Rule, Side, Theirs};

/// Maximum number of bytes of an extension.
pub const MAX_BYTES: usize = 102_400;
/// Maximum number of bytes of a key and its value.
pub const MAX_ITEM_BYTES: usize = 8192;
/// Maximum number of keys of an extension.
pub const MAX_ITEMS: usize = 512;

/// Whether a downloaded record can be used.
///
/// ```
/// use selvedge_core::firefox::{Judgement, extension_storage};
///
/// let record = r#"{"extId":"dark@example.org","data":"{\"theme\":\"dark\"}"}"#.parse()?;
/// assert_eq!(extension_storage::validate(&record), Judgement::Valid);
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[must_use]
pub fn validate(record: &Value) -> Judgement {
    let is_text = |name: &&str| record.get(name).and_then(Value::as_str).is_some();
    if ["extId", "data"].iter().all(is_text) && !text(record, "extId").is_empty() {
        Judgement::Valid
    } else {
        Judgement::Refuse("extId must be a string, and data the JSON text of an object")
    }
}

/// What makes two records the same: the extension.
///
/// ```
/// use selvedge_core::firefox::extension_storage;
///
/// let record = r#"{"extId":"dark@example.org","data":"{}"}"#.parse()?;
/// assert_eq!(extension_storage::duplicate_key(&record).as_deref(), Some("dark@example.org"));
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[must_use]
pub fn duplicate_key(record: &Value) -> Option<String> {
    let extension = record.get("extId")?.as_str()?;
    (!extension.is_empty()).then(|| extension.into())
}

/// The keys and values of a record. A text that is not a JSON object counts as deleted.
///
/// ```
/// use selvedge_core::firefox::extension_storage;
///
/// let record = r#"{"extId":"dark@example.org","data":"{\"theme\":\"dark\"}"}"#.parse()?;
/// assert_eq!(extension_storage::items(&record).get("theme").and_then(|value| value.as_str()), Some("dark"));
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[must_use]
pub fn items(record: &Value) -> Object {
    match text(record, "data").parse() {
        Ok(Value::Object(items)) => items,
        _ => Object::default(),
    }
}

/// A limit of Firefox that is exceeded.
///
/// ```
/// use selvedge_core::firefox::extension_storage::Quota;
///
/// assert_eq!(Quota::Items(600).to_string(), "it has 600 keys; an extension has at most 512: remove some");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Quota {
    /// All items together.
    #[error(
        "its data has {0} bytes; an extension has at most {MAX_BYTES}: remove or shorten values"
    )]
    Bytes(usize),
    /// One item: its key and its size.
    #[error("{0} has {1} bytes with its key; an item has at most {MAX_ITEM_BYTES}: shorten it")]
    Item(String, usize),
    /// The number of keys.
    #[error("it has {0} keys; an extension has at most {MAX_ITEMS}: remove some")]
    Items(usize),
}

/// Checks what this device writes; downloaded data are not checked.
///
/// ```
/// use selvedge_core::firefox::extension_storage;
///
/// let record = r#"{"extId":"dark@example.org","data":"{\"theme\":\"dark\"}"}"#.parse()?;
/// assert!(extension_storage::check_quota(&extension_storage::items(&record)).is_ok());
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
///
/// # Errors
/// The first limit that is exceeded.
pub fn check_quota(items: &Object) -> Result<(), Quota> {
    if items.len() > MAX_ITEMS {
        return Err(Quota::Items(items.len()));
    }
    let mut bytes = 0;
    for (key, value) in items {
        let item = key.len() + value.to_string().len();
        if item > MAX_ITEM_BYTES {
            return Err(Quota::Item(key.clone(), item));
        }
        bytes += item;
    }
    if bytes > MAX_BYTES {
        return Err(Quota::Bytes(bytes));
    }
    Ok(())
}

/// A record with other items.
fn with_items(record: &Value, items: Object) -> Value {
    let mut members = record.as_object().cloned().unwrap_or_default();
    let data = Value::Object(items).to_string();
    members.insert("data".into(), Value::Text(data));
    Value::Object(members)
}

/// Merges two versions by key: a key that the server's side changed, added or removed since the base is as there; other
/// keys stay. Without a base the server's keys replace, and the others stay.
#[must_use]
pub fn merge(versions: &Versions<'_>) -> Merged {
    let (ours, theirs) = (items(versions.ours), items(versions.theirs));
    let base = versions.base.map(items);
    let mut merged = ours.clone();
    let mut rule = None;
    for (key, value) in &theirs {
        let known = base.as_ref().and_then(|base| base.get(key));
        if known != Some(value) {
            if ours
                .get(key)
                .is_some_and(|our| our != value && Some(our) != known)
            {
                rule = Some(Rule::NewerFieldWins);
            }
            merged.insert(key.clone(), value.clone());
        }
    }
    for (key, known) in base.iter().flatten() {
        if !theirs.contains_key(key) {
            if ours.get(key).is_some_and(|our| our != known) {
                rule = Some(Rule::NewerFieldWins);
            }
            set(&mut merged, key, None);
        }
    }
    let record = if merged == theirs {
        versions.theirs.clone()
    } else {
        with_items(versions.theirs, merged)
    };
    Merged::Record { record, rule }
}

/// Decides how to reconcile a record. A deletion removes the keys that the base has; the others stay, and are uploaded.
///
/// ```
/// use selvedge_core::firefox::{Decision, extension_storage};
/// use selvedge_core::reconcile::{Outcome, Ours, Side, Theirs};
///
/// let base = Some(r#"{"extId":"e","data":"{\"a\":1}"}"#);
/// let ours = Ours::Edited { cleartext: r#"{"extId":"e","data":"{\"a\":1,\"b\":2}"}"#, base, sent: None };
/// let Decision::One(Outcome::Merge { cleartext, .. }) = extension_storage::decide(ours, Theirs::Tombstone, Side::Ours) else {
///     panic!("b is new here")
/// };
/// assert_eq!(cleartext, r#"{"data":"{\"b\":2}","extId":"e"}"#);
/// ```
#[must_use]
pub fn decide(ours: Ours<'_>, theirs: Theirs<'_>, newer: Side) -> Decision {
    let (
        Theirs::Tombstone,
        Ours::Edited {
            cleartext, base, ..
        },
    ) = (theirs, ours)
    else {
        return super::decide(ours, theirs, newer, merge);
    };
    let parse = |text: &str| text.parse::<Value>().ok();
    let (Some(record), Some(base)) = (parse(cleartext), base.and_then(parse)) else {
        return super::decide(ours, theirs, newer, merge);
    };
    let (before, base) = (items(&record), items(&base));
    let mut left = before.clone();
    left.retain(|key, _| !base.contains_key(key));
    let is_changed = |(key, known)| before.get(key).is_some_and(|value: &Value| value != known);
    let rule = base.iter().any(is_changed).then_some(Rule::NewerFieldWins);
    Decision::One(if left.is_empty() {
        Outcome::Delete { rule }
    } else if left == before {
        Outcome::Keep { rule }
    } else {
        Outcome::Merge {
            cleartext: with_items(&record, left).to_string(),
            rule,
        }
    })
}
