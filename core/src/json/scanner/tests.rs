//! The scanner against `serde_json`.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn accepts(text: &[u8]) -> bool {
    let mut scanner = Scanner::new(text);
    scanner.value().is_some() && scanner.end().is_some()
}

#[test]
fn the_grammar_equals_that_of_serde_json() {
    for text in [
        "",
        " ",
        "null",
        "nul",
        "true",
        "false ",
        "tru",
        "0",
        "-0",
        "-",
        "01",
        "1.",
        ".5",
        "1.5",
        "1e",
        "1e5",
        "1E+5",
        "1e-",
        "+1",
        "NaN",
        "\"\"",
        "\"a",
        "\"\t\"",
        "\"\\t\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u1234\"",
        "\"\\ud83e\\udd8a\"",
        "\"\u{7f}é\"",
        "[]",
        "[ ]",
        "[1,2]",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[",
        "]",
        "[}",
        "{}",
        "{ }",
        "{\"a\":1}",
        "{\"a\":1,}",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1]",
        "{\"a\":[{}, [] ,{\"b\":[1]}]}",
        "1 2",
        "{} x",
        "/**/1",
    ] {
        let expected = serde_json::from_str::<Value>(text).is_ok();
        assert_eq!(accepts(text.as_bytes()), expected, "{text:?}");
    }
}

#[test]
fn unpaired_surrogates_are_accepted_but_are_not_unicode_text() {
    for text in [
        r#""\ud83e""#,
        r#""\udd8a""#,
        r#""\ud83ex""#,
        r#""\ud83e\n""#,
        r#""\ud83e\u0041""#,
        r#""\udd8a\ud83e""#,
    ] {
        assert!(accepts(text.as_bytes()), "{text}");
        let string = Scanner::new(text.as_bytes()).string().unwrap();
        assert_eq!(string.into_text(), None, "{text}");
        assert!(string.into_lossless().is_some(), "{text}");
    }
    for text in [r#""\ud83""#, r#""\ud83g""#, r#""\u+123""#] {
        assert!(!accepts(text.as_bytes()), "{text}");
    }
}

#[test]
fn nesting_depth_is_limited() {
    let nested = |depth: usize| format!("{}{}", "[1,".repeat(depth) + "1", "]".repeat(depth));
    assert!(accepts(nested(127).as_bytes()));
    assert!(!accepts(nested(128).as_bytes()));
    assert!(!accepts("[{\"a\":".repeat(100_000).as_bytes()));
}

#[test]
fn keys_are_compared_with_resolved_escapes() {
    let mut scanner = Scanner::new(br#"{"\u0069d":"x\/y"}"#);
    let mut seen = 0;
    let object = scanner.object(|key, scanner| {
        assert!(key.is("id") && !key.is("ID"));
        assert!(scanner.string()?.is("x/y"));
        seen += 1;
        Some(())
    });
    assert_eq!((object, seen), (Some(()), 1));
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,9}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_is_consumed_completely(value in json()) {
        let text = value.to_string();
        let mut scanner = Scanner::new(text.as_bytes());
        prop_assert_eq!(scanner.value(), Some(text.as_bytes()));
        prop_assert!(scanner.end().is_some());
    }

    #[test]
    fn a_text_with_one_changed_byte_is_accepted_if_serde_json_accepts_it(value in json(), at: prop::sample::Index, byte in prop::sample::select(b"\"\\,:{}[]0e.-u dn".to_vec())) {
        let mut text = value.to_string().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        // A RawValue: a parsed value must fit f64, and its surrogates must be paired.
        if let Ok(text) = core::str::from_utf8(&text) {
            let expected = serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok();
            prop_assert_eq!(accepts(text.as_bytes()), expected, "{}", text);
        }
    }

    #[test]
    fn no_bytes_make_the_scanner_panic(bytes: Vec<u8>) {
        accepts(&bytes);
        let _ = Scanner::new(&bytes).long_string(|rest| rest.first().map(|byte| usize::from(*byte)));
    }

    #[test]
    fn plain_length_is_the_position_of_the_first_special_byte(bytes: Vec<u8>) {
        let expected = bytes.iter().position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\');
        prop_assert_eq!(plain_length(&bytes), expected.unwrap_or(bytes.len()));
    }
}
