//! Which records are tombstones: the one rule for all readers and writers (spec §5.4).

use memchr::memmem::Finder;

use super::fields::Fields;

/// Finds tombstones among many cleartexts.
///
/// ```
/// use selvedge_core::reconcile::TombstoneFinder;
///
/// let tombstones = TombstoneFinder::default();
/// assert!(tombstones.is_tombstone(r#"{"id":"7vO3Zcdu6V4I","deleted":true}"#));
/// assert!(!tombstones.is_tombstone(r#"{"id":"7vO3Zcdu6V4I","title":"deleted"}"#));
/// ```
#[derive(Debug, Clone)]
pub struct TombstoneFinder(Finder<'static>);

impl Default for TombstoneFinder {
    fn default() -> Self {
        Self(Finder::new("\"deleted\""))
    }
}

impl TombstoneFinder {
    /// Whether a cleartext is a tombstone. Few records contain the word at all; only those are parsed.
    #[must_use]
    pub fn is_tombstone(&self, cleartext: &str) -> bool {
        self.0.find(cleartext.as_bytes()).is_some()
            && Fields::parse(cleartext).is_ok_and(|fields| fields.is_tombstone())
    }
}

impl Fields<'_> {
    /// Whether the record is a tombstone: its member `deleted` is true, or a value that JavaScript, and with it Firefox,
    /// takes for true.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        self.get("deleted").is_some_and(is_truthy)
    }
}

/// Whether JavaScript takes a JSON value for true.
pub(crate) fn is_truthy(json: &str) -> bool {
    match json.as_bytes() {
        b"false" | b"null" | b"\"\"" => false,
        // A number is false if it is zero, in whatever form: -0, 0.0, 0e5.
        [b'-' | b'0'..=b'9', ..] => {
            let digits = json.bytes().take_while(|byte| !matches!(byte, b'e' | b'E'));
            digits.into_iter().any(|byte| matches!(byte, b'1'..=b'9'))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Value;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_tombstone_is_a_record_with_a_truthy_deleted() {
        let rows = [
            (r#"{"id":"a","deleted":true}"#, true),
            (r#"{"id":"a","deleted":1}"#, true),
            (r#"{"id":"a","deleted":-0.5e3}"#, true),
            (r#"{"id":"a","deleted":10}"#, true),
            (r#"{"id":"a", "deleted" : "yes"}"#, true),
            (r#"{"id":"a","deleted":"false"}"#, true),
            (r#"{"id":"a","deleted":"0"}"#, true),
            (r#"{"id":"a","deleted":[]}"#, true),
            (r#"{"id":"a","deleted":{}}"#, true),
            (r#"{"id":"a","deleted":false,"deleted":true}"#, true),
            (r#"{"id":"a","deleted":false}"#, false),
            (r#"{"id":"a","deleted":null}"#, false),
            (r#"{"id":"a","deleted":0}"#, false),
            (r#"{"id":"a","deleted":-0}"#, false),
            (r#"{"id":"a","deleted":0.00}"#, false),
            (r#"{"id":"a","deleted":0e9}"#, false),
            (r#"{"id":"a","deleted":""}"#, false),
            (r#"{"id":"a","title":"deleted"}"#, false),
            (r#"{"id":"a","deep":{"deleted":true}}"#, false),
            (r#"{"id":"a"}"#, false),
            (r#"["deleted"]"#, false),
            (r#""deleted""#, false),
        ];
        let finder = TombstoneFinder::default();
        for (cleartext, expected) in rows {
            assert_eq!(finder.is_tombstone(cleartext), expected, "{cleartext}");
            let fields = Fields::parse(cleartext);
            let is_tombstone = fields.is_ok_and(|fields| fields.is_tombstone());
            assert_eq!(is_tombstone, expected, "{cleartext}");
            let value: Value = cleartext.parse().unwrap();
            let deleted = value.get("deleted").map(alloc::string::ToString::to_string);
            assert_eq!(
                deleted.is_some_and(|json| is_truthy(&json)),
                expected,
                "{cleartext}"
            );
        }
    }
}
