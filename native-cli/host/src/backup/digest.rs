//! The content of a record as a number: equal for the same members in another order.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// 128 bits of the content's SHA-256.
///
/// ```
/// use selvedge_host::backup::digest::Digest;
///
/// assert_eq!(Digest::of(r#"{"a":1,"b":[2]}"#), Digest::of(r#"{ "b":[2], "a":1 }"#));
/// assert_ne!(Digest::of(r#"{"a":1}"#), Digest::of(r#"{"a":"1"}"#));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The digest of a cleartext. A text that this parser does not read, such as one with half a surrogate pair, counts
    /// by its bytes.
    #[must_use]
    pub fn of(cleartext: &str) -> Self {
        let mut hasher = Sha256::new();
        match serde_json::from_str(cleartext) {
            Ok(value) => add(&value, &mut hasher),
            Err(_) => hasher.update(cleartext.as_bytes()),
        }
        let mut digest = [0; 16];
        let hash = hasher.finalize();
        digest
            .iter_mut()
            .zip(hash)
            .for_each(|(to, from)| *to = from);
        Self(digest)
    }
}

/// Each value begins with its kind and its length, so that different contents never add the same bytes.
fn add(value: &Value, hasher: &mut Sha256) {
    match value {
        Value::Object(members) => {
            hasher.update(b"{");
            hasher.update(members.len().to_be_bytes());
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            for (name, value) in members {
                text(b"n", name, hasher);
                add(value, hasher);
            }
        }
        Value::Array(elements) => {
            hasher.update(b"[");
            hasher.update(elements.len().to_be_bytes());
            elements.iter().for_each(|element| add(element, hasher));
        }
        Value::String(string) => text(b"s", string, hasher),
        other => text(b"v", &other.to_string(), hasher),
    }
}

fn text(kind: &[u8], text: &str, hasher: &mut Sha256) {
    hasher.update(kind);
    hasher.update(text.len().to_be_bytes());
    hasher.update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_order_of_members_does_not_count() {
        for (one, other, expected) in [
            ("{}", "{ }", true),
            (r#"{"a":{"b":1,"c":2}}"#, r#"{"a":{"c":2,"b":1}}"#, true),
            (r#"{"a":"\u00e4"}"#, "{\"a\":\"\u{e4}\"}", true),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#, false),
            (r#"{"a":["bc"]}"#, r#"{"a":["b","c"]}"#, false),
            (r#"{"a":null}"#, "{}", false),
            (r#"{"a":"\ud800"}"#, r#"{"a":"\ud801"}"#, false),
            (r#"{"a":"\ud800"}"#, r#"{"a":"\ud800"}"#, true),
        ] {
            assert_eq!(
                Digest::of(one) == Digest::of(other),
                expected,
                "{one} {other}"
            );
        }
    }
}
