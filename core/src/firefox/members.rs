//! Members of records: which side's value a merge takes, and values of the expected type.

use alloc::string::String;

use crate::json::{Object, Value};
use crate::reconcile::Side;
use crate::sorted::Set;

/// Which value of a member a merge takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// Both have the same value.
    Same,
    /// Only this side changed it.
    Only(Side),
    /// There is no base, and only this side has it: the other may have removed it.
    Kept(Side),
    /// Both changed it.
    Conflict,
}

/// Compares the values of one member. `base` is `None` if there is no base.
pub(super) fn choose(
    base: Option<Option<&Value>>,
    ours: Option<&Value>,
    theirs: Option<&Value>,
) -> Choice {
    match base {
        _ if ours == theirs => Choice::Same,
        Some(base) if base == ours => Choice::Only(Side::Theirs),
        Some(base) if base == theirs => Choice::Only(Side::Ours),
        None if ours.is_none() => Choice::Kept(Side::Theirs),
        None if theirs.is_none() => Choice::Kept(Side::Ours),
        _ => Choice::Conflict,
    }
}

/// The names of the members of both objects, each once.
pub(super) fn names<'a>(ours: &'a Object, theirs: &'a Object) -> Set<&'a str> {
    let names = ours.keys().chain(theirs.keys());
    names.map(String::as_str).collect()
}

/// Sets or removes a member.
pub(super) fn set(object: &mut Object, name: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            object.insert(name.into(), value);
        }
        None => {
            object.remove(name);
        }
    }
}

/// The text of a member; an absent one, null and other types are empty.
pub(super) fn text<'a>(record: &'a Value, name: &str) -> &'a str {
    record.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The whole number of a member; an absent one and other types are zero.
pub(super) fn number(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_u64).unwrap_or_default()
}

/// Counts of uses, which may have grown on both sides.
pub(super) fn added_uses(
    base: Option<&Value>,
    ours: Option<&Value>,
    theirs: Option<&Value>,
) -> Option<Value> {
    ours.or(theirs)?;
    let (ours, theirs) = (number(ours), number(theirs));
    let sum = match base {
        None => ours.max(theirs),
        Some(base) => {
            let base = number(Some(base));
            let grown = ours.saturating_sub(base);
            base.saturating_add(grown)
                .saturating_add(theirs.saturating_sub(base))
        }
    };
    Some(sum.into())
}

/// The later of two times; zero and invalid ones do not count.
pub(super) fn latest(ours: Option<&Value>, theirs: Option<&Value>) -> Option<Value> {
    ours.or(theirs)?;
    Some(number(ours).max(number(theirs)).into())
}

/// The earlier of two times; zero and invalid ones do not count.
pub(super) fn earliest(ours: Option<&Value>, theirs: Option<&Value>) -> Option<Value> {
    ours.or(theirs)?;
    let times = [number(ours), number(theirs)];
    let known = times.into_iter().filter(|time| *time > 0).min();
    Some(known.unwrap_or_default().into())
}
