//! The secrets among the records' fields: they are shown only on request.

use std::borrow::Cow;

use selvedge_core::ids::CollectionName;
use selvedge_core::reconcile::Fields;

/// The secrets of a collection's records, if they are to be hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hidden {
    /// Each secret with the field that it is a member of, if it is not a field itself.
    secrets: &'static [(Option<&'static str>, &'static str)],
    /// Their name for people.
    name: &'static str,
}

/// The replacement of a secret where a cell cannot be omitted.
pub(super) const MASK: &str = "(hidden)";

impl Hidden {
    /// The hidden fields of a collection's records.
    pub(super) fn of(collection: &CollectionName, show_secrets: bool) -> Self {
        let (secrets, name): (&'static [_], _) = match collection.as_str() {
            _ if show_secrets => (&[], ""),
            "passwords" => (&[(None, "password")], "passwords"),
            "creditcards" => (&[(Some("entry"), "cc-number")], "card numbers"),
            _ => (&[], ""),
        };
        Self { secrets, name }
    }

    /// The note for people, if something is hidden.
    pub(super) fn note(&self) -> Option<String> {
        let is_any = !self.secrets.is_empty();
        is_any.then(|| format!("The {} are hidden; --show-secrets shows them.", self.name))
    }

    /// Whether the whole field is a secret.
    pub(super) fn is_secret(&self, field: &str) -> bool {
        self.secrets
            .iter()
            .any(|(parent, name)| parent.is_none() && *name == field)
    }

    /// A record without its secrets. A text that is not a JSON object is hidden as a whole if the collection has
    /// secrets.
    pub(super) fn without_secrets<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut shown = Cow::Borrowed(text);
        for (parent, name) in self.secrets {
            let without = match parent {
                None => removed(&shown, name),
                Some(parent) => within(&shown, parent, name),
            };
            match without {
                Some(Ok(without)) => shown = Cow::Owned(without),
                Some(Err(())) => return Cow::Borrowed("{}"),
                None => {}
            }
        }
        shown
    }
}

/// An object without a field; `None` if the field is missing.
fn removed(object: &str, name: &str) -> Option<Result<String, ()>> {
    let Ok(fields) = Fields::parse(object) else {
        return Some(Err(()));
    };
    fields.get(name)?;
    let patch = serde_json::json!({ name: null }).to_string();
    let patch = Fields::parse(&patch).map_err(|_| ());
    Some(patch.map(|patch| fields.patched(&patch)))
}

/// An object whose member `parent` is without a field.
fn within(object: &str, parent: &str, name: &str) -> Option<Result<String, ()>> {
    let Ok(fields) = Fields::parse(object) else {
        return Some(Err(()));
    };
    match removed(fields.get(parent)?, name)? {
        Ok(without) => Some(Ok(fields.with(parent, &without))),
        // The value is not an object as expected: its text may contain anything.
        Err(()) => Some(Ok(fields.with(parent, "null"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(collection: &str, show: bool) -> Hidden {
        Hidden::of(&CollectionName::new(collection).unwrap(), show)
    }

    #[test]
    fn secrets_are_left_out_and_all_else_stays() {
        let login = r#"{"id":"a","password":"pass","username":"ada","deep":{"password":1}}"#;
        let card = r#"{"id":"c","entry":{"cc-name":"Ada","cc-number":"4111"},"x":1}"#;
        for (collection, show, text, expected) in [
            (
                "passwords",
                false,
                login,
                r#"{"id":"a","username":"ada","deep":{"password":1}}"#,
            ),
            ("passwords", true, login, login),
            ("notes", false, login, login),
            ("passwords", false, r#"{"id":"a"}"#, r#"{"id":"a"}"#),
            ("passwords", false, "\"text\"", "{}"),
            ("creditcards", true, card, card),
            ("creditcards", false, r#"{"id":"c"}"#, r#"{"id":"c"}"#),
        ] {
            let shown = hidden(collection, show).without_secrets(text).into_owned();
            assert_eq!(shown, expected, "{collection} {text}");
        }
        let shown = hidden("creditcards", false).without_secrets(card);
        assert!(!shown.contains("4111"), "{shown}");
        assert!(
            shown.contains("\"cc-name\":\"Ada\"") && shown.contains("\"x\":1"),
            "{shown}"
        );
        let odd = r#"{"id":"c","entry":"4111"}"#;
        assert!(
            !hidden("creditcards", false)
                .without_secrets(odd)
                .contains("4111")
        );
    }

    #[test]
    fn a_doubled_field_is_hidden_whichever_counts() {
        let twice = r#"{"password":"one","id":"a","password":"two"}"#;
        let shown = hidden("passwords", false)
            .without_secrets(twice)
            .into_owned();
        assert_eq!(shown, r#"{"id":"a"}"#);
    }
}
