//! Preferences (spec §6.8): read-only, unless the user asked to write them; then merged by preference.

use super::judgement::Judgement;
use super::members::{Choice, choose, names, set};
use super::versions::{Merged, Versions};
use crate::json::{Object, Value};
use crate::reconcile::{Rule, Side};

/// Whether downloaded preferences can be used.
///
/// ```
/// use selvedge_core::firefox::{Judgement, prefs};
///
/// assert_eq!(prefs::validate(&r#"{"value":{"browser.zoom.full":true,"x":null}}"#.parse()?), Judgement::Valid);
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[must_use]
pub fn validate(record: &Value) -> Judgement {
    let values = record.get("value").and_then(Value::as_object);
    let is_scalar = |value: &Value| !matches!(value, Value::Array(_) | Value::Object(_));
    if values.is_some_and(|values| values.values().all(is_scalar)) {
        Judgement::Valid
    } else {
        Judgement::Refuse("value must be an object of strings, numbers, true, false and null")
    }
}

/// Merges two versions by preference; of two values the server's stays, because Firefox lets it win always.
#[must_use]
pub fn merge(versions: &Versions<'_>) -> Merged {
    let empty = Object::default();
    let values = |record: &'_ Value| {
        record
            .get("value")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    };
    let (ours, theirs) = (values(versions.ours), values(versions.theirs));
    let base = versions.base.map(|base| {
        base.get("value")
            .and_then(Value::as_object)
            .unwrap_or(&empty)
    });
    let mut merged = Object::default();
    let mut rule = None;
    for name in names(&ours, &theirs).iter() {
        let (our, their) = (ours.get(name), theirs.get(name));
        let value = match choose(base.map(|base| base.get(name)), our, their) {
            Choice::Only(Side::Ours) | Choice::Kept(Side::Ours) => our,
            Choice::Conflict => {
                rule = Some(Rule::NewerFieldWins);
                their
            }
            _ => their,
        };
        set(&mut merged, name, value.cloned());
    }
    let mut record = versions.theirs.as_object().cloned().unwrap_or_default();
    record.insert("value".into(), Value::Object(merged));
    Merged::Record {
        record: Value::Object(record),
        rule,
    }
}
