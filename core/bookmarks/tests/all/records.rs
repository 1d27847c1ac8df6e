//! Reading and writing of records (collections.md §1.1, collections.md §2.1, collections.md §2.3), and records that Firefox wrote.

use proptest::prelude::*;
use selvedge_bookmarks::item::{Kind, Validity};
use selvedge_bookmarks::record::{Reading, Received, Refusal, read, sort_index, write};
use serde_json::{Value, json};

use super::account::*;

const MODIFIED: i64 = 1_796_000_000_000;

fn item(record: Value) -> Received {
    let id = record["id"].as_str().unwrap_or("pageAAAAAAAA").to_owned();
    match read(&id, record, MODIFIED) {
        Reading::Item(received) => *received,
        other => panic!("{other:?}"),
    }
}

#[test]
fn records_that_firefox_wrote_are_valid_and_written_back_as_they_are() {
    let vectors: Value = serde_json::from_str(include_str!(
        "../../../../tests/vectors/firefox_records.json"
    ))
    .unwrap();
    let mut seen = 0;
    for (name, vector) in vectors["bookmarks"].as_object().unwrap() {
        let record = &vector["cleartext"];
        let received = item(record.clone());
        assert_eq!(received.validity, Validity::Valid, "{name}");
        let parent_name = record["parentName"].as_str().unwrap();
        let position = usize::try_from(record["pos"].as_u64().unwrap_or(0)).unwrap();
        assert_eq!(
            Value::Object(write(&received.item, parent_name, position)),
            *record,
            "{name}"
        );
        let index = vector["bso"]["sortindex"].as_i64().unwrap();
        assert!(
            sort_index(Some(&received.item)) <= index,
            "{name}: Firefox adds the frecency"
        );
        seen += 1;
    }
    assert_eq!(seen, 11);
    for tombstone in vectors["tombstones"]["bookmarks"].as_array().unwrap() {
        let id = tombstone["bso"]["id"].as_str().unwrap();
        assert_eq!(
            read(id, tombstone["cleartext"].clone(), 0),
            Reading::Tombstone(super::account::id(id))
        );
    }
}

#[test]
fn a_record_is_judged_in_the_documents_order() {
    for (record, expected) in [
        (json!([]), "refused"),
        (json!({"id": "other", "deleted": true}), "refused"),
        (json!({"id": 7, "deleted": true}), "refused"),
        (json!({"deleted": true}), "tombstone"),
        (json!({"deleted": 1}), "tombstone"),
        (json!({"deleted": "yes", "type": "folder"}), "tombstone"),
        (json!({"deleted": false, "type": "folder"}), "item"),
        (json!({"deleted": 0, "type": "folder"}), "item"),
        (json!({"type": "folder", "parentid": "pinned"}), "forbidden"),
        (
            json!({"type": "folder", "parentid": "readinglist"}),
            "forbidden",
        ),
        (json!({"parentid": "menu"}), "refused"),
        (json!({"type": null}), "refused"),
        (json!({"type": "item"}), "refused"),
        (json!({"type": "smart"}), "refused"),
    ] {
        let found = match read("pageAAAAAAAA", record.clone(), 0) {
            Reading::Item(_) => "item",
            Reading::Tombstone(_) => "tombstone",
            Reading::Forbidden(_) => "forbidden",
            Reading::Refused(..) => "refused",
        };
        assert_eq!(found, expected, "{record}");
    }
    let read_folder = |id: &str| read(id, folder(id, "places", &[]), 0);
    for id in ["places", "pinned", "readinglist"] {
        assert!(matches!(read_folder(id), Reading::Forbidden(_)), "{id}");
    }
    for id in ["root________", "menu________", "tags________"] {
        assert!(
            matches!(read_folder(id), Reading::Refused(_, Refusal::ReservedId)),
            "{id}"
        );
    }
}

#[test]
fn each_kind_is_read() {
    for (name, kind, validity) in [
        ("bookmark", Kind::Bookmark, Validity::Valid),
        ("query", Kind::Query, Validity::Valid),
        ("folder", Kind::Folder, Validity::Valid),
        ("separator", Kind::Separator, Validity::Valid),
        ("livemark", Kind::Livemark, Validity::Valid),
        ("microsummary", Kind::Bookmark, Validity::Reupload),
    ] {
        let received = item(with(page("pageAAAAAAAA", "menu"), "type", name));
        assert_eq!(
            (received.item.kind, received.validity),
            (kind, validity),
            "{name}"
        );
    }
}

#[test]
fn members_of_a_wrong_type_are_dropped_and_the_record_is_written_again() {
    for (name, value, validity) in [
        ("title", json!(7), Validity::Reupload),
        ("title", json!(null), Validity::Reupload),
        ("tags", json!("red"), Validity::Reupload),
        ("tags", json!(["red", 7]), Validity::Reupload),
        ("tags", json!(["red", " red"]), Validity::Reupload),
        ("tags", json!(["x".repeat(101)]), Validity::Reupload),
        ("tags", json!(["red"]), Validity::Valid),
        ("keyword", json!(7), Validity::Reupload),
        ("bmkUri", json!(7), Validity::Replace),
        ("bmkUri", json!("relative/path"), Validity::Replace),
        ("dateAdded", json!("1795000000000"), Validity::Valid),
        ("extra", json!({"any": "thing"}), Validity::Valid),
    ] {
        let received = item(with(page("pageAAAAAAAA", "menu"), name, value.clone()));
        assert_eq!(received.validity, validity, "{name}: {value}");
    }
    let received = item(with(
        folder("folderCCCCCC", "menu", &[]),
        "children",
        json!({"a": 1}),
    ));
    assert_eq!(
        (received.item.children, received.validity),
        (vec![], Validity::Reupload)
    );
    let received = item(with(
        folder("folderCCCCCC", "menu", &[]),
        "children",
        json!(["menu", 7, "a", "a", "places"]),
    ));
    assert_eq!(
        (received.item.children, received.validity),
        (vec![id("menu"), id("a")], Validity::Reupload)
    );
}

#[test]
fn old_members_are_dropped_and_unknown_ones_kept() {
    let query = json!({"id": "queryAAAAAAA", "type": "query", "parentid": "menu", "title": "q", "bmkUri": "place:folder=12",
        "queryId": "x", "modified": 7, "tags": ["a"], "keyword": "k", "kept": [1]});
    let received = item(query);
    assert_eq!(received.validity, Validity::Reupload);
    let record = write(&received.item, "menu", 0);
    assert_eq!(record["bmkUri"], "place:folder=12&excludeItems=1");
    assert_eq!(record["kept"], json!([1]));
    for gone in ["queryId", "modified", "tags", "keyword"] {
        assert!(!record.contains_key(gone), "{gone}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "(menu|places|https://example.org/|place:type=7|[A-Za-z0-9_-]{12})".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop::collection::vec(inner, 0..4).prop_map(Value::from)
    })
}

proptest! {
    #[test]
    fn any_record_is_read_and_what_is_written_for_it_is_valid(
        kind in "(bookmark|query|folder|separator|livemark|microsummary)",
        members in prop::collection::btree_map(
            "(parentid|title|bmkUri|tags|keyword|folderName|children|dateAdded|pos|description|extra|queryId)", any_value(), 0..12),
    ) {
        let mut record = json!({"id": "pageAAAAAAAA", "type": kind});
        for (name, value) in members {
            record[name] = value;
        }
        if let Reading::Item(received) = read("pageAAAAAAAA", record, MODIFIED)
            && received.validity != Validity::Replace {
                let written = Value::Object(write(&received.item, "parent", 3));
                let again = item(written.clone());
                prop_assert_eq!(again.validity, Validity::Valid, "{}", written);
                let mut expected = received.item;
                expected.parent = again.item.parent.clone();
                prop_assert_eq!(again.item, expected);
            }
    }
}
