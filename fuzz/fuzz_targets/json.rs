//! Any text, read as any value and as each member of a type: our reader must say what serde_json says, and what is written
//! must be read again.
#![no_main]

use std::borrow::Cow;
use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use selvedge_core::json::{self, Malformed};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Nothing,
    Text(String),
    Pair(i8, char),
    Deeper(Box<Kind>),
    Many(Vec<Kind>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Typed<'a> {
    #[serde(borrow)]
    lent: Option<&'a str>,
    text: Option<Cow<'a, str>>,
    whole: Option<i64>,
    small: Option<u8>,
    large: Option<u64>,
    #[serde(skip_serializing)]
    real: Option<f64>,
    kind: Option<Kind>,
    list: Vec<Option<bool>>,
    map: BTreeMap<String, BTreeMap<Cow<'a, str>, u16>>,
    #[serde(skip_serializing)]
    ignored: IgnoredAny,
}

impl Default for Typed<'_> {
    fn default() -> Self {
        Self {
            lent: None,
            text: None,
            whole: None,
            small: None,
            large: None,
            real: None,
            kind: None,
            list: Vec::new(),
            map: BTreeMap::new(),
            ignored: IgnoredAny,
        }
    }
}

/// What the members of [`Typed`] are called, and one that it does not know.
const MEMBERS: [&str; 11] = [
    "lent", "text", "whole", "small", "large", "real", "kind", "list", "map", "ignored", "unknown",
];

/// Whether brackets may nest deeper than either takes: ours bounds the depth of what it passes over too.
fn may_be_deep(text: &str) -> bool {
    let opening = text.bytes().filter(|byte| matches!(byte, b'[' | b'{'));
    opening.count() > 120
}

/// Where the two differ by intent: the depth; escapes in what is passed over, which must mean something for ours; and
/// `-0`, which is a whole number for ours and a float for serde_json.
fn may_differ(text: &str) -> bool {
    may_be_deep(text) || text.contains("-0") || text.contains("\\u")
}

fn has_floats(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_floats),
        Value::Object(members) => members.values().any(has_floats),
        _ => false,
    }
}

/// As any value: where nothing says what is asked for, ours reads whole numbers alone.
fn as_any(text: &str) {
    let ours = json::from_str::<Value>(text);
    if may_be_deep(text) {
        return;
    }
    match serde_json::from_str::<Value>(text) {
        Ok(theirs) if has_floats(&theirs) => assert!(text.contains("-0") || ours == Err(Malformed)),
        Ok(theirs) => {
            let written = json::to_string(&theirs).expect("whole numbers are written");
            assert_eq!(written, theirs.to_string());
            assert_eq!(json::from_str(&written), Ok(theirs.clone()));
            assert_eq!(ours, Ok(theirs));
        }
        Err(_) => assert_eq!(ours, Err(Malformed)),
    }
}

fn as_typed(text: &str) {
    let ours = json::from_str::<Typed<'_>>(text);
    match (&ours, serde_json::from_str::<Typed<'_>>(text)) {
        (Ok(ours), Ok(theirs)) => assert_eq!(*ours, theirs),
        (Err(Malformed), Err(_)) => {}
        // serde_json takes a list for a struct.
        (Err(Malformed), Ok(_)) => assert!(may_differ(text) || text.trim_start().starts_with('[')),
        (Ok(ours), Err(error)) => assert!(may_differ(text), "{ours:?}: {error}"),
    }
    if let Ok(typed) = ours {
        let written = json::to_string(&typed).expect("there are no floats in it");
        assert_eq!(serde_json::to_string(&typed).ok().as_ref(), Some(&written));
        // A text that could be lent came without escapes, and is written without any.
        let again = json::from_str::<Typed<'_>>(&written).expect("what is written is read");
        let typed = Typed { real: None, ..typed };
        assert_eq!(again, typed);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        assert_eq!(json::from_slice::<IgnoredAny>(bytes), Err(Malformed));
        return;
    };
    as_any(text);
    as_typed(text);
    for member in MEMBERS {
        as_typed(&format!("{{\"{member}\":{text}}}"));
    }
});
