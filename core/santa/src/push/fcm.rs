//! Messages of Firebase Cloud Messaging (spec §4.1).
//!
//! ```text
//! full_sync, config_sync, log_sync ─→ a full sync, now
//! rule_sync, for this machine ──────→ rules, now
//! rule_sync, for another or none ───→ rules, within the deadline
//! file_hash and file_name ──────────→ a program is announced, in addition to any other request
//! no blob, noOp, anything else ─────→ nothing
//! ```

use alloc::string::String;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::message::Message;

/// The content of a message.
///
/// ```
/// use selvedge_santa::push::{Message, read_blob};
///
/// let blob = read_blob(br#"{"data":{"blob":"{\"action\":\"full_sync\"}"}}"#, "M");
/// assert_eq!(blob.message, Some(Message::Full));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blob {
    /// The requested action.
    pub message: Option<Message>,
    /// The hash and the name of a program that will soon be allowed to run.
    pub announced: Option<(String, String)>,
}

#[derive(Deserialize, Default)]
struct Outer {
    #[serde(default)]
    data: Option<Inner>,
    #[serde(default, rename = "noOp")]
    no_op: Option<Value>,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    blob: Option<Value>,
}

/// Parses a message. An unreadable message has no content.
#[must_use]
pub fn read_blob(bytes: &[u8], machine: &str) -> Blob {
    let outer: Outer = serde_json::from_slice(bytes).unwrap_or_default();
    let blob = outer.data.and_then(|inner| inner.blob);
    let (None, Some(Value::String(text))) = (outer.no_op, blob) else {
        return Blob::default();
    };
    let fields: Map<String, Value> = serde_json::from_str(&text).unwrap_or_default();
    let text = |name: &str| {
        let text = fields.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    };
    let message = match text("action") {
        Some("full_sync" | "config_sync" | "log_sync") => Some(Message::Full),
        Some("rule_sync") => Some(Message::Rules {
            is_for_us: text("target_host_id").is_some_and(|id| id.eq_ignore_ascii_case(machine)),
        }),
        _ => None,
    };
    let announced = text("file_hash").zip(text("file_name"));
    Blob {
        message,
        announced: announced.map(|(hash, name)| (hash.into(), name.into())),
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_row() {
        let rules = |is_for_us| Some(Message::Rules { is_for_us });
        let rows = [
            (json!({"action": "full_sync"}), Some(Message::Full)),
            (json!({"action": "config_sync"}), Some(Message::Full)),
            (json!({"action": "log_sync"}), Some(Message::Full)),
            (json!({"action": "rule_sync"}), rules(false)),
            (
                json!({"action": "rule_sync", "target_host_id": "other"}),
                rules(false),
            ),
            (
                json!({"action": "rule_sync", "target_host_id": "m-1"}),
                rules(true),
            ),
            (
                json!({"action": "rule_sync", "target_host_id": 5}),
                rules(false),
            ),
            (json!({"action": "reboot"}), None),
            (json!({"action": ""}), None),
            (json!({}), None),
            (json!([]), None),
        ];
        for (blob, expected) in rows {
            let text = json!({"data": {"blob": blob.to_string()}}).to_string();
            assert_eq!(
                read_blob(text.as_bytes(), "M-1").message,
                expected,
                "{blob}"
            );
        }
        let empty = [
            r#"{"data":{"blob":{"action":"full_sync"}}}"#,
            r#"{"data":{}}"#,
            r#"{"noOp":{},"data":{"blob":"{\"action\":\"full_sync\"}"}}"#,
            "{}",
            "",
        ];
        for text in empty {
            assert_eq!(read_blob(text.as_bytes(), "M-1"), Blob::default(), "{text}");
        }
    }

    #[test]
    fn a_program_is_announced_by_its_hash_and_its_name() {
        let of = |blob: Value| {
            let text = json!({"data": {"blob": blob.to_string()}}).to_string();
            read_blob(text.as_bytes(), "M").announced
        };
        let announced = of(json!({"file_hash": "ab", "file_name": "Acme"}));
        assert_eq!(announced, Some(("ab".into(), "Acme".into())));
        assert_eq!(of(json!({"file_hash": "ab"})), None);
        assert_eq!(of(json!({"file_hash": "ab", "file_name": ""})), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in any::<Vec<u8>>(), blob in ".{0,100}") {
            let text = json!({"data": {"blob": blob}}).to_string();
            prop_assert_eq!(read_blob(&bytes, "M").announced, None);
            let _any = read_blob(text.as_bytes(), "M");
        }
    }
}
