//! What addresses and credit cards have in common: members of `entry`, which are merged one by one (spec §5.7).

use alloc::string::{String, ToString as _};

use sha2::{Digest as _, Sha256};

use super::members::{Choice, added_uses, choose, earliest, latest, names, set};
use super::versions::{Merged, Versions};
use crate::json::{Object, Value};
use crate::reconcile::{Rule, Side};

/// The parts of a name, which old clients need; they are derived from `name`.
const NAME_PARTS: [&str; 3] = ["given-name", "additional-name", "family-name"];
/// Members that do not make two entries different.
const METADATA: [&str; 5] = [
    "version",
    "timeCreated",
    "timeLastModified",
    "timeLastUsed",
    "timesUsed",
];

/// The members of `entry`.
pub(super) fn entry(record: &Value) -> Option<&Object> {
    record.get("entry")?.as_object()
}

/// A hash of the members that make two entries different: the members themselves are secret.
pub(super) fn duplicate_key(record: &Value) -> Option<String> {
    let entry = entry(record)?;
    let has_name = entry.get("name").is_some();
    let mut members = Object::default();
    for (name, value) in entry {
        let is_derived = has_name && NAME_PARTS.contains(&name.as_str());
        let is_empty = matches!(value, Value::Null) || value.as_str() == Some("");
        if !is_derived && !is_empty && !METADATA.contains(&name.as_str()) {
            members.insert(name.clone(), value.clone());
        }
    }
    if members.is_empty() {
        return None;
    }
    let text = zeroize::Zeroizing::new(Value::Object(members).to_string());
    Some(const_hex::encode(Sha256::digest(text.as_bytes())))
}

/// Merges two versions by member of `entry`. Two different values of one member make a fork, except for those of
/// `never_empty`, whose empty value loses.
pub(super) fn merge(versions: &Versions<'_>, never_empty: &[&str]) -> Merged {
    let empty = Object::default();
    let (Some(ours), Some(theirs)) = (entry(versions.ours), entry(versions.theirs)) else {
        return Merged::Record {
            record: versions.theirs.clone(),
            rule: Some(Rule::NewerFieldWins),
        };
    };
    let base = versions.base.map(|base| entry(base).unwrap_or(&empty));
    let mut merged = Object::default();
    let mut name_side = None;
    for name in names(ours, theirs).iter() {
        let name = *name;
        let (our, their) = (ours.get(name), theirs.get(name));
        let known = base.map(|base| base.get(name));
        let is_empty = |value: Option<&Value>| match value {
            Some(Value::Text(text)) => text.is_empty(),
            Some(Value::Null) | None => true,
            Some(_) => false,
        };
        let value = match name {
            "timeCreated" => earliest(our, their),
            "timeLastModified" | "timeLastUsed" => latest(our, their),
            "timesUsed" => added_uses(known.map(|known| known.unwrap_or(&Value::Null)), our, their),
            "version" => their.or(our).cloned(),
            _ if never_empty.contains(&name) && is_empty(their) => our.cloned(),
            _ if never_empty.contains(&name) && is_empty(our) => their.cloned(),
            _ if NAME_PARTS.contains(&name) => continue,
            _ => {
                let side = match choose(known, our, their) {
                    Choice::Same => Side::Theirs,
                    Choice::Only(side) | Choice::Kept(side) => side,
                    // Absent and empty mean the same.
                    Choice::Conflict if is_empty(our) && is_empty(their) => Side::Theirs,
                    Choice::Conflict => return Merged::Fork,
                };
                if name == "name" {
                    name_side = Some(side);
                }
                match side {
                    Side::Ours => our.cloned(),
                    Side::Theirs => their.cloned(),
                }
            }
        };
        set(&mut merged, name, value);
    }
    // The parts belong to the name.
    let parts = |members: &Object| NAME_PARTS.map(|name| members.get(name).cloned());
    let chosen = match name_side {
        Some(Side::Ours) => parts(ours),
        Some(Side::Theirs) => parts(theirs),
        None => match base.map(parts) {
            _ if parts(ours) == parts(theirs) => parts(theirs),
            Some(base) if base == parts(ours) => parts(theirs),
            Some(base) if base == parts(theirs) => parts(ours),
            None if parts(ours).iter().all(Option::is_none) => parts(theirs),
            None if parts(theirs).iter().all(Option::is_none) => parts(ours),
            _ => return Merged::Fork,
        },
    };
    for (name, value) in NAME_PARTS.iter().zip(chosen) {
        set(&mut merged, name, value);
    }
    // Firefox drops what is beside `entry`.
    let mut record = versions.theirs.as_object().cloned().unwrap_or_default();
    record.insert("entry".into(), Value::Object(merged));
    Merged::Record {
        record: Value::Object(record),
        rule: None,
    }
}
