//! Applies the same operations to a `BTreeMap` and to the sorted list.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[derive(Debug, Clone)]
enum Step {
    Insert(String, u8),
    Remove(String),
    Make(String, u8),
    Extend(Vec<(String, u8)>),
    Retain(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let name = || "[a-d]{0,2}";
    prop_oneof![
        (name(), any::<u8>()).prop_map(|(name, value)| Step::Insert(name, value)),
        name().prop_map(Step::Remove),
        (name(), any::<u8>()).prop_map(|(name, value)| Step::Make(name, value)),
        proptest::collection::vec((name(), any::<u8>()), 0..5).prop_map(Step::Extend),
        any::<u8>().prop_map(Step::Retain),
    ]
}

proptest! {
    #[test]
    fn it_behaves_like_a_tree_map(steps in proptest::collection::vec(step(), 0..30)) {
        let (mut list, mut tree) = (Map::new(), BTreeMap::new());
        for step in steps {
            match step {
                Step::Insert(name, value) => {
                    prop_assert_eq!(list.insert(name.clone(), value), tree.insert(name, value));
                }
                Step::Remove(name) => prop_assert_eq!(list.remove(&name), tree.remove(&name)),
                Step::Make(name, value) => {
                    let made = *list.get_or_insert_with(name.clone(), || value);
                    prop_assert_eq!(made, *tree.entry(name).or_insert(value));
                }
                Step::Extend(pairs) => {
                    list.extend(pairs.clone());
                    tree.extend(pairs);
                }
                Step::Retain(bound) => {
                    list.retain(|_, value| *value < bound);
                    tree.retain(|_, value| *value < bound);
                }
            }
            prop_assert!(list.iter().eq(tree.iter()));
            prop_assert_eq!((list.len(), list.is_empty()), (tree.len(), tree.is_empty()));
        }
        for name in ["", "a", "bc"] {
            prop_assert_eq!(list.get(name), tree.get(name));
            prop_assert_eq!(list.contains_key(name), tree.contains_key(name));
        }
        let text = serde_json::to_string(&tree).unwrap();
        prop_assert_eq!(&serde_json::to_string(&list).unwrap(), &text);
        prop_assert_eq!(serde_json::from_str::<Map<String, u8>>(&text).unwrap(), list);
    }

    #[test]
    fn a_set_contains_each_name_once_and_in_order(names in proptest::collection::vec("[a-d]{0,2}", 0..9)) {
        let tree: alloc::collections::BTreeSet<String> = names.iter().cloned().collect();
        let set: Set<String> = names.into_iter().collect();
        prop_assert!(set.iter().eq(tree.iter()));
        let text = serde_json::to_string(&tree).unwrap();
        prop_assert_eq!(&serde_json::to_string(&set).unwrap(), &text);
        prop_assert_eq!(serde_json::from_str::<Set<String>>(&text).unwrap(), set);
    }
}

#[test]
fn other_forms_of_an_empty_object_or_list_are_accepted() {
    type Counts = Map<alloc::string::String, u8>;
    type Names = Set<alloc::string::String>;
    for text in ["{}", "[]", " [ ] ", "null"] {
        assert_eq!(
            crate::json::from_str::<Counts>(text),
            Ok(Map::new()),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Counts>(text).unwrap(), Map::new());
    }
    for text in ["[]", "null"] {
        assert_eq!(
            crate::json::from_str::<Names>(text),
            Ok(Set::new()),
            "{text}"
        );
    }
    for text in ["[1]", "[{}]", "7", "\"\"", "false"] {
        assert!(crate::json::from_str::<Counts>(text).is_err(), "{text}");
        assert!(crate::json::from_str::<Names>(text).is_err(), "{text}");
    }
}

#[test]
fn sort_is_stable() {
    for length in [0, 1, 2, 3, 50] {
        let mut items: Vec<(usize, usize)> = (0..length).map(|at| (at * 7 % 5, at)).collect();
        let mut expected = items.clone();
        expected.sort_by_key(|(key, _)| *key);
        sort(&mut items, |one, other| one.0.cmp(&other.0));
        assert_eq!(items, expected, "{length}");
    }
}
