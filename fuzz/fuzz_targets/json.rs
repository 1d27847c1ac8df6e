//! Any text, read as any value and as each member of a type: this crate's reader must give the same result as
//! serde_json, and its output must be read again.
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
    borrowed: Option<&'a str>,
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
            borrowed: None,
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

/// The names of the members of [`Typed`], and one unknown name.
const MEMBERS: [&str; 11] = [
    "borrowed", "text", "whole", "small", "large", "real", "kind", "list", "map", "ignored",
    "unknown",
];

/// Whether brackets may be nested deeper than one of the readers accepts: this crate also limits the depth of skipped
/// values.
fn may_be_deep(text: &str) -> bool {
    let opening = text.bytes().filter(|byte| matches!(byte, b'[' | b'{'));
    opening.count() > 120
}

/// The intended differences: the depth; escapes in skipped values, which this crate validates; and `-0`, which is a
/// whole number for this crate and a float for serde_json.
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

/// Any value without a requested type: this crate then reads whole numbers only.
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
        // serde_json accepts a list for a struct.
        (Err(Malformed), Ok(_)) => assert!(may_differ(text) || text.trim_start().starts_with('[')),
        (Ok(ours), Err(error)) => assert!(may_differ(text), "{ours:?}: {error}"),
    }
    if let Ok(typed) = ours {
        let written = json::to_string(&typed).expect("there are no floats in it");
        assert_eq!(serde_json::to_string(&typed).ok().as_ref(), Some(&written));
        // A text that could be borrowed had no escapes, and is written without any.
        let again = json::from_str::<Typed<'_>>(&written).expect("written JSON can be read");
        let typed = Typed {
            real: None,
            ..typed
        };
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
