//! A collection that is merged as a whole: a list whose order matters. Each record is an entry, or the list itself, which
//! names every entry once. The server must never have a list that does not match its entries.

use alloc::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::device::Kill;
use super::*;
use crate::engines::{
    Merge, Records, Replaced, ServerVersion, TreeEdit, TreeInput, TreeItem, TreeMerge, TreePlan,
    TreeRecord, TreeUpload,
};
use crate::host::Pending;
use crate::reconcile::{Side, Theirs, has_same_content};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const LIST: &str = "list";

/// The engine of the list.
#[derive(Debug)]
pub(super) struct ListEngine(CollectionName);

impl Engine for ListEngine {
    fn collection(&self) -> &CollectionName {
        &self.0
    }

    fn version(&self) -> u64 {
        1
    }

    fn merge(&self) -> Merge<'_> {
        Merge::WholeCollection(self)
    }
}

fn names(list: Option<&str>) -> Vec<String> {
    let list = list.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let names = list.as_ref().and_then(|list| list["names"].as_array());
    let text = |name: &Value| name.as_str().map(String::from);
    names.into_iter().flatten().filter_map(text).collect()
}

fn list(names: &[String]) -> String {
    json!({"id": LIST, "names": names}).to_string()
}

fn text<'a>(version: Option<ServerVersion<'a>>) -> Option<&'a str> {
    match version?.content {
        Theirs::Record(text) => Some(text),
        Theirs::Tombstone => None,
    }
}

/// Whether the local version is the later one.
fn is_local_newer(item: &TreeItem<'_>, input: &TreeInput<'_>) -> bool {
    let (Some(local), Some(incoming)) = (item.local, item.incoming) else {
        return item.incoming.is_none();
    };
    let Pending::Edit { at } = local.pending else {
        return false;
    };
    let age = input.local_now.millis().saturating_sub(at.millis());
    age <= input
        .server_now_millis
        .saturating_sub(incoming.modified.millis())
}

impl TreeMerge for ListEngine {
    fn merge(&self, input: &TreeInput<'_>) -> Result<TreePlan, String> {
        let mut plan = TreePlan::default();
        let mut finals: BTreeMap<&RecordId, Option<String>> = BTreeMap::new();
        let mut order: Vec<String> = Vec::new();
        for item in input.items {
            let local = item.local.and_then(|local| local.cleartext);
            if item.id.as_str() == LIST {
                let (first, second) = if is_local_newer(item, input) {
                    (local, text(item.incoming))
                } else {
                    (text(item.incoming), local)
                };
                order = names(first);
                order.extend(names(second));
                continue;
            }
            let is_edited = item
                .local
                .is_some_and(|local| local.pending != Pending::Nothing);
            let theirs = text(item.incoming);
            let wins = match (item.incoming.is_some(), is_edited) {
                (false, _) => local,
                (true, false) => theirs,
                // An edit beats a deletion; of two edits the later stays.
                (true, true) if local.is_none() || theirs.is_none() => local.or(theirs),
                (true, true) if is_local_newer(item, input) => local,
                (true, true) => theirs,
            };
            if let (Some(ours), Some(theirs), true) = (local, theirs, is_edited) {
                let (side, lost) = if wins == local {
                    (Side::Theirs, theirs)
                } else {
                    (Side::Ours, ours)
                };
                if !has_same_content(ours, theirs) {
                    plan.replaced.push(Replaced {
                        id: item.id.clone(),
                        side,
                        cleartext: lost.into(),
                    });
                }
            }
            finals.insert(item.id, wins.map(Into::into));
        }
        let alive = |name: &str| {
            finals
                .iter()
                .any(|(id, text)| id.as_str() == name && text.is_some())
        };
        let mut seen = BTreeSet::new();
        order.retain(|name| alive(name) && seen.insert(name.clone()));
        let rest = finals
            .iter()
            .filter(|(id, text)| text.is_some() && !seen.contains(id.as_str()));
        order.extend(rest.map(|(id, _)| id.to_string()));
        let list_id = RecordId::new(LIST).unwrap();
        if !input.items.is_empty() {
            finals.insert(&list_id, Some(list(&order)));
        }
        for (id, after) in finals {
            let item = input.items.iter().find(|item| item.id == id);
            let local = item.and_then(|item| item.local?.cleartext);
            let server = item.and_then(|item| text(item.incoming.or(item.base)));
            let same = |one: Option<&str>, other: Option<&str>| match (one, other) {
                (Some(one), Some(other)) => has_same_content(one, other),
                (one, other) => one == other,
            };
            if !same(after.as_deref(), server) {
                plan.uploads.push(TreeUpload {
                    id: id.clone(),
                    sort_index: Some(if after.is_some() { 7 } else { 0 }),
                });
            }
            match after {
                Some(after) if !same(Some(&after), local) => plan.upserts.push((id.clone(), after)),
                None if local.is_some() => plan.removals.push(id.clone()),
                _ => {}
            }
        }
        Ok(plan)
    }

    fn complete(
        &self,
        live: &[TreeRecord<'_>],
        edits: &[TreeEdit<'_>],
    ) -> Result<Vec<(RecordId, Option<String>)>, String> {
        let mut alive: BTreeSet<&str> = live.iter().map(|record| record.id.as_str()).collect();
        let before = live.iter().find(|record| record.id.as_str() == LIST);
        let mut order = names(before.map(|record| record.cleartext));
        let mut is_list_edited = false;
        for edit in edits {
            match edit.cleartext {
                Some(list) if edit.id.as_str() == LIST => {
                    is_list_edited = true;
                    order = names(Some(list));
                }
                None if edit.id.as_str() == LIST => return Err("the list stays".into()),
                Some(_) => drop(alive.insert(edit.id.as_str())),
                None => drop(alive.remove(edit.id.as_str())),
            }
        }
        alive.remove(LIST);
        let listed: BTreeSet<&str> = order.iter().map(String::as_str).collect();
        if is_list_edited {
            let is_whole = listed == alive && order.len() == alive.len();
            return if is_whole {
                Ok(Vec::new())
            } else {
                Err("the list must name every entry once".into())
            };
        }
        let mut completed: Vec<String> = order
            .iter()
            .filter(|name| alive.contains(name.as_str()))
            .cloned()
            .collect();
        completed.extend(
            alive
                .iter()
                .filter(|name| !listed.contains(*name))
                .map(ToString::to_string),
        );
        if completed == order {
            return Ok(Vec::new());
        }
        Ok(alloc::vec![(
            RecordId::new(LIST).unwrap(),
            Some(list(&completed))
        )])
    }
}

fn list_engine() -> ListEngine {
    ListEngine(notes())
}

impl Device {
    fn sync_list(&self) -> Report {
        let options = Options {
            engines: &[Box::new(list_engine())],
            situation: Situation {
                is_asked_for: true,
                ..Situation::default()
            },
            client: OwnClient::default(),
            user_agent: None,
            progress: &|_| (),
        };
        block_on(sync(self, &credentials(&sync_key()), &mut None, &options))
    }

    fn edit_list<T>(&self, edit: impl AsyncFnOnce(Records<'_, Self, Self, Self>) -> T) -> T {
        let engine = list_engine();
        block_on(edit(
            Records::new(self, self, self, notes()).with_engine(&engine),
        ))
    }

    fn put_entry(&self, id: &str, title: &str) {
        let json = json!({"id": id, "title": title}).to_string();
        let id = RecordId::new(id).unwrap();
        self.edit_list(async |records| records.put(Some(id), &json).await)
            .unwrap();
    }

    fn delete_entry(&self, id: &str) {
        let id = RecordId::new(id).unwrap();
        self.edit_list(async |records| records.delete(&id).await)
            .unwrap();
    }

    fn order(&self, order: &[&str]) {
        let order: Vec<String> = order.iter().map(ToString::to_string).collect();
        let id = RecordId::new(LIST).unwrap();
        self.edit_list(async |records| records.put(Some(id), &list(&order)).await)
            .unwrap();
    }

    /// The titles in order. Fails if the list does not match its entries.
    fn titles(&self) -> Vec<String> {
        let page = block_on(
            self.store
                .page(&notes(), Selection::Live, None, PageLimit::default()),
        );
        let texts = page.unwrap().into_iter();
        let texts =
            texts.map(|stored| (stored.item.id.to_string(), stored.item.cleartext.unwrap()));
        titles(&texts.collect())
    }
}

fn titles(texts: &BTreeMap<String, String>) -> Vec<String> {
    let order = names(texts.get(LIST).map(String::as_str));
    let named: BTreeSet<&String> = order.iter().collect();
    let entries: BTreeSet<&String> = texts.keys().filter(|id| *id != LIST).collect();
    assert_eq!(
        (&named, order.len()),
        (&entries, entries.len()),
        "{texts:?}"
    );
    let title = |name: &String| {
        let entry: Value = serde_json::from_str(&texts[name]).unwrap();
        String::from(entry["title"].as_str().unwrap())
    };
    order.iter().map(title).collect()
}

/// The titles on the server.
fn on_server(shelf: &Shelf) -> Vec<String> {
    let rows = shelf.borrow();
    let Some((_, keys)) = rows.get("crypto/keys") else {
        return Vec::new();
    };
    let keys = CollectionKeys::open(&sync_key(), keys).unwrap();
    let mut texts = BTreeMap::new();
    for (key, (_, sealed)) in rows.iter() {
        let Some(id) = key.strip_prefix("notes/") else {
            continue;
        };
        let text = payload::open(keys.bundle("notes").unwrap(), sealed, id).unwrap();
        let text = text.to_string();
        if serde_json::from_str::<Value>(&text).unwrap()["deleted"] != true {
            texts.insert(id.into(), text);
        }
    }
    titles(&texts)
}

/// Two devices with four entries, and changes on both sides that affect each other.
fn two_devices() -> (Shelf, Device, Device) {
    let shelf = Shelf::default();
    let (one, other) = (device(&shelf), device(&shelf));
    for id in ["a", "b", "c", "d"] {
        one.put_entry(id, id);
    }
    assert!(one.sync_list().is_success());
    assert!(other.sync_list().is_success());
    assert_eq!(other.titles(), ["a", "b", "c", "d"]);
    one.delete_entry("b");
    one.order(&["d", "a", "c"]);
    one.put_entry("e", "e of one");
    one.put_entry("c", "c of one");
    other.put_entry("f", "f of other");
    other.put_entry("b", "b of other");
    other.delete_entry("a");
    assert!(one.sync_list().is_success());
    (shelf, one, other)
}

/// Syncs until nothing is left to do; the server's list is whole after every sync.
fn settle(shelf: &Shelf, one: &Device, other: &Device) -> Vec<String> {
    for device in [other, one, other, one] {
        let report = device.sync_list();
        assert!(report.is_success(), "{report:?}");
        let _whole = on_server(shelf);
    }
    for device in [one, other] {
        let counts = block_on(device.store.counts(&notes())).unwrap();
        assert_eq!(counts.pending, 0);
        let staged = block_on(device.store.page(
            &notes(),
            Selection::Incoming,
            None,
            PageLimit::default(),
        ));
        assert_eq!(staged, Ok(Vec::new()));
        assert_eq!(device.titles(), on_server(shelf));
    }
    let before = shelf.borrow().clone();
    let sent = one.count();
    assert!(one.sync_list().is_success());
    assert!(
        !one.requests(sent)
            .iter()
            .any(|request| request.starts_with("POST storage/notes"))
    );
    assert_eq!(*shelf.borrow(), before, "nothing is sent again");
    one.titles()
}

/// An edit beats a deletion, the deleted entries are gone, and every new one is in the list.
fn expect_merged(mut titles: Vec<String>, context: &str) {
    titles.sort();
    assert_eq!(
        titles,
        ["b of other", "c of one", "d", "e of one", "f of other"],
        "{context}"
    );
}

#[test]
fn both_sides_are_merged_at_once_and_sent_in_one_post() {
    let (shelf, one, other) = two_devices();
    let before = other.count();
    let report = other.sync_list();
    assert!(report.is_success(), "{report:?}");
    let requests = other.requests(before);
    let posts = requests.iter().filter(|line| *line == "POST storage/notes");
    assert_eq!(posts.count(), 1, "{requests:?}");
    assert_eq!(other.titles(), on_server(&shelf));
    let pulled = &report.collections[0].pulled;
    assert!(
        pulled.received > 0 && pulled.applied.total() > 0,
        "{pulled:?}"
    );
    expect_merged(settle(&shelf, &one, &other), "");
}

#[test]
fn a_kill_at_any_commit_and_any_request_repeats_the_merge() {
    let mut kills = 0;
    for is_after in [false, true] {
        for is_commit in [false, true] {
            for number in 1.. {
                let kill = if is_commit {
                    Kill::Commit { number, is_after }
                } else {
                    Kill::Request { number, is_after }
                };
                let (shelf, one, other) = two_devices();
                other.life.start(Some(kill));
                let report = other.sync_list();
                let is_dead = other.life.is_dead();
                // Whatever happened, neither side has half of it.
                let _whole = (on_server(&shelf), other.titles());
                other.life.start(None);
                expect_merged(
                    settle(&shelf, &one, &other),
                    &format!("{kill:?} {report:?}"),
                );
                if !is_dead {
                    break;
                }
                kills += 1;
            }
        }
    }
    assert!(kills > 20, "only {kills} moments");
}

#[test]
fn an_edit_made_after_a_kill_is_merged_with_what_was_staged() {
    for number in 1.. {
        let (shelf, one, other) = two_devices();
        other.life.start(Some(Kill::Commit {
            number,
            is_after: true,
        }));
        other.sync_list();
        let is_dead = other.life.is_dead();
        other.life.start(None);
        other.put_entry("g", "g of other");
        one.put_entry("d", "d of one");
        let mut titles = settle(&shelf, &one, &other);
        titles.sort();
        let expected = [
            "b of other",
            "c of one",
            "d of one",
            "e of one",
            "f of other",
            "g of other",
        ];
        assert_eq!(titles, expected, "commit {number}");
        if !is_dead {
            break;
        }
    }
}

#[test]
fn a_record_that_was_written_meanwhile_is_merged_before_the_upload() {
    let (shelf, one, other) = two_devices();
    // Another device writes between the download and the upload.
    let server = shelf.clone();
    let late = device(&shelf);
    late.sync_list();
    late.put_entry("h", "h of late");
    let mut is_due = true;
    let third = device_with(&shelf, move |_, request| {
        if request.method == Method::Post && core::mem::take(&mut is_due) {
            assert!(late.sync_list().is_success());
        }
        Some(serve(&server, request))
    });
    third.put_entry("i", "i of third");
    assert!(third.sync_list().is_success());
    let mut titles = settle(&shelf, &one, &other);
    titles.sort();
    let expected = [
        "b of other",
        "c of one",
        "d",
        "e of one",
        "f of other",
        "h of late",
        "i of third",
    ];
    assert_eq!(titles, expected);
}

#[test]
fn a_local_edit_is_completed_or_refused() {
    let shelf = Shelf::default();
    let device = device(&shelf);
    for id in ["a", "b", "c"] {
        device.put_entry(id, id);
    }
    device.order(&["c", "a", "b"]);
    assert_eq!(device.titles(), ["c", "a", "b"]);
    device.delete_entry("a");
    assert_eq!(device.titles(), ["c", "b"]);
    let list_id = RecordId::new(LIST).unwrap();
    let put = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let json = list(&names);
        device.edit_list(async |records| records.put(Some(list_id.clone()), &json).await)
    };
    for wrong in [&["c"][..], &["c", "b", "a"], &["c", "b", "b"]] {
        let refused = put(wrong).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "this change would break the collection notes: the list must name every entry once"
        );
    }
    let deleted = device.edit_list(async |records| records.delete(&list_id).await);
    assert!(matches!(deleted, Err(Error::Input(_))));
    assert_eq!(device.titles(), ["c", "b"]);
}

#[test]
fn what_an_edit_lost_is_in_the_journal() {
    let shelf = Shelf::default();
    let (one, other) = (device(&shelf), device(&shelf));
    one.put_entry("a", "a");
    one.sync_list();
    other.sync_list();
    other.put_entry("a", "earlier");
    one.put_entry("a", "later");
    one.sync_list();
    let report = other.sync_list();
    assert_eq!(report.collections[0].pulled.replaced, 1, "{report:?}");
    let entries = block_on(crate::journal::list(&other, Some(&notes()), other.now())).unwrap();
    let values: Vec<&str> = entries
        .iter()
        .map(|entry| entry.cleartext.as_str())
        .collect();
    let kept = other.titles().remove(0);
    let lost = if kept == "later" { "earlier" } else { "later" };
    assert_eq!(values, [json!({"id": "a", "title": lost}).to_string()]);
}
