//! Serde derives with this crate's JSON, compared with `serde_json`.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::time::ServerTime;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Shape {
    Nothing,
    Text(String),
    Pair(u8, i64),
    Named { side: Option<u32> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct All {
    shapes: Vec<Shape>,
    named: BTreeMap<String, Option<bool>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time: Option<ServerTime>,
    unit: (),
    letter: char,
}

fn all() -> impl Strategy<Value = All> {
    let shape = prop_oneof![
        Just(Shape::Nothing),
        any::<String>().prop_map(Shape::Text),
        any::<(u8, i64)>().prop_map(|(a, b)| Shape::Pair(a, b)),
        any::<Option<u32>>().prop_map(|side| Shape::Named { side }),
    ];
    let time = proptest::option::of((0..1_u64 << 40).prop_map(ServerTime::from_hundredths));
    let named = proptest::collection::btree_map(any::<String>(), any::<Option<bool>>(), 0..4);
    (
        proptest::collection::vec(shape, 0..4),
        named,
        time,
        any::<char>(),
    )
        .prop_map(|(shapes, named, time, letter)| All {
            shapes,
            named,
            time,
            unit: (),
            letter,
        })
}

proptest! {
    #[test]
    fn both_libraries_read_the_output_of_the_other(value in all()) {
        let (ours, theirs) = (to_string(&value).unwrap(), serde_json::to_string(&value).unwrap());
        prop_assert_eq!(&ours, &theirs);
        prop_assert_eq!(&from_str::<All>(&theirs).unwrap(), &value);
        let spaced = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(&from_slice::<All>(spaced.as_bytes()).unwrap(), &value);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), cut in 0_usize..200) {
        prop_assert_eq!(from_slice::<All>(&bytes).is_ok(), false);
        let text = r#"{"shapes":["nothing",{"pair":[1,-2]},{"named":{"side":3}}],"named":{"\u00e9":null},"unit":null,"letter":"x"}"#;
        let cut = text.get(..cut).unwrap_or(text);
        prop_assert_eq!(from_str::<All>(cut).is_ok(), cut == text);
        prop_assert_eq!(cut.parse::<Value>().is_ok(), cut == text);
    }

    #[test]
    fn escapes_are_resolved_as_in_serde_json(inner in "[ -~]{0,12}") {
        let quoted = alloc::format!("\"{inner}\"");
        let theirs = serde_json::from_str::<String>(&quoted).ok();
        prop_assert_eq!(from_str::<String>(&quoted).ok(), theirs);
    }
}

#[test]
fn json_of_another_form_is_refused() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Small {
        n: u8,
    }
    for text in [
        "",
        "[]",
        "{}",
        r#"{"n":256}"#,
        r#"{"n":-1}"#,
        r#"{"n":1.5}"#,
        r#"{"n":"1"}"#,
        r#"{"n":1,"n":1}"#,
        r#"{"n":1} x"#,
        r#"{"n":1,}"#,
        "{\"n\":1",
    ] {
        assert_eq!(from_str::<Small>(text), Err(Malformed), "{text}");
    }
    let more = r#"{"x":[{"y":1.5e9}],"n":7}"#;
    assert_eq!(
        from_str(more),
        Ok(Small { n: 7 }),
        "unknown members are skipped"
    );
    assert_eq!(from_str::<[u8; 2]>("[1,2,3]"), Err(Malformed));
    assert_eq!(to_string(&1.5), Err(Malformed));
    assert_eq!(to_string(&BTreeMap::from([(1, 2)])), Err(Malformed));
}

#[test]
fn a_number_larger_than_every_float_is_refused_and_not_infinite() {
    assert_eq!(from_str("1.5e300"), Ok(1.5e300));
    for text in ["1e400", "-1e400"] {
        assert_eq!(from_str::<f64>(text), Err(Malformed), "{text}");
        assert_eq!(from_str::<f32>(text), Err(Malformed), "{text}");
    }
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    assert_eq!(deep.parse::<Value>(), Err(Malformed));
    assert!(
        ("[".repeat(127) + &"]".repeat(127))
            .parse::<Value>()
            .is_ok()
    );
}

#[test]
fn numbers_keep_their_digits_and_are_compared_by_value() {
    let value = |text: &str| text.parse::<Value>().unwrap();
    let long = "[12345678901234567890.10,1E400,-0]";
    assert_eq!(value(long).to_string(), long);
    for (a, b, is_equal) in [
        ("1", "1.0", true),
        ("100", "1e2", true),
        ("0.01", "1E-2", true),
        ("-0", "0.00", true),
        ("1", "-1", false),
        ("10", "1", false),
        ("1e400", "1e401", false),
        ("1e99999999999999999999", "1e99999999999999999999", true),
        ("1e99999999999999999999", "2e99999999999999999999", false),
    ] {
        assert_eq!(value(a) == value(b), is_equal, "{a} {b}");
    }
}
