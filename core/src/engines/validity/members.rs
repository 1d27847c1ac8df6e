//! The rules for the members of a single record, by collection (spec §6).

use alloc::vec::Vec;

use crate::ids::Guid;
use crate::json::Value;

/// Maximum number of characters of a URL.
const MAX_URL: usize = 65_536;
/// The maximum date of JavaScript, in milliseconds since the Unix epoch.
const MAX_DATE: u64 = 8_640_000_000_000_000;

pub(super) const TYPED: [&str; 10] = [
    "addons",
    "addresses",
    "bookmarks",
    "creditcards",
    "extension-storage",
    "forms",
    "history",
    "passwords",
    "prefs",
    "tabs",
];

/// Whether Firefox has rules for the collection's records.
pub(super) fn is_typed(collection: &str) -> bool {
    TYPED.contains(&collection)
}

/// The root folders of every bookmark tree.
pub(super) fn is_root(id: &str) -> bool {
    matches!(id, "menu" | "toolbar" | "unfiled" | "mobile")
}

/// The rule that a record violates.
pub(super) fn fault(collection: &str, id: &str, record: &Value) -> Option<&'static str> {
    let record = Members(record);
    match collection {
        "bookmarks" => bookmark(id, record),
        "passwords" => password(record),
        "history" => page(id, record),
        "forms" => (!record.are_filled(&["name", "value"]))
            .then_some("name and value must be strings, not empty"),
        "tabs" => tabs(record),
        "addons" => {
            let is_whole = record.are_filled(&["addonID", "applicationID"])
                && matches!(record.0.get("enabled"), Some(Value::Bool(_)))
                && record.text("source") == Some("amo");
            (!is_whole).then_some(
                "it needs addonID and applicationID as strings, enabled as true or false, and the source amo",
            )
        }
        "prefs" => {
            let values = record.0.get("value").and_then(Value::as_object);
            let is_scalar = |value: &Value| !matches!(value, Value::Array(_) | Value::Object(_));
            let is_whole = values.is_some_and(|values| values.values().all(is_scalar));
            (!is_whole)
                .then_some("value must be an object of strings, numbers, true, false and null")
        }
        "addresses" => autofill(record, 1, "entry must be an object with version 1"),
        "creditcards" => autofill(record, 3, "entry must be an object with version 3"),
        "extension-storage" => {
            let is_object = |text: &str| matches!(text.parse(), Ok(Value::Object(_)));
            let is_whole =
                record.are_filled(&["extId"]) && record.text("data").is_some_and(is_object);
            (!is_whole).then_some("extId must be a string, and data the JSON text of an object")
        }
        _ => None,
    }
}

/// The rule that a change violates, although the record by itself is valid.
pub(super) fn fault_of_change(
    collection: &str,
    before: &Value,
    after: &Value,
) -> Option<&'static str> {
    let differs = |name: &str| before.get(name) != after.get(name);
    match collection {
        "bookmarks" => (kind(before).is_some() && kind(before) != kind(after))
            .then_some("its type cannot change: delete it and put another one"),
        "forms" => (differs("name") || differs("value"))
            .then_some("name and value of an entry cannot change: delete it and put another one"),
        _ => None,
    }
}

/// The kind of a bookmark record; a bookmark and a query may be converted into each other.
fn kind(record: &Value) -> Option<&str> {
    let kind = record.get("type")?.as_str()?;
    Some(if kind == "query" { "bookmark" } else { kind })
}

#[derive(Clone, Copy)]
struct Members<'a>(&'a Value);

impl<'a> Members<'a> {
    fn text(self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_str()
    }

    fn are_filled(self, names: &[&str]) -> bool {
        let is_filled = |name: &&str| self.text(name).is_some_and(|text| !text.is_empty());
        names.iter().all(is_filled)
    }

    fn list(self, name: &str) -> Option<&'a [Value]> {
        self.0.get(name)?.as_array()
    }
}

fn bookmark(id: &str, record: Members<'_>) -> Option<&'static str> {
    let is_id = |id: &str| is_root(id) || Guid::is_valid(id);
    if !is_id(id) {
        return Some(
            "its id must be 12 of A-Z, a-z, 0-9, - and _, or menu, toolbar, unfiled or mobile",
        );
    }
    let is_parent = |parent: &str| {
        if is_root(id) {
            parent == "places"
        } else {
            is_id(parent)
        }
    };
    if !record.text("parentid").is_some_and(is_parent) {
        return Some(
            "parentid must be the id of its folder, or places for menu, toolbar, unfiled and mobile",
        );
    }
    match record.text("type") {
        Some("folder") => {}
        Some("separator") if !is_root(id) => return None,
        Some("bookmark" | "query") if !is_root(id) => {
            let is_storable = record.text("bmkUri").is_some_and(is_url);
            return (!is_storable)
                .then_some("bmkUri must be an absolute URL of at most 65,536 characters");
        }
        _ => {
            return Some(
                "type must be bookmark, query, folder or separator; menu, toolbar, unfiled and mobile are folders",
            );
        }
    }
    let children = record.0.get("children")?;
    let is_child = |child: &Value| child.as_str().is_some_and(Guid::is_valid);
    let children = children.as_array().unwrap_or(&[Value::Null]);
    let mut ids: Vec<_> = children.iter().map(Value::as_str).collect();
    ids.sort_unstable();
    let is_repeated = ids.array_windows().any(|[one, other]| one == other);
    (is_repeated || !children.iter().all(is_child))
        .then_some("children must be a list of ids without duplicates")
}

fn password(record: Members<'_>) -> Option<&'static str> {
    if !record.are_filled(&["hostname", "password"]) {
        return Some("hostname and password must be strings, not empty");
    }
    let (form, realm) = (record.text("formSubmitURL"), record.text("httpRealm"));
    let is_one_target = match (form, realm) {
        (None, None) => false,
        (Some(form), Some(realm)) => !form.is_empty() && realm.is_empty(),
        _ => true,
    };
    if !is_one_target {
        return Some("it needs formSubmitURL or httpRealm, and not both");
    }
    let names = [
        "hostname",
        "formSubmitURL",
        "httpRealm",
        "username",
        "password",
        "usernameField",
        "passwordField",
    ];
    let is_clean = |name: &&str| match record.0.get(name) {
        None | Some(Value::Null) => true,
        Some(Value::Text(text)) => !text.contains(['\0', '\r', '\n']),
        Some(_) => false,
    };
    if !names.iter().all(is_clean) {
        return Some("its members must be strings without line breaks");
    }
    let is_dot = |name| record.text(name) == Some(".");
    if is_dot("usernameField") || is_dot("formSubmitURL") {
        return Some("usernameField and formSubmitURL must not be a dot");
    }
    if record
        .text("hostname")
        .is_some_and(|host| host.contains(" ("))
    {
        return Some("hostname must be an origin, like https://example.org");
    }
    let is_date = |name| match record.0.get(name) {
        Some(number @ Value::Number(_)) => number.as_u64().is_some_and(|date| date <= MAX_DATE),
        _ => true,
    };
    let are_dates = is_date("timeCreated") && is_date("timePasswordChanged");
    (!are_dates).then_some("timeCreated and timePasswordChanged must be whole milliseconds")
}

fn page(id: &str, record: Members<'_>) -> Option<&'static str> {
    if !Guid::is_valid(id) {
        return Some("its id must be 12 of A-Z, a-z, 0-9, - and _");
    }
    let is_storable = |url: &str| {
        let scheme = url
            .split(':')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        is_url(url)
            && !matches!(
                &*scheme,
                "about"
                    | "file"
                    | "chrome"
                    | "resource"
                    | "blob"
                    | "data"
                    | "javascript"
                    | "moz-extension"
                    | "view-source"
            )
    };
    if !record.text("histUri").is_some_and(is_storable) {
        return Some("histUri must be the absolute URL of a web page, at most 65,536 characters");
    }
    let is_visit = |visit: &Value| {
        let number = |name| visit.get(name).and_then(Value::as_u64);
        number("date").is_some_and(|date| date > 0)
            && number("type").is_some_and(|kind| (1..=9).contains(&kind))
    };
    let are_visits = record
        .list("visits")
        .is_some_and(|visits| visits.iter().all(is_visit));
    (!are_visits).then_some("visits must be a list of {date, type}: whole microseconds, and 1 to 9")
}

fn tabs(record: Members<'_>) -> Option<&'static str> {
    let is_tab = |tab: &Value| {
        let tab = Members(tab);
        let is_text = |value: &Value| value.as_str().is_some();
        tab.text("title").is_some()
            && tab
                .list("urlHistory")
                .is_some_and(|urls| urls.iter().all(is_text))
            && tab.0.get("lastUsed").and_then(Value::as_u64).is_some()
    };
    let is_whole = record.text("clientName").is_some()
        && record
            .list("tabs")
            .is_some_and(|tabs| tabs.iter().all(is_tab));
    (!is_whole).then_some(
        "it needs clientName, and tabs with title, urlHistory and lastUsed in whole seconds each",
    )
}

fn autofill(record: Members<'_>, version: u64, rule: &'static str) -> Option<&'static str> {
    let Some(entry @ Value::Object(members)) = record.0.get("entry") else {
        return Some(rule);
    };
    if entry.get("version").and_then(Value::as_u64) != Some(version) {
        return Some(rule);
    }
    let is_whole = |(name, value): (&alloc::string::String, &Value)| match name.as_str() {
        "cc-exp-month" | "cc-exp-year" | "timeCreated" | "timeLastModified" | "timeLastUsed"
        | "timesUsed" => value.as_u64().is_some(),
        "name" | "given-name" | "additional-name" | "family-name" | "organization"
        | "street-address" | "address-level1" | "address-level2" | "address-level3"
        | "postal-code" | "country" | "tel" | "email" | "cc-name" | "cc-number" | "cc-type" => {
            value.as_str().is_some()
        }
        _ => true,
    };
    (!members.iter().all(is_whole)).then_some(
        "the members of entry must be strings; expiry, times and counts must be whole numbers",
    )
}

/// Whether Firefox stores this URL. The host is checked only for schemes whose URLs always have one.
pub(super) fn is_url(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once(':') else {
        return false;
    };
    let mut letters = scheme.bytes();
    let is_scheme = letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme || url.encode_utf16().count() > MAX_URL {
        return false;
    }
    if !["http", "https", "ftp", "ws", "wss"].contains(&&*scheme.to_ascii_lowercase()) {
        return true;
    }
    let rest = rest.trim_start_matches(['/', '\\']);
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (host, ""),
    };
    let is_bad = |letter: char| letter.is_control() || " <>^|%\"`{}".contains(letter);
    !host.is_empty() && !host.contains(is_bad) && (port.is_empty() || port.parse::<u16>().is_ok())
}
