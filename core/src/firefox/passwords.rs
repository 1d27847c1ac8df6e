//! Logins (spec §6.4): merged by member; of two new passwords the later one stays, and counts of uses are added.

use alloc::string::String;

use super::judgement::{Corrected, Judgement};
use super::members::{Choice, added_uses, choose, earliest, latest, names, number, set, text};
use super::versions::{Merged, Versions};
use crate::json::{Object, Value};
use crate::reconcile::{Rule, Side};

/// The last date of JavaScript, in milliseconds.
const MAX_DATE: u64 = 8_640_000_000_000_000;

/// The members that say for what a login is used: exactly one of them is set.
const TARGETS: [&str; 2] = ["formSubmitURL", "httpRealm"];

/// Whether a downloaded login can be used.
///
/// ```
/// use selvedge_core::firefox::{Judgement, passwords};
///
/// let login = r#"{"hostname":"https://shop.example","formSubmitURL":"","username":"ann","password":"x7!"}"#;
/// assert_eq!(passwords::validate(&login.parse()?), Judgement::Valid);
/// assert!(matches!(passwords::validate(&"{}".parse()?), Judgement::Refuse(_)));
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[must_use]
pub fn validate(record: &Value) -> Judgement {
    let is_set = |name: &&str| !text(record, name).is_empty();
    let has = |name| record.get(name).and_then(Value::as_str).is_some();
    if !["hostname", "password"].iter().all(is_set) {
        return Judgement::Refuse("a login needs hostname and password, not empty");
    }
    if !has("formSubmitURL") && !has("httpRealm") {
        return Judgement::Refuse("a login needs formSubmitURL or httpRealm");
    }
    let members = [
        "hostname",
        "formSubmitURL",
        "httpRealm",
        "username",
        "password",
        "usernameField",
        "passwordField",
    ];
    let is_broken = |name: &&str| text(record, name).contains(['\0', '\r', '\n']);
    if members.iter().any(is_broken) {
        return Judgement::Refuse("a login's members must not contain line breaks");
    }
    let is_dot = |name| text(record, name) == ".";
    if is_dot("usernameField") || is_dot("formSubmitURL") {
        return Judgement::Refuse("usernameField and formSubmitURL must not be a dot");
    }
    if text(record, "hostname").contains(" (") {
        return Judgement::Refuse("hostname must be an origin, like https://example.org");
    }
    let times = ["timeCreated", "timePasswordChanged"];
    if times.iter().any(|name| number(record.get(name)) > MAX_DATE) {
        return Judgement::Refuse("timeCreated and timePasswordChanged must be dates");
    }
    match (has("formSubmitURL"), has("httpRealm")) {
        (true, true) if text(record, "formSubmitURL").is_empty() => {
            Judgement::Refuse("a login has formSubmitURL or httpRealm, not both")
        }
        (true, true) if is_set(&"httpRealm") => {
            // Phones use the form and drop the realm; a desktop ignores the record until one of them is gone.
            let mut corrected = record.as_object().cloned().unwrap_or_default();
            corrected.insert("httpRealm".into(), Value::Null);
            Judgement::Reupload(Corrected::new(&Value::Object(corrected)))
        }
        _ => Judgement::Valid,
    }
}

/// What makes two logins the same: origin, action or realm, and user name. The password does not count.
///
/// ```
/// use selvedge_core::firefox::passwords;
///
/// let login = |user: &str| format!(r#"{{"hostname":"https://a.example","httpRealm":"R","username":"{user}"}}"#);
/// let key = |user| passwords::duplicate_key(&login(user).parse().unwrap());
/// assert_eq!(key("ann"), key("ann"));
/// assert_ne!(key("ann"), key("bob"));
/// ```
#[must_use]
pub fn duplicate_key(record: &Value) -> Option<String> {
    let hostname = record.get("hostname")?.as_str()?;
    let target = |name| record.get(name).and_then(Value::as_str);
    let (kind, target) = match (target("formSubmitURL"), target("httpRealm")) {
        (Some(action), _) => ("form", action),
        (None, Some(realm)) => ("realm", realm),
        (None, None) => return None,
    };
    let parts: Value = [kind, hostname, target, text(record, "username")]
        .into_iter()
        .collect();
    Some(alloc::string::ToString::to_string(&parts))
}

/// Whether Firefox would treat two logins as the same one: an empty action is that of every form of the site.
///
/// ```
/// use selvedge_core::firefox::passwords;
///
/// let any = r#"{"hostname":"https://a.example","formSubmitURL":"","username":"ann"}"#.parse()?;
/// let one = r#"{"hostname":"https://a.example","formSubmitURL":"https://a.example","username":"ann"}"#.parse()?;
/// assert!(passwords::is_duplicate(&any, &one));
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[must_use]
pub fn is_duplicate(one: &Value, other: &Value) -> bool {
    let same = |name| text(one, name) == text(other, name);
    let action = |record: &Value| {
        record
            .get("formSubmitURL")
            .and_then(Value::as_str)
            .map(String::from)
    };
    let is_same_action = match (action(one), action(other)) {
        (Some(a), Some(b)) => a == b || a.is_empty() || b.is_empty(),
        (None, None) => true,
        _ => false,
    };
    same("hostname") && same("httpRealm") && same("username") && is_same_action
}

/// Merges two versions of a login.
///
/// - A member that only one side changed comes from that side; of two changes the newer side's stays.
/// - Of two new passwords the one with the later `timePasswordChanged` stays, or the newer side's if one of them was changed
///   without that time; it never goes back.
/// - `formSubmitURL` and `httpRealm` come from one side, so that exactly one stays set.
/// - Uses are added; the last use is the later one; the creation is the earlier one.
/// - Without a base the version with the later `timePasswordChanged` wins as a whole, the server's on a tie; members that
///   only the other one has are kept.
#[must_use]
pub fn merge(versions: &Versions<'_>) -> Merged {
    let empty = Object::default();
    let members = |value: &'_ Value| value.as_object().cloned().unwrap_or_default();
    let (ours, theirs) = (members(versions.ours), members(versions.theirs));
    let base = versions.base.map(|base| base.as_object().unwrap_or(&empty));
    let (our_time, their_time) = (
        number(ours.get("timePasswordChanged")),
        number(theirs.get("timePasswordChanged")),
    );
    let base_time = base.map(|base| number(base.get("timePasswordChanged")));
    let later = match our_time.cmp(&their_time) {
        // A program that changed the password without its time: when it did is known of the record only.
        _ if [our_time, their_time].map(Some).contains(&base_time) => versions.newer,
        core::cmp::Ordering::Greater => Side::Ours,
        core::cmp::Ordering::Less => Side::Theirs,
        core::cmp::Ordering::Equal if base.is_some() => versions.newer,
        core::cmp::Ordering::Equal => Side::Theirs,
    };
    let side = |side| match side {
        Side::Ours => &ours,
        Side::Theirs => &theirs,
    };
    let mut record = Object::default();
    let mut rule = None;
    let mut conflict_of = |name: &str| {
        rule = Some(Rule::NewerFieldWins);
        if base.is_none() || name == "password" {
            later
        } else {
            versions.newer
        }
    };
    let target = |members: &Object| {
        let target = TARGETS.map(|name| members.get(name).cloned().unwrap_or(Value::Null));
        target.into_iter().collect::<alloc::vec::Vec<_>>()
    };
    let (our_target, their_target) = (target(&ours), target(&theirs));
    let target_side = if our_target == their_target {
        Side::Theirs
    } else {
        match base.map(target) {
            Some(base) if base == our_target => Side::Theirs,
            Some(base) if base == their_target => Side::Ours,
            _ => conflict_of("formSubmitURL"),
        }
    };
    for name in names(&ours, &theirs).iter() {
        let name = *name;
        let (our, their) = (ours.get(name), theirs.get(name));
        let known = base.and_then(|base| base.get(name));
        let value = match name {
            "timesUsed" => added_uses(base.map(|_| known.unwrap_or(&Value::Null)), our, their),
            "timeLastUsed" | "timePasswordChanged" => latest(our, their),
            "timeCreated" => earliest(our, their),
            _ if TARGETS.contains(&name) => side(target_side).get(name).cloned(),
            _ => match choose(base.map(|_| known), our, their) {
                Choice::Same => our.cloned(),
                Choice::Only(from) | Choice::Kept(from) => side(from).get(name).cloned(),
                Choice::Conflict => side(conflict_of(name)).get(name).cloned(),
            },
        };
        set(&mut record, name, value);
    }
    Merged::Record {
        record: Value::Object(record),
        rule,
    }
}
