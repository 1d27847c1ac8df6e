//! Changes that Firefox would reject, rule by rule.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use pollster::block_on;

use super::*;
use crate::host::{Commit, Committed, MemoryStore, Part, Write};
use crate::json::json;
use crate::time::{LocalTime, ServerTime};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn name(text: &str) -> CollectionName {
    CollectionName::new(text).unwrap()
}

fn id(text: &str) -> RecordId {
    RecordId::new(text).unwrap()
}

/// The rule that a new record violates.
fn fault(collection: &str, key: &str, record: &Value) -> Option<&'static str> {
    members::fault(collection, key, record)
}

#[test]
fn every_record_that_firefox_wrote_is_valid() {
    let text = include_str!("../../../../tests/vectors/firefox_records.json");
    let all: serde_json::Value = serde_json::from_str(text).unwrap();
    let mut seen = 0;
    for collection in members::TYPED {
        let kept = &all[collection];
        let mut list: Vec<&serde_json::Value> = Vec::new();
        match kept {
            serde_json::Value::Array(some) => list.extend(some),
            serde_json::Value::Object(kinds) => list.extend(kinds.values()),
            other => panic!("{collection}: {other}"),
        }
        for record in list.iter().map(|one| &one["cleartext"]) {
            let key = record["id"].as_str().unwrap();
            let value = Value::from(record.clone());
            assert_eq!(
                fault(collection, key, &value),
                None,
                "{collection} {record}"
            );
            seen += 1;
        }
    }
    assert!(seen >= 20, "{seen}");
}

#[test]
fn minimal_records_are_valid_and_each_member_is_required() {
    let rows = [
        (
            "bookmarks",
            "k3Zb0dPqL1xA",
            json!({"type": "bookmark", "parentid": "menu", "bmkUri": "https://example.org/"}),
        ),
        (
            "bookmarks",
            "k3Zb0dPqL1xA",
            json!({"type": "separator", "parentid": "menu"}),
        ),
        (
            "bookmarks",
            "menu",
            json!({"type": "folder", "parentid": "places"}),
        ),
        (
            "passwords",
            "x",
            json!({"hostname": "https://shop.example", "formSubmitURL": "", "password": "x7!"}),
        ),
        (
            "passwords",
            "x",
            json!({"hostname": "https://shop.example", "httpRealm": "r", "formSubmitURL": null, "password": "x7!"}),
        ),
        (
            "forms",
            "Qm9Xc2VwbHVz",
            json!({"name": "city", "value": "Berlin"}),
        ),
        (
            "history",
            "8RkP3v_c0sUd",
            json!({"histUri": "https://example.org/a", "visits": [{"date": 1, "type": 9}]}),
        ),
        (
            "tabs",
            "npwmPOsO89Am",
            json!({"clientName": "Laptop", "tabs": [{"title": "", "urlHistory": [], "lastUsed": 1}]}),
        ),
        (
            "addons",
            "x",
            json!({"addonID": "a", "applicationID": "b", "enabled": true, "source": "amo"}),
        ),
        (
            "prefs",
            "x",
            json!({"value": {"a": null, "b": 1, "c": "x", "d": false}}),
        ),
        ("addresses", "x", json!({"entry": {"version": 1}})),
        (
            "creditcards",
            "x",
            json!({"entry": {"version": 3, "cc-exp-month": 12}}),
        ),
        (
            "extension-storage",
            "x",
            json!({"extId": "dark@example.org", "data": "{}"}),
        ),
        ("notes", "x", json!({})),
    ];
    for (collection, key, record) in rows {
        assert_eq!(
            fault(collection, key, &record),
            None,
            "{collection} {record}"
        );
        let Value::Object(members) = &record else {
            panic!()
        };
        for member in members.keys().filter(|member| *member != "formSubmitURL") {
            let mut smaller = members.clone();
            smaller.remove(member);
            let fault = fault(collection, key, &Value::Object(smaller));
            assert!(fault.is_some(), "{collection} without {member}");
        }
    }
}

#[test]
fn records_that_firefox_rejects_are_refused() {
    let bookmark = |url: &str| json!({"type": "bookmark", "parentid": "menu", "bmkUri": url});
    let long = alloc::format!("https://example.org/{}", "x".repeat(65_536));
    let key = "k3Zb0dPqL1xA";
    let login = |name: &str, value: Value| {
        let mut members = json!({"hostname": "https://a.example", "formSubmitURL": "https://a.example", "password": "p"})
            .as_object().unwrap().clone();
        members.insert(name.into(), value);
        Value::Object(members)
    };
    let page = |visit: Value| {
        Value::from([
            ("histUri", "https://a.example/".into()),
            ("visits", Value::Array([visit].into())),
        ])
    };
    let rows = [
        ("bookmarks", key, bookmark("example.org")),
        ("bookmarks", key, bookmark("https://")),
        ("bookmarks", key, bookmark("https:// a")),
        ("bookmarks", key, bookmark("https://a:99999/")),
        ("bookmarks", key, bookmark(&long)),
        ("bookmarks", "short", bookmark("https://a/")),
        (
            "bookmarks",
            "places",
            json!({"type": "folder", "parentid": "places"}),
        ),
        ("bookmarks", "menu", bookmark("https://a/")),
        (
            "bookmarks",
            "menu",
            json!({"type": "folder", "parentid": "toolbar"}),
        ),
        (
            "bookmarks",
            key,
            json!({"type": "folder", "parentid": "places"}),
        ),
        (
            "bookmarks",
            key,
            json!({"type": "livemark", "parentid": "menu"}),
        ),
        (
            "bookmarks",
            key,
            json!({"type": "folder", "parentid": "menu", "children": "x"}),
        ),
        (
            "bookmarks",
            key,
            json!({"type": "folder", "parentid": "menu", "children": [1]}),
        ),
        (
            "bookmarks",
            key,
            json!({"type": "folder", "parentid": "menu", "children": [key, key]}),
        ),
        ("passwords", "x", login("httpRealm", "r".into())),
        ("passwords", "x", login("password", "".into())),
        ("passwords", "x", login("password", "a\nb".into())),
        ("passwords", "x", login("hostname", Value::Null)),
        ("passwords", "x", login("hostname", "https://a (b)".into())),
        ("passwords", "x", login("formSubmitURL", ".".into())),
        ("passwords", "x", login("username", json!(7))),
        (
            "passwords",
            "x",
            login("timeCreated", json!(8_640_000_000_000_001_u64)),
        ),
        ("history", key, page(json!({"date": "1", "type": 1}))),
        ("history", key, page(json!({"date": 1, "type": 10}))),
        (
            "history",
            key,
            json!({"histUri": "about:config", "visits": []}),
        ),
        ("history", "x", page(json!({"date": 1, "type": 1}))),
        ("forms", "x", json!({"name": "", "value": "v"})),
        (
            "tabs",
            "x",
            json!({"clientName": "L", "tabs": [{"title": "", "urlHistory": [], "lastUsed": 1.5}]}),
        ),
        ("prefs", "x", json!({"value": {"a": {}}})),
        ("addresses", "x", json!({"entry": {"version": 2}})),
        (
            "addresses",
            "x",
            json!({"entry": {"version": 1, "name": null}}),
        ),
        (
            "creditcards",
            "x",
            json!({"entry": {"version": 3, "cc-exp-month": "12"}}),
        ),
        (
            "extension-storage",
            "x",
            json!({"extId": "a", "data": "[]"}),
        ),
        (
            "addons",
            "x",
            json!({"addonID": "a", "applicationID": "b", "enabled": true, "source": "disk"}),
        ),
    ];
    for (collection, key, record) in rows {
        assert!(
            fault(collection, key, &record).is_some(),
            "{collection} {key} {record:.200}"
        );
    }
}

#[test]
fn urls_of_every_kind_pass() {
    for url in [
        "https://example.org",
        "HTTP://user:pw@example.org:8080/a b?c#d",
        "https://[::1]:80/",
        "https://xn--bcher-kva.example/",
        "https://bücher.example/",
        "place:tag=x",
        "javascript:alert(1)",
        "about:config",
        "file:///etc/hosts",
        "data:,x",
    ] {
        assert!(members::is_url(url), "{url}");
    }
    for url in [
        "",
        "x",
        ":",
        "1a:b",
        "http://",
        "http:///",
        "http://a<b/",
        "ftp://a:x/",
    ] {
        assert!(!members::is_url(url), "{url}");
    }
}

/// A tree in text form: `id>parent` is a bookmark, `id>parent:child,child` a folder, `id` alone is deleted.
fn tree(text: &str) -> BTreeMap<String, Option<Value>> {
    let record = |word: &str| {
        let (key, rest) = word.split_once('>').unwrap_or((word, ""));
        let (parent, children) = match rest.split_once(':') {
            Some((parent, children)) => (parent, Some(children)),
            None => (rest, None),
        };
        let full = |key: &str| match key {
            "menu" | "toolbar" | "places" => key.to_string(),
            key => alloc::format!("{key:_<12}"),
        };
        let value = match (parent, children) {
            ("", _) => None,
            (parent, None) => {
                Some(json!({"type": "bookmark", "parentid": full(parent), "bmkUri": "https://a/"}))
            }
            (parent, Some(children)) => {
                let children: Vec<String> = children
                    .split(',')
                    .filter(|child| !child.is_empty())
                    .map(full)
                    .collect();
                Some(json!({"type": "folder", "parentid": full(parent), "children": children}))
            }
        };
        (full(key), value)
    };
    text.split(' ').map(record).collect()
}

const BEFORE: &str = "menu>places:a,f toolbar>places: a>menu f>menu:b,g b>f g>f:";

/// The changes of a tree, with the rules that they violate.
fn judged(changes: &str, strict: bool) -> Option<String> {
    let (before, after) = (tree(BEFORE), tree(changes));
    let mut found = Tree::default();
    for (key, record) in &after {
        let old = before.get(key).cloned().flatten();
        found.change(&id(key), old.as_ref(), record.as_ref());
    }
    for (key, record) in &before {
        found.add(&id(key), record.as_ref().unwrap());
    }
    found.broken(strict).map(|(_, fault)| fault.to_string())
}

#[test]
fn every_change_of_the_tree() {
    let rows = [
        ("order", "menu>places:f,a", None),
        ("new", "c>toolbar toolbar>places:c", None),
        (
            "new, not listed",
            "c>toolbar",
            Some("put both records together"),
        ),
        (
            "new, no folder",
            "c>nowhere",
            Some("put both records together"),
        ),
        (
            "new, in a bookmark",
            "c>a",
            Some("put both records together"),
        ),
        (
            "listed, missing",
            "toolbar>places:c",
            Some("its children must exist"),
        ),
        (
            "listed, of another folder",
            "toolbar>places:b",
            Some("its children must exist"),
        ),
        ("moved", "a>toolbar toolbar>places:a menu>places:f", None),
        (
            "moved by parentid",
            "a>toolbar",
            Some("put both records together"),
        ),
        (
            "moved, still listed",
            "a>toolbar toolbar>places:a",
            Some("former folder"),
        ),
        (
            "moved into itself",
            "f>g:b g>f:f menu>places:a",
            Some("inside itself"),
        ),
        ("deleted", "a menu>places:f", None),
        ("deleted, still listed", "a", Some("still contain it")),
        ("folder deleted", "f b g menu>places:a", None),
        (
            "folder deleted, not empty",
            "f g menu>places:a",
            Some("the folder is not empty"),
        ),
        (
            "folder deleted, content moved",
            "f g b>menu menu>places:a,b",
            None,
        ),
        ("root deleted", "menu", Some("cannot be deleted")),
    ];
    for (name, changes, expected) in rows {
        let found = judged(changes, true);
        match (expected, &found) {
            (None, None) => {}
            (Some(words), Some(fault)) if fault.contains(words) => {}
            _ => panic!("{name}: {found:?}"),
        }
    }
    let half = "menu>places:f";
    assert!(judged(half, true).is_some() && judged(half, false).is_none());
}

/// Puts an edit of a record whose server version is `base`.
async fn edit(
    store: &MemoryStore,
    collection: &str,
    key: &str,
    base: Option<&str>,
    text: Option<&str>,
) {
    let item = Item {
        id: id(key),
        cleartext: text.map(Into::into),
        base: base.map_or(Base::Unknown, |text| Base::Content(text.into())),
        sent: Base::Unknown,
        server_modified: ServerTime::ZERO,
        pending: Pending::Edit {
            at: LocalTime::from_millis(1),
        },
        key: None,
    };
    let part = Part {
        writes: [Write {
            id: id(key),
            seen: None,
            becomes: Some(item),
        }]
        .into(),
        ..Part::new(name(collection))
    };
    let commit = Commit {
        parts: [part].into(),
        global: None,
    };
    assert_eq!(store.commit(commit).await, Ok(Committed::Done));
}

async fn held(store: &MemoryStore, collection: &str) -> Vec<String> {
    let held = held_back(store, &name(collection)).await.unwrap();
    held.keys().map(ToString::to_string).collect()
}

#[test]
fn changes_that_depend_on_a_held_back_change_are_held_back_too() {
    block_on(async {
        let store = MemoryStore::default();
        let (before, after) = (
            tree(BEFORE),
            tree("menu>places:a,f,c,d a>menu f>menu:b,g c>menu toolbar>places: b>f g>f:"),
        );
        for (key, record) in &after {
            let base = before
                .get(key)
                .cloned()
                .flatten()
                .map(|value| value.to_string());
            let text = record.as_ref().map(ToString::to_string);
            edit(&store, "bookmarks", key, base.as_deref(), text.as_deref()).await;
        }
        // The menu lists d, which does not exist: the menu keeps its server version, and then no list contains c.
        assert_eq!(held(&store, "bookmarks").await, ["c___________", "menu"]);
    });
}

#[test]
fn a_record_that_was_invalid_before_is_sent() {
    block_on(async {
        let store = MemoryStore::default();
        let bad = r#"{"name":"city"}"#;
        edit(
            &store,
            "forms",
            "a",
            Some(bad),
            Some(r#"{"name":"city","x":1}"#),
        )
        .await;
        edit(&store, "forms", "b", None, Some(bad)).await;
        edit(&store, "forms", "c", Some(bad), None).await;
        edit(&store, "notes", "d", None, Some("{}")).await;
        assert_eq!(held(&store, "forms").await, ["b"]);
        assert_eq!(held(&store, "notes").await, [""; 0]);
    });
}
