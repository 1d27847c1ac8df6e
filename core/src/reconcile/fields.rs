//! A cleartext as its top-level fields, each kept as its original text, so that unknown fields stay unchanged.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::side::Side;
use crate::json::scanner::Scanner;
use crate::json::{Value, has_unpaired, push_lossless_text};
use crate::sorted::Set;

/// A text that is not a JSON object.
///
/// ```
/// use selvedge_core::reconcile::Fields;
///
/// assert_eq!(Fields::parse("[]").unwrap_err().to_string(), "a record must be a JSON object");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record must be a JSON object")]
pub struct NotAnObject;

/// The top-level fields of a JSON object, in their order; of two fields with the same name the last one wins (spec
/// §0.9).
///
/// ```
/// use selvedge_core::reconcile::Fields;
///
/// let fields = Fields::parse(r#"{"id":"a","deep":{"x":[1, 2]}}"#)?;
/// assert_eq!(fields.get("deep"), Some(r#"{"x":[1, 2]}"#));
/// # Ok::<(), selvedge_core::reconcile::NotAnObject>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Fields<'a>(Vec<(String, &'a str)>);

impl<'a> Fields<'a> {
    /// Splits a JSON object.
    ///
    /// # Errors
    /// When the text is not a JSON object.
    pub fn parse(text: &'a str) -> Result<Self, NotAnObject> {
        let mut fields = Vec::new();
        let mut scanner = Scanner::new(text.as_bytes());
        let read = scanner.object(|name, scanner| {
            let value = core::str::from_utf8(scanner.value()?).ok()?;
            fields.push((name.into_lossless()?, value));
            Some(())
        });
        match read.and_then(|()| scanner.end()) {
            Some(()) => Ok(Self(fields)),
            None => Err(NotAnObject),
        }
    }

    /// The JSON text of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.0
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| *value)
    }

    /// The name of a field whose text contains an unpaired surrogate that the same field of `earlier` does not contain:
    /// such texts are preserved but never created (spec §0.9).
    pub(crate) fn new_unpaired_surrogate(&self, earlier: Option<&Fields<'_>>) -> Option<&str> {
        let is_new = |name: &&str| {
            let value = self.get(name).unwrap_or_default();
            let has = has_unpaired(value) || name.contains('\u{FFFF}');
            let was = earlier.and_then(|earlier| earlier.get(name));
            has && !same(was, Some(value))
        };
        self.names().find(is_new)
    }

    /// The names of the fields, in their order; a duplicate name appears twice.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// This object after applying `patch`; a `null` in the patch removes a field (RFC 7396, top level only).
    #[must_use]
    pub fn patched(&self, patch: &Fields<'_>) -> String {
        let mut writer = ObjectWriter::default();
        let mut seen = Set::new();
        for name in self.names().chain(patch.names()) {
            if seen.insert(name) {
                match patch.get(name).or_else(|| self.get(name)) {
                    Some("null") if patch.get(name).is_some() => {}
                    Some(value) => writer.field(name, value),
                    None => {}
                }
            }
        }
        writer.finish()
    }

    /// This object with the values that these fields have in `other`, if they exist there.
    #[must_use]
    pub fn with_fields_of(&self, other: &Fields<'_>, names: &[String]) -> String {
        let mut writer = ObjectWriter::default();
        let mut seen = Set::new();
        for name in self.names() {
            if seen.insert(name) {
                let is_named = names.iter().any(|named| named == name);
                let theirs = other.get(name).filter(|_| is_named);
                writer.field(name, theirs.or_else(|| self.get(name)).unwrap_or("null"));
            }
        }
        writer.finish()
    }

    /// This object with `name` set to a JSON text.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> String {
        let mut writer = ObjectWriter::default();
        writer.field(name, value);
        let mut seen = Set::from([name]);
        for field in self.names() {
            if seen.insert(field) {
                writer.field(field, self.get(field).unwrap_or("null"));
            }
        }
        writer.finish()
    }

    /// Merges field by field: a field that only one side changed since the base comes from that side; a field that both
    /// changed comes from `newer`, and its name is added to the conflicts. A server field equal to the sent version is
    /// not a change of the server's side. Without a base, a field that only one side has is kept.
    #[must_use]
    pub fn merge(known: &Known<'_>, ours: &Fields<'_>, theirs: &Fields<'_>, newer: Side) -> Merged {
        let mut writer = ObjectWriter::default();
        let mut conflicts = Vec::new();
        let mut is_unsure = false;
        let mut seen = Set::new();
        for name in theirs.names().chain(ours.names()) {
            if !seen.insert(name) {
                continue;
            }
            let (our, their) = (ours.get(name), theirs.get(name));
            let sent = known.sent.as_ref().map(|sent| sent.get(name));
            let chosen = match &known.base {
                _ if same(our, their) => our,
                _ if sent.is_some_and(|sent| same(sent, their)) => our,
                Some(base) if same(base.get(name), our) => their,
                Some(base) if same(base.get(name), their) => {
                    // Either the upload never arrived, or the other side changed the field back.
                    is_unsure |= sent.is_some_and(|sent| same(sent, our));
                    our
                }
                None if our.is_none() || their.is_none() => {
                    is_unsure = true;
                    our.or(their)
                }
                _ => {
                    conflicts.push(name.to_string());
                    match newer {
                        Side::Ours => our,
                        Side::Theirs => their,
                    }
                }
            };
            if let Some(value) = chosen {
                writer.field(name, value);
            }
        }
        Merged {
            cleartext: writer.finish(),
            conflicts,
            is_unsure,
        }
    }
}

/// The known common ancestors of a merge.
///
/// ```
/// use selvedge_core::reconcile::Known;
///
/// assert!(Known::default().base.is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Known<'a> {
    /// The last known server version.
    pub base: Option<Fields<'a>>,
    /// The version that was sent since and is not acknowledged.
    pub sent: Option<Fields<'a>>,
}

/// The result of [`Fields::merge`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The merged JSON object.
    pub(super) cleartext: String,
    /// The names of the fields that both sides changed.
    pub(super) conflicts: Vec<String>,
    /// Whether a field was kept although one side may have removed it or changed it back.
    pub(super) is_unsure: bool,
}

#[derive(Default)]
struct ObjectWriter(String);

impl ObjectWriter {
    fn field(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        push_lossless_text(&mut self.0, name);
        self.0.push(':');
        self.0.push_str(value);
    }

    fn finish(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

fn same(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => has_same_content(a, b),
        (None, None) => true,
        _ => false,
    }
}

/// Whether two JSON texts have the same content, regardless of whitespace and the order of members.
///
/// ```
/// use selvedge_core::reconcile::has_same_content;
///
/// assert!(has_same_content(r#"{"a":1,"b":2}"#, r#"{ "b": 2, "a": 1 }"#));
/// assert!(!has_same_content(r#"{"a":1}"#, r#"{"a":"1"}"#));
/// ```
#[must_use]
pub fn has_same_content(a: &str, b: &str) -> bool {
    let value = |text: &str| text.parse::<Value>().ok();
    a == b || matches!((value(a), value(b)), (Some(a), Some(b)) if a == b)
}

#[cfg(test)]
mod tests;
