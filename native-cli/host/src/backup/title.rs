//! What a person calls a record: never a secret.

use serde_json::Value;

/// Maximum number of characters of a title.
const MAX_CHARS: usize = 80;

/// A record's title by its collection, if it has one: the title of a bookmark, the site and user name of a login. Cards
/// and unknown collections have only what is named like a title.
///
/// ```
/// use selvedge_host::backup::title::title;
///
/// let login = r#"{"id":"x","hostname":"https://a.example","username":"ada","password":"secret"}"#;
/// assert_eq!(title("passwords", login).as_deref(), Some("https://a.example (ada)"));
/// ```
#[must_use]
pub fn title(collection: &str, cleartext: &str) -> Option<String> {
    let value: Value = serde_json::from_str(cleartext).ok()?;
    let text = |value: &Value, name: &str| {
        let found = value.get(name).and_then(Value::as_str).map(str::trim);
        found.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let first = |names: &[&str]| names.iter().find_map(|name| text(&value, name));
    let found = match collection {
        "bookmarks" => first(&["title", "bmkUri", "type"]),
        "passwords" => match (text(&value, "hostname"), text(&value, "username")) {
            (Some(site), Some(user)) => Some(format!("{site} ({user})")),
            (site, _) => site,
        },
        "history" => first(&["title", "histUri"]),
        "tabs" => first(&["clientName"]),
        "forms" => first(&["name"]),
        "addons" => first(&["addonID"]),
        "extension-storage" => first(&["extId"]),
        "addresses" => value
            .get("entry")
            .and_then(|entry| text(entry, "name").or_else(|| text(entry, "street-address"))),
        "creditcards" => value.get("entry").and_then(|entry| text(entry, "cc-name")),
        _ => first(&["title", "name"]),
    }?;
    if found.chars().count() <= MAX_CHARS {
        return Some(found);
    }
    Some(found.chars().take(MAX_CHARS - 1).chain(['…']).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row() {
        for (collection, cleartext, expected) in [
            ("bookmarks", r#"{"title":"A","bmkUri":"u"}"#, Some("A")),
            ("bookmarks", r#"{"title":" ","bmkUri":"u"}"#, Some("u")),
            ("bookmarks", r#"{"type":"separator"}"#, Some("separator")),
            ("passwords", r#"{"hostname":"h","password":"p"}"#, Some("h")),
            ("passwords", r#"{"password":"p"}"#, None),
            ("history", r#"{"histUri":"u","title":null}"#, Some("u")),
            ("tabs", r#"{"clientName":"Attic"}"#, Some("Attic")),
            ("forms", r#"{"name":"q","value":"v"}"#, Some("q")),
            ("addons", r#"{"addonID":"a@b"}"#, Some("a@b")),
            ("extension-storage", r#"{"extId":"e"}"#, Some("e")),
            (
                "addresses",
                r#"{"entry":{"street-address":"s"}}"#,
                Some("s"),
            ),
            (
                "creditcards",
                r#"{"entry":{"cc-name":"Ada","cc-number":"4"}}"#,
                Some("Ada"),
            ),
            ("creditcards", r#"{"entry":{"cc-number":"4"}}"#, None),
            ("notes", r#"{"name":"n"}"#, Some("n")),
            ("notes", r#"{"text":"t"}"#, None),
            ("notes", "not JSON", None),
        ] {
            assert_eq!(
                title(collection, cleartext).as_deref(),
                expected,
                "{collection} {cleartext}"
            );
        }
        let long = format!("{{\"title\":\"{}\"}}", "ä".repeat(200));
        assert_eq!(title("notes", &long).unwrap().chars().count(), MAX_CHARS);
    }
}
