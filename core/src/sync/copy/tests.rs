//! Every state of the target of a copy.

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn a_target_is_written_only_if_it_is_empty_or_ours() {
    let rows = [
        ("empty", true, None, None, Target::Empty),
        ("emptied since", true, None, Some("a"), Target::Empty),
        ("ours", false, Some("a"), Some("a"), Target::Begun),
        ("another's", false, Some("b"), None, Target::InUse),
        (
            "began anew since",
            false,
            Some("b"),
            Some("a"),
            Target::InUse,
        ),
        ("without meta/global", false, None, None, Target::InUse),
        (
            "without meta/global any more",
            false,
            None,
            Some("a"),
            Target::InUse,
        ),
    ];
    for (name, is_empty, found, given, expected) in rows {
        assert_eq!(judge(is_empty, found, given), expected, "{name}");
    }
}
