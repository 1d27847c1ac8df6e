//! Members that this version does not know, merged one by one: an unchanged one never replaces a changed one.

use serde_json::{Map, Value};

/// Merges the unknown members of one item. `winner` and `loser` are the two sides, `base` what both had before; where both
/// changed a member the winner's counts.
pub(super) fn merge(
    base: Option<&Map<String, Value>>,
    winner: &Map<String, Value>,
    loser: &Map<String, Value>,
) -> Map<String, Value> {
    let mut merged = winner.clone();
    if winner == loser {
        return merged;
    }
    let before = |name: &String| base.and_then(|base| base.get(name));
    for (name, value) in loser {
        if winner.get(name) == before(name) && Some(value) != before(name) {
            merged.insert(name.clone(), value.clone());
        }
    }
    for name in winner.keys().filter(|name| !loser.contains_key(*name)) {
        // Removed by the loser and unchanged by the winner.
        if before(name).is_some() && winner.get(name) == before(name) {
            merged.remove(name);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_member_is_merged_by_itself() {
        let object = |value: Value| value.as_object().cloned().unwrap_or_default();
        for (base, winner, loser, expected) in [
            (
                json!({"a": 1}),
                json!({"a": 1}),
                json!({"a": 2}),
                json!({"a": 2}),
            ),
            (
                json!({"a": 1}),
                json!({"a": 2}),
                json!({"a": 1}),
                json!({"a": 2}),
            ),
            (
                json!({"a": 1}),
                json!({"a": 2}),
                json!({"a": 3}),
                json!({"a": 2}),
            ),
            (json!({"a": 1}), json!({"a": 1}), json!({}), json!({})),
            (json!({"a": 1}), json!({"a": 2}), json!({}), json!({"a": 2})),
            (json!({"a": 1}), json!({}), json!({"a": 1}), json!({})),
            (
                json!({}),
                json!({"a": 1}),
                json!({"b": 2}),
                json!({"a": 1, "b": 2}),
            ),
        ] {
            let merged = merge(Some(&object(base)), &object(winner), &object(loser));
            assert_eq!(Value::Object(merged), expected);
        }
    }
}
