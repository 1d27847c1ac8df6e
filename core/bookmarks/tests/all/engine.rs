//! The engine for the core's sync: merges through the core's types, and local edits through the core's `Records`.

use selvedge_bookmarks::engine::BookmarksEngine;
use selvedge_core::engines::{
    Engine, LocalVersion, Merge, Records, ServerVersion, TreeInput, TreeItem, TreeMerge, TreePlan,
};
use selvedge_core::error::Error;
use selvedge_core::host::{
    Clock, MemoryStore, PageLimit, Pending, Random, RandomError, Selection, Store,
};
use selvedge_core::ids::RecordId;
use selvedge_core::reconcile::{Side, Theirs};
use selvedge_core::time::{LocalTime, ServerTime};
use serde_json::{Value, json};

const NOW: u64 = 1_700_000_000_000;

struct Host;

impl Clock for Host {
    fn now(&self) -> LocalTime {
        LocalTime::from_millis(NOW)
    }
}

impl Random for Host {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(7);
        Ok(())
    }
}

fn engine() -> BookmarksEngine {
    BookmarksEngine::new(|| [9; 9]).unwrap()
}

fn id(text: &str) -> RecordId {
    RecordId::new(text).unwrap()
}

fn page(id: &str, parent: &str, title: &str) -> String {
    json!({
        "id": id, "type": "bookmark", "parentid": parent, "title": title, "bmkUri": format!("https://example.org/{id}"),
    })
    .to_string()
}

fn folder(id: &str, parent: &str, children: &[&str]) -> String {
    json!({"id": id, "type": "folder", "parentid": parent, "title": id, "children": children})
        .to_string()
}

const A: &str = "aaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbb";
const F: &str = "ffffffffffff";

/// What a merge is asked: an id, and its base, local and incoming text; the local one with the age of its edit.
struct Asked {
    id: RecordId,
    base: Option<String>,
    local: Option<(Option<String>, Pending)>,
    incoming: Option<Option<String>>,
}

fn version(text: Option<&String>, modified: ServerTime) -> ServerVersion<'_> {
    ServerVersion {
        content: text.map_or(Theirs::Tombstone, |text| Theirs::Record(text)),
        modified,
    }
}

fn merged(asked: &[Asked]) -> TreePlan {
    let (old, new) = (NOW / 10 - 6000, NOW / 10 - 1000);
    let mut items: Vec<TreeItem<'_>> = asked
        .iter()
        .map(|asked| TreeItem {
            id: &asked.id,
            base: asked
                .base
                .as_ref()
                .map(|text| version(Some(text), ServerTime::from_hundredths(old))),
            local: asked.local.as_ref().map(|(text, pending)| LocalVersion {
                cleartext: text.as_deref(),
                pending: *pending,
            }),
            incoming: asked
                .incoming
                .as_ref()
                .map(|text| version(text.as_ref(), ServerTime::from_hundredths(new))),
        })
        .collect();
    items.sort_by_key(|item| item.id);
    let input = TreeInput {
        items: &items,
        server_now_millis: NOW,
        local_now: LocalTime::from_millis(NOW),
    };
    TreeMerge::merge(&engine(), &input).unwrap()
}

fn unchanged(name: &str, text: &str) -> Asked {
    Asked {
        id: id(name),
        base: Some(text.into()),
        local: Some((Some(text.into()), Pending::Nothing)),
        incoming: None,
    }
}

fn roots(menu: &[&str]) -> Vec<Asked> {
    let mut all = vec![unchanged("menu", &folder("menu", "places", menu))];
    all.extend(
        ["toolbar", "unfiled", "mobile"].map(|name| unchanged(name, &folder(name, "places", &[]))),
    );
    all
}

fn children(plan: &TreePlan, name: &str) -> Vec<String> {
    let found = plan.upserts.iter().find(|(one, _)| one.as_str() == name);
    let (_, text) = found.expect("the folder is stored");
    let folder: Value = serde_json::from_str(text).unwrap();
    serde_json::from_value(folder["children"].clone()).unwrap()
}

fn edited(millis_ago: u64) -> Pending {
    Pending::Edit {
        at: LocalTime::from_millis(NOW - millis_ago),
    }
}

#[test]
fn a_first_upload_sends_every_item_and_the_roots() {
    let asked = [
        ("menu", folder("menu", "places", &[A])),
        (A, page(A, "menu", "a")),
    ];
    let asked = asked.map(|(name, text)| Asked {
        id: id(name),
        base: None,
        local: Some((Some(text), edited(10))),
        incoming: None,
    });
    let plan = merged(&asked);
    let mut sent: Vec<&str> = plan
        .uploads
        .iter()
        .map(|upload| upload.id.as_str())
        .collect();
    sent.sort_unstable();
    assert_eq!(sent, [A, "menu", "mobile", "toolbar", "unfiled"]);
    assert!(
        plan.removals.is_empty() && plan.replaced.is_empty(),
        "{plan:?}"
    );
}

#[test]
fn nothing_changed_means_nothing_to_do() {
    let plan = merged(&roots(&[]));
    assert_eq!(
        (plan.uploads.len(), plan.removals.len(), plan.replaced.len()),
        (0, 0, 0)
    );
}

#[test]
fn new_items_of_both_sides_end_up_in_one_folder() {
    let mut asked = roots(&[]);
    asked[0].local = Some((Some(folder("menu", "places", &[A])), edited(5000)));
    asked[0].incoming = Some(Some(folder("menu", "places", &[B])));
    asked.push(Asked {
        id: id(A),
        base: None,
        local: Some((Some(page(A, "menu", "ours")), edited(5000))),
        incoming: None,
    });
    asked.push(Asked {
        id: id(B),
        base: None,
        local: None,
        incoming: Some(Some(page(B, "menu", "theirs"))),
    });
    let plan = merged(&asked);
    let mut found = children(&plan, "menu");
    found.sort();
    assert_eq!(found, [A, B]);
    let mut sent: Vec<&str> = plan
        .uploads
        .iter()
        .map(|upload| upload.id.as_str())
        .collect();
    sent.sort_unstable();
    assert_eq!(sent, [A, "menu"]);
}

#[test]
fn a_deletion_of_the_server_removes_and_a_clash_is_kept_for_the_journal() {
    let mut asked = roots(&[A, B]);
    asked[0].incoming = Some(Some(folder("menu", "places", &[B])));
    asked.push(Asked {
        incoming: Some(None),
        ..unchanged(A, &page(A, "menu", "a"))
    });
    asked.push(Asked {
        local: Some((Some(page(B, "menu", "ours")), edited(1))),
        incoming: Some(Some(page(B, "menu", "theirs"))),
        ..unchanged(B, &page(B, "menu", "b"))
    });
    let plan = merged(&asked);
    assert_eq!(plan.removals, [id(A)]);
    let lost = &plan.replaced[0];
    assert_eq!((lost.id.as_str(), lost.side), (B, Side::Theirs));
    assert!(lost.cleartext.contains("theirs"), "{lost:?}");
    assert_eq!(
        plan.uploads
            .iter()
            .filter(|upload| upload.id == id(B))
            .count(),
        1
    );
}

#[test]
fn a_local_deletion_is_sent_with_its_folder() {
    let mut asked = roots(&[A]);
    asked[0].local = Some((Some(folder("menu", "places", &[])), edited(5)));
    asked.push(Asked {
        local: Some((None, edited(5))),
        ..unchanged(A, &page(A, "menu", "a"))
    });
    let plan = merged(&asked);
    let sent: Vec<&str> = plan
        .uploads
        .iter()
        .map(|upload| upload.id.as_str())
        .collect();
    assert_eq!(sent, ["menu", A]);
    assert!(
        plan.upserts.iter().all(|(one, _)| *one != id(A)),
        "{plan:?}"
    );
}

fn all(store: &MemoryStore) -> Vec<(String, Value)> {
    let page = pollster::block_on(store.page(
        engine().collection(),
        Selection::Live,
        None,
        PageLimit::default(),
    ));
    let texts = page.unwrap().into_iter();
    texts
        .map(|stored| {
            let text = stored.item.cleartext.unwrap();
            (
                stored.item.id.to_string(),
                serde_json::from_str(&text).unwrap(),
            )
        })
        .collect()
}

fn listed(store: &MemoryStore, name: &str) -> Value {
    let all = all(store);
    let found = all.iter().find(|(one, _)| one == name);
    found.map_or(Value::Null, |(_, folder)| folder["children"].clone())
}

fn stored_tree() -> MemoryStore {
    let store = MemoryStore::default();
    let rows = [
        ("menu", folder("menu", "places", &[F])),
        ("toolbar", folder("toolbar", "places", &[])),
        (F, folder(F, "menu", &[A])),
        (A, page(A, F, "a")),
    ];
    let rows = rows
        .each_ref()
        .map(|(name, text)| (Some(id(name)), text.as_str()));
    let records = Records::new(&store, &Host, &Host, engine().collection().clone());
    pollster::block_on(records.put_many(&rows)).unwrap();
    store
}

fn edit<T>(
    store: &MemoryStore,
    edit: impl AsyncFnOnce(Records<'_, MemoryStore, Host, Host>) -> T,
) -> T {
    let engine = engine();
    let records = Records::new(store, &Host, &Host, engine.collection().clone());
    pollster::block_on(edit(records.with_engine(&engine)))
}

#[test]
fn a_new_bookmark_is_listed_in_its_folder() {
    let store = stored_tree();
    edit(&store, async |records| {
        records.put(Some(id(B)), &page(B, F, "b")).await
    })
    .unwrap();
    assert_eq!(listed(&store, F), json!([A, B]));
}

#[test]
fn a_moved_bookmark_leaves_its_former_folder() {
    let store = stored_tree();
    edit(&store, async |records| {
        records.put(Some(id(A)), &page(A, "toolbar", "a")).await
    })
    .unwrap();
    assert_eq!(
        (listed(&store, F), listed(&store, "toolbar")),
        (json!([]), json!([A]))
    );
}

#[test]
fn a_deleted_folder_takes_everything_in_it_along() {
    let store = stored_tree();
    edit(&store, async |records| records.delete(&id(F)).await).unwrap();
    let left: Vec<String> = all(&store).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        (left, listed(&store, "menu")),
        (vec!["menu".into(), "toolbar".into()], json!([]))
    );
}

#[test]
fn a_bookmark_without_a_folder_and_the_deletion_of_a_root_are_refused() {
    let store = stored_tree();
    let before = all(&store);
    let homeless = page(B, "nowhere_____", "b");
    let refused = edit(&store, async |records| {
        records.put(Some(id(B)), &homeless).await
    });
    let Err(Error::Input(message)) = refused else {
        panic!("{refused:?}");
    };
    assert!(message.contains("there is no folder"), "{message}");
    let refused = edit(&store, async |records| records.delete(&id("menu")).await);
    assert!(matches!(refused, Err(Error::Input(_))), "{refused:?}");
    assert_eq!(all(&store), before);
}

#[test]
fn it_is_an_engine_of_a_whole_collection() {
    let engine: Box<dyn Engine> = Box::new(engine());
    assert!(matches!(engine.merge(), Merge::WholeCollection(_)));
    assert!(!engine.has_duplicate_keys());
}
