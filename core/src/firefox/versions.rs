//! The versions of a record that are merged, and the result.

use crate::json::{Object, Value};
use crate::reconcile::{Rule, Side};

/// The versions of a record that are merged. They may contain secrets, so they are not printed.
///
/// ```
/// use selvedge_core::firefox::{Merged, Versions, passwords};
/// use selvedge_core::json::Value;
/// use selvedge_core::reconcile::Side;
///
/// let base: Value = r#"{"password":"a","username":"ann"}"#.parse()?;
/// let ours: Value = r#"{"password":"b","username":"ann"}"#.parse()?;
/// let theirs: Value = r#"{"password":"a","username":"anna"}"#.parse()?;
/// let merged = passwords::merge(&Versions { base: Some(&base), ours: &ours, theirs: &theirs, newer: Side::Ours });
/// let Merged::Record { record, rule } = merged else { panic!("logins are never forked") };
/// assert_eq!((record.to_string().as_str(), rule), (r#"{"password":"b","username":"anna"}"#, None));
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[allow(missing_debug_implementations, reason = "it may contain secrets")]
#[derive(Clone, Copy)]
pub struct Versions<'a> {
    /// The last version that both sides had, if it is known.
    pub base: Option<&'a Value>,
    /// This device's version.
    pub ours: &'a Value,
    /// The server's version.
    pub theirs: &'a Value,
    /// The side with the later change.
    pub newer: Side,
}

/// The result of a merge. It may contain secrets, so it is not printed.
#[allow(missing_debug_implementations, reason = "it may contain secrets")]
#[derive(Clone, PartialEq, Eq)]
pub enum Merged {
    /// One record.
    Record {
        /// The merged JSON object.
        record: Value,
        /// The rule by which a value of one side was dropped.
        rule: Option<Rule>,
    },
    /// Both changed the same: the server's version keeps the id, and this device's version becomes a new record.
    Fork,
}

/// The base of a merge: the last known version of the server, with the members that arrived of the version that was sent
/// since. A member of the server that is equal to the sent one is not a change of another device.
pub(super) fn common_base(
    base: Option<&Value>,
    sent: Option<&Value>,
    theirs: &Value,
) -> Option<Value> {
    let Some(sent) = sent else {
        return base.cloned();
    };
    let Some(base) = base else {
        return Some(sent.clone());
    };
    if sent == theirs {
        return Some(theirs.clone());
    }
    let (Value::Object(known), Value::Object(ours), Value::Object(there)) = (base, sent, theirs)
    else {
        return Some(base.clone());
    };
    let mut members = Object::new();
    for name in known.keys().chain(there.keys()) {
        let (sent, there) = (ours.get(name), there.get(name));
        let value = match (known.get(name), sent, there) {
            (_, sent, there) if sent == there => there.cloned(),
            (Some(base), Some(sent), Some(there)) => common_base(Some(base), Some(sent), there),
            (base, ..) => base.cloned(),
        };
        if let Some(value) = value {
            members.insert(name.clone(), value);
        }
    }
    Some(Value::Object(members))
}
