//! What every store promises, one case a claim, for any `S: Store` that is empty: each host runs the same cases.

use selvedge_core::host::{
    Base, Commit, Committed, Counts, Item, PageLimit, Part, Pending, Revision, Selection, Store,
    Stored, Sweep, Uploaded, Write,
};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::{LocalTime, ServerTime};

/// Hands the names of all cases to a macro, which makes a test of each.
#[macro_export]
macro_rules! every_store_case {
    ($make:ident) => {
        $make! {
            an_empty_store_has_nothing,
            an_item_comes_back_as_it_was_put,
            items_come_in_the_order_asked_for,
            every_kind_of_version_and_pending_lasts,
            text_of_any_script_lasts,
            a_record_of_a_megabyte_lasts,
            a_put_over_an_unseen_item_is_stale,
            a_write_under_an_old_revision_is_stale,
            a_removal_under_an_old_revision_is_stale,
            a_write_of_a_vanished_item_is_stale,
            a_removal_of_what_was_never_there_is_done,
            a_stale_commit_changes_nothing_at_all,
            a_revision_is_never_given_twice,
            an_upload_makes_base_and_item_the_same,
            an_upload_of_an_item_changed_since_changes_nothing,
            an_upload_of_an_item_changed_since_makes_what_was_sent_the_base,
            an_uploaded_deletion_is_removed,
            an_upload_of_an_absent_item_is_no_error,
            a_reset_forgets_the_server_and_keeps_the_edits,
            a_wipe_empties_one_collection_only,
            states_last_and_are_left_when_not_named,
            collections_are_those_with_an_item_or_a_state,
            pages_end_at_the_bound_of_records,
            pages_end_with_the_record_that_reaches_the_bound_of_bytes,
            a_page_of_no_size_holds_one_record,
            pages_of_live_items_leave_out_deletions,
            pages_of_pending_items_hold_deletions_too,
            pages_go_on_where_the_last_ended_though_items_change,
            counts_tell_live_from_pending,
            one_commit_changes_many_collections,
        }
    };
}

fn notes() -> CollectionName {
    CollectionName::new("notes").unwrap()
}

fn id(text: &str) -> RecordId {
    RecordId::new(text).unwrap()
}

fn hundredths(time: u64) -> ServerTime {
    ServerTime::from_hundredths(time)
}

fn item(name: &str, cleartext: Option<&str>, base: Base, pending: Pending) -> Item {
    Item {
        id: id(name),
        cleartext: cleartext.map(Into::into),
        base,
        sent: Base::Unknown,
        server_modified: hundredths(138_863_580_740),
        pending,
    }
}

fn synced(name: &str, cleartext: &str) -> Item {
    item(name, Some(cleartext), Base::Same, Pending::Nothing)
}

fn edited(name: &str, cleartext: &str) -> Item {
    item(name, Some(cleartext), Base::Content("{}".into()), edit(5))
}

fn deleted(name: &str) -> Item {
    item(name, None, Base::Content("{}".into()), edit(6))
}

fn edit(millis: u64) -> Pending {
    Pending::Edit {
        at: LocalTime::from_millis(millis),
    }
}

fn put(seen: Option<Revision>, item: Item) -> Write {
    Write {
        id: item.id.clone(),
        seen,
        becomes: Some(item),
    }
}

fn removal(seen: Option<Revision>, name: &str) -> Write {
    Write {
        id: id(name),
        seen,
        becomes: None,
    }
}

async fn commit(store: &impl Store, parts: Vec<Part>) -> Committed {
    let commit = Commit {
        parts,
        global: None,
    };
    store.commit(commit).await.unwrap()
}

async fn write(store: &impl Store, writes: Vec<Write>) -> Committed {
    let part = Part {
        writes,
        ..Part::new(notes())
    };
    commit(store, vec![part]).await
}

/// Puts items that are not there yet.
async fn fill(store: &impl Store, items: impl IntoIterator<Item = Item>) {
    let writes = items.into_iter().map(|item| put(None, item)).collect();
    assert_eq!(write(store, writes).await, Committed::Done);
}

async fn sweep(store: &impl Store, collection: CollectionName, sweep: Sweep) {
    let part = Part {
        sweep: Some(sweep),
        ..Part::new(collection)
    };
    assert_eq!(commit(store, vec![part]).await, Committed::Done);
}

async fn uploaded(store: &impl Store, name: &str, revision: Revision) {
    let part = Part {
        uploaded: vec![Uploaded {
            id: id(name),
            revision,
            modified: hundredths(999),
        }],
        ..Part::new(notes())
    };
    assert_eq!(commit(store, vec![part]).await, Committed::Done);
}

async fn find(store: &impl Store, name: &str) -> Option<Stored> {
    let mut found = store.read(&notes(), &[id(name)]).await.unwrap();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

async fn revision(store: &impl Store, name: &str) -> Revision {
    find(store, name).await.expect("it is there").revision
}

async fn page(
    store: &impl Store,
    selection: Selection,
    after: Option<&str>,
    limit: PageLimit,
) -> Vec<String> {
    let after = after.map(id);
    store
        .page(&notes(), selection, after.as_ref(), limit)
        .await
        .unwrap()
        .into_iter()
        .map(|stored| stored.item.id.to_string())
        .collect()
}

pub(crate) async fn an_empty_store_has_nothing(store: &impl Store) {
    assert_eq!(store.global().await.unwrap(), None);
    assert_eq!(store.state(&notes()).await.unwrap(), None);
    assert_eq!(store.collections().await.unwrap(), []);
    assert_eq!(store.counts(&notes()).await.unwrap(), Counts::default());
    assert_eq!(store.read(&notes(), &[]).await.unwrap(), []);
    assert_eq!(find(store, "a").await, None);
    assert_eq!(
        page(store, Selection::Live, None, PageLimit::default()).await,
        [""; 0]
    );
}

pub(crate) async fn an_item_comes_back_as_it_was_put(store: &impl Store) {
    fill(store, [synced("a", r#"{"id":"a"}"#)]).await;
    assert_eq!(
        find(store, "a").await.unwrap().item,
        synced("a", r#"{"id":"a"}"#)
    );
}

pub(crate) async fn items_come_in_the_order_asked_for(store: &impl Store) {
    fill(
        store,
        [synced("a", "1"), synced("b", "2"), synced("c", "3")],
    )
    .await;
    let ids = ["c", "x", "a", "c"].map(id);
    let found = store.read(&notes(), &ids).await.unwrap();
    let found: Vec<_> = found
        .into_iter()
        .map(|found| found.and_then(|stored| stored.item.cleartext))
        .collect();
    assert_eq!(
        found,
        [Some("3".into()), None, Some("1".into()), Some("3".into())]
    );
}

pub(crate) async fn every_kind_of_version_and_pending_lasts(store: &impl Store) {
    let bases = [Base::Unknown, Base::Same, Base::Content("{\"x\":1}".into())];
    let pendings = [
        Pending::Nothing,
        Pending::Resend,
        edit(0),
        edit(1_700_000_000_000),
    ];
    let mut items = Vec::new();
    for (base, sent) in bases
        .iter()
        .flat_map(|base| bases.iter().map(move |sent| (base, sent)))
    {
        for pending in pendings {
            let name = format!("i{}", items.len());
            let item = item(&name, Some("{}"), base.clone(), pending);
            items.push(Item {
                sent: sent.clone(),
                ..item
            });
        }
    }
    fill(store, items.clone()).await;
    // And once more by an update, each with the values of the next.
    for turn in 0..2 {
        let mut writes = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let name = item.id.as_str();
            assert_eq!(&find(store, name).await.unwrap().item, item, "turn {turn}");
            let next = &items[(at + 1) % items.len()];
            writes.push(put(
                Some(revision(store, name).await),
                Item {
                    id: item.id.clone(),
                    ..next.clone()
                },
            ));
        }
        items = writes
            .iter()
            .filter_map(|write| write.becomes.clone())
            .collect();
        assert_eq!(write(store, writes).await, Committed::Done);
    }
}

pub(crate) async fn text_of_any_script_lasts(store: &impl Store) {
    let text = "{\"t\":\"Grüße, 世界, 👩‍👩‍👧, \u{202e}עברית, nul \\u0000 and \u{0}\"}";
    fill(store, [synced("~ !\"'%_", text)]).await;
    let found = find(store, "~ !\"'%_").await.unwrap();
    assert_eq!(found.item.cleartext.as_deref(), Some(text));
}

pub(crate) async fn a_record_of_a_megabyte_lasts(store: &impl Store) {
    let text = format!("{{\"t\":\"{}\"}}", "é".repeat(1 << 19));
    let big = item("big", Some(&text), Base::Content(text.clone()), edit(1));
    fill(store, [big.clone()]).await;
    assert_eq!(find(store, "big").await.unwrap().item, big);
}

pub(crate) async fn a_put_over_an_unseen_item_is_stale(store: &impl Store) {
    fill(store, [synced("a", "1")]).await;
    assert_eq!(
        write(store, vec![put(None, synced("a", "2"))]).await,
        Committed::Stale
    );
    assert_eq!(find(store, "a").await.unwrap().item, synced("a", "1"));
}

pub(crate) async fn a_write_under_an_old_revision_is_stale(store: &impl Store) {
    fill(store, [synced("a", "1")]).await;
    let old = revision(store, "a").await;
    assert_eq!(
        write(store, vec![put(Some(old), synced("a", "2"))]).await,
        Committed::Done
    );
    assert_eq!(
        write(store, vec![put(Some(old), synced("a", "3"))]).await,
        Committed::Stale
    );
    assert_eq!(find(store, "a").await.unwrap().item, synced("a", "2"));
}

pub(crate) async fn a_removal_under_an_old_revision_is_stale(store: &impl Store) {
    fill(store, [synced("a", "1")]).await;
    let old = revision(store, "a").await;
    assert_eq!(
        write(store, vec![put(Some(old), synced("a", "2"))]).await,
        Committed::Done
    );
    assert_eq!(
        write(store, vec![removal(Some(old), "a")]).await,
        Committed::Stale
    );
    let now = revision(store, "a").await;
    assert_eq!(
        write(store, vec![removal(Some(now), "a")]).await,
        Committed::Done
    );
    assert_eq!(find(store, "a").await, None);
}

pub(crate) async fn a_write_of_a_vanished_item_is_stale(store: &impl Store) {
    fill(store, [synced("a", "1")]).await;
    let seen = Some(revision(store, "a").await);
    assert_eq!(
        write(store, vec![removal(seen, "a")]).await,
        Committed::Done
    );
    assert_eq!(
        write(store, vec![put(seen, synced("a", "2"))]).await,
        Committed::Stale
    );
    assert_eq!(
        write(store, vec![removal(seen, "a")]).await,
        Committed::Stale
    );
    assert_eq!(find(store, "a").await, None);
}

pub(crate) async fn a_removal_of_what_was_never_there_is_done(store: &impl Store) {
    assert_eq!(
        write(store, vec![removal(None, "a")]).await,
        Committed::Done
    );
    fill(store, [synced("a", "1")]).await;
    assert_eq!(
        write(store, vec![removal(None, "a")]).await,
        Committed::Stale
    );
}

pub(crate) async fn a_stale_commit_changes_nothing_at_all(store: &impl Store) {
    fill(store, [synced("a", "1"), edited("b", "2")]).await;
    let (a, b) = (find(store, "a").await, find(store, "b").await);
    let seen = |stored: &Option<Stored>| stored.as_ref().map(|stored| stored.revision);
    let other = CollectionName::new("other").unwrap();
    let first = Part {
        writes: vec![put(None, synced("x", "9"))],
        state: Some("state".into()),
        ..Part::new(other.clone())
    };
    let second = Part {
        writes: vec![
            put(seen(&a), synced("a", "3")),
            put(None, synced("c", "4")),
            put(None, synced("b", "5")),
        ],
        uploaded: vec![Uploaded {
            id: id("b"),
            revision: seen(&b).unwrap(),
            modified: hundredths(1),
        }],
        state: Some("state".into()),
        ..Part::new(notes())
    };
    let stale = Commit {
        parts: vec![first, second],
        global: Some("global".into()),
    };
    assert_eq!(store.commit(stale).await.unwrap(), Committed::Stale);
    assert_eq!((find(store, "a").await, find(store, "b").await), (a, b));
    assert_eq!(find(store, "c").await, None);
    assert_eq!(store.global().await.unwrap(), None);
    assert_eq!(store.state(&notes()).await.unwrap(), None);
    assert_eq!(store.state(&other).await.unwrap(), None);
    assert_eq!(store.collections().await.unwrap(), [notes()]);
    // The collection that was never made can be made yet.
    let again = Part {
        writes: vec![put(None, synced("x", "9"))],
        ..Part::new(other.clone())
    };
    assert_eq!(commit(store, vec![again]).await, Committed::Done);
    assert_eq!(store.collections().await.unwrap(), [notes(), other]);
}

pub(crate) async fn a_revision_is_never_given_twice(store: &impl Store) {
    let mut seen = Vec::new();
    for _ in 0..3 {
        fill(store, [edited("a", "1")]).await;
        seen.push(revision(store, "a").await);
        sweep(store, notes(), Sweep::Reset).await;
        seen.push(revision(store, "a").await);
        let now = seen.last().copied().unwrap();
        uploaded(store, "a", now).await;
        seen.push(revision(store, "a").await);
        let now = seen.last().copied();
        assert_eq!(write(store, vec![removal(now, "a")]).await, Committed::Done);
    }
    sweep(store, notes(), Sweep::Wipe).await;
    fill(store, [edited("a", "1")]).await;
    seen.push(revision(store, "a").await);
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all);
}

pub(crate) async fn an_upload_makes_base_and_item_the_same(store: &impl Store) {
    let sent = Item {
        sent: Base::Same,
        ..edited("a", "1")
    };
    fill(store, [sent]).await;
    uploaded(store, "a", revision(store, "a").await).await;
    let expected = Item {
        server_modified: hundredths(999),
        ..synced("a", "1")
    };
    assert_eq!(find(store, "a").await.unwrap().item, expected);
    assert_eq!(store.counts(&notes()).await.unwrap().pending, 0);
}

pub(crate) async fn an_upload_of_an_item_changed_since_changes_nothing(store: &impl Store) {
    fill(store, [edited("a", "1"), edited("b", "1")]).await;
    let (a, b) = (revision(store, "a").await, revision(store, "b").await);
    let changes = vec![put(Some(a), edited("a", "2")), put(Some(b), deleted("b"))];
    assert_eq!(write(store, changes).await, Committed::Done);
    uploaded(store, "a", a).await;
    uploaded(store, "b", b).await;
    assert_eq!(find(store, "a").await.unwrap().item, edited("a", "2"));
    assert_eq!(find(store, "b").await.unwrap().item, deleted("b"));
}

pub(crate) async fn an_upload_of_an_item_changed_since_makes_what_was_sent_the_base(
    store: &impl Store,
) {
    let sent = |item: Item, sent: Base| Item { sent, ..item };
    fill(
        store,
        [
            sent(edited("a", "1"), Base::Same),
            sent(edited("b", "1"), Base::Same),
        ],
    )
    .await;
    let (a, b) = (revision(store, "a").await, revision(store, "b").await);
    let content = || Base::Content("1".into());
    let changes = vec![
        put(Some(a), sent(edited("a", "2"), content())),
        put(Some(b), sent(deleted("b"), content())),
    ];
    assert_eq!(write(store, changes).await, Committed::Done);
    for (name, seen, now) in [("a", a, edited("a", "2")), ("b", b, deleted("b"))] {
        let before = revision(store, name).await;
        uploaded(store, name, seen).await;
        let expected = Item {
            base: content(),
            server_modified: hundredths(999),
            ..now
        };
        let found = find(store, name).await.unwrap();
        assert_eq!((found.item, found.revision), (expected, before));
    }
}

pub(crate) async fn an_uploaded_deletion_is_removed(store: &impl Store) {
    fill(store, [deleted("a")]).await;
    uploaded(store, "a", revision(store, "a").await).await;
    assert_eq!(find(store, "a").await, None);
    assert_eq!(store.counts(&notes()).await.unwrap(), Counts::default());
}

pub(crate) async fn an_upload_of_an_absent_item_is_no_error(store: &impl Store) {
    uploaded(store, "a", Revision(1)).await;
    assert_eq!(find(store, "a").await, None);
}

pub(crate) async fn a_reset_forgets_the_server_and_keeps_the_edits(store: &impl Store) {
    let fresh = item("fresh", Some("{}"), Base::Unknown, edit(7));
    let handed_out = || Item {
        sent: Base::Same,
        ..edited("handed-out", "3")
    };
    fill(
        store,
        [
            synced("same", "1"),
            edited("edited", "2"),
            deleted("gone"),
            fresh,
            handed_out(),
        ],
    )
    .await;
    let before = revision(store, "same").await;
    sweep(store, notes(), Sweep::Reset).await;
    let expect = |item: Item| Item {
        server_modified: ServerTime::ZERO,
        ..item
    };
    // The server may still have what was the base.
    let doubted = |item: Item| Item {
        sent: item.base,
        base: Base::Unknown,
        ..item
    };
    let sent = |item: Item| Item {
        base: Base::Unknown,
        ..item
    };
    for expected in [
        item("same", Some("1"), Base::Unknown, Pending::Resend),
        doubted(edited("edited", "2")),
        doubted(deleted("gone")),
        item("fresh", Some("{}"), Base::Unknown, edit(7)),
        sent(handed_out()),
    ] {
        let found = find(store, expected.id.as_str()).await.unwrap();
        assert_eq!(found.item, expect(expected));
        assert!(found.revision > before);
    }
    assert_eq!(
        store.counts(&notes()).await.unwrap(),
        Counts {
            live: 4,
            pending: 5
        }
    );
}

pub(crate) async fn a_wipe_empties_one_collection_only(store: &impl Store) {
    let other = CollectionName::new("other").unwrap();
    fill(store, [synced("a", "1"), deleted("b")]).await;
    let part = Part {
        writes: vec![put(None, synced("a", "1"))],
        ..Part::new(other.clone())
    };
    assert_eq!(commit(store, vec![part]).await, Committed::Done);
    sweep(store, notes(), Sweep::Wipe).await;
    assert_eq!(store.counts(&notes()).await.unwrap(), Counts::default());
    assert_eq!(store.counts(&other).await.unwrap().live, 1);
    assert_eq!(store.collections().await.unwrap(), [other]);
}

pub(crate) async fn states_last_and_are_left_when_not_named(store: &impl Store) {
    let with_states = Commit {
        parts: vec![Part {
            state: Some("{\"since\":1}".into()),
            ..Part::new(notes())
        }],
        global: Some("{\"sync\":2}".into()),
    };
    assert_eq!(store.commit(with_states).await.unwrap(), Committed::Done);
    fill(store, [synced("a", "1")]).await;
    sweep(store, notes(), Sweep::Wipe).await;
    assert_eq!(
        store.state(&notes()).await.unwrap().as_deref(),
        Some("{\"since\":1}")
    );
    assert_eq!(
        store.global().await.unwrap().as_deref(),
        Some("{\"sync\":2}")
    );
}

pub(crate) async fn collections_are_those_with_an_item_or_a_state(store: &impl Store) {
    for name in ["tabs", "Notes", "bookmarks"] {
        let part = Part {
            state: (name == "tabs").then(|| "{}".into()),
            writes: if name == "bookmarks" {
                vec![put(None, deleted("menu"))]
            } else {
                Vec::new()
            },
            ..Part::new(CollectionName::new(name).unwrap())
        };
        assert_eq!(commit(store, vec![part]).await, Committed::Done);
    }
    let names = store.collections().await.unwrap();
    let names: Vec<&str> = names.iter().map(CollectionName::as_str).collect();
    assert_eq!(names, ["bookmarks", "tabs"]);
}

pub(crate) async fn pages_end_at_the_bound_of_records(store: &impl Store) {
    fill(
        store,
        ["e", "b", "d", "a", "c"].map(|name| synced(name, "{}")),
    )
    .await;
    let two = PageLimit {
        records: 2,
        bytes: 1 << 20,
    };
    assert_eq!(page(store, Selection::Live, None, two).await, ["a", "b"]);
    assert_eq!(
        page(store, Selection::Live, Some("b"), two).await,
        ["c", "d"]
    );
    assert_eq!(page(store, Selection::Live, Some("d"), two).await, ["e"]);
    assert_eq!(page(store, Selection::Live, Some("e"), two).await, [""; 0]);
    assert_eq!(
        page(store, Selection::Live, Some("bb"), two).await,
        ["c", "d"]
    );
}

pub(crate) async fn pages_end_with_the_record_that_reaches_the_bound_of_bytes(store: &impl Store) {
    // "b" counts its base too.
    let b = item("b", Some("12345"), Base::Content("12345".into()), edit(1));
    fill(
        store,
        [
            synced("a", "1234567890"),
            b,
            synced("c", "1"),
            synced("d", "1"),
        ],
    )
    .await;
    for (bytes, expected) in [
        (1, &["a"][..]),
        (10, &["a"]),
        (11, &["a", "b"]),
        (20, &["a", "b"]),
        (21, &["a", "b", "c"]),
        (99, &["a", "b", "c", "d"]),
    ] {
        let limit = PageLimit {
            records: 500,
            bytes,
        };
        assert_eq!(
            page(store, Selection::Live, None, limit).await,
            expected,
            "{bytes}"
        );
    }
}

pub(crate) async fn a_page_of_no_size_holds_one_record(store: &impl Store) {
    fill(store, [synced("a", "1"), synced("b", "1")]).await;
    let none = PageLimit {
        records: 0,
        bytes: 0,
    };
    assert_eq!(page(store, Selection::Live, None, none).await, ["a"]);
}

pub(crate) async fn pages_of_live_items_leave_out_deletions(store: &impl Store) {
    fill(store, [synced("a", "1"), deleted("b"), edited("c", "1")]).await;
    assert_eq!(
        page(store, Selection::Live, None, PageLimit::default()).await,
        ["a", "c"]
    );
}

pub(crate) async fn pages_of_pending_items_hold_deletions_too(store: &impl Store) {
    let resend = item("d", Some("{}"), Base::Unknown, Pending::Resend);
    fill(
        store,
        [synced("a", "1"), deleted("b"), edited("c", "1"), resend],
    )
    .await;
    assert_eq!(
        page(store, Selection::Pending, None, PageLimit::default()).await,
        ["b", "c", "d"]
    );
}

pub(crate) async fn pages_go_on_where_the_last_ended_though_items_change(store: &impl Store) {
    fill(store, ["a", "b", "c", "d"].map(|name| edited(name, "{}"))).await;
    let two = PageLimit {
        records: 2,
        bytes: 1 << 20,
    };
    assert_eq!(page(store, Selection::Pending, None, two).await, ["a", "b"]);
    for name in ["a", "b"] {
        uploaded(store, name, revision(store, name).await).await;
    }
    assert_eq!(
        page(store, Selection::Pending, Some("b"), two).await,
        ["c", "d"]
    );
}

pub(crate) async fn counts_tell_live_from_pending(store: &impl Store) {
    fill(
        store,
        [
            synced("a", "1"),
            synced("b", "1"),
            edited("c", "1"),
            deleted("d"),
        ],
    )
    .await;
    assert_eq!(
        store.counts(&notes()).await.unwrap(),
        Counts {
            live: 3,
            pending: 2
        }
    );
}

pub(crate) async fn one_commit_changes_many_collections(store: &impl Store) {
    let names = ["one", "two"].map(|name| CollectionName::new(name).unwrap());
    let parts = names
        .iter()
        .map(|name| Part {
            writes: vec![put(None, synced("a", name.as_str()))],
            state: Some(name.to_string()),
            ..Part::new(name.clone())
        })
        .collect();
    assert_eq!(commit(store, parts).await, Committed::Done);
    for name in names {
        let found = store.read(&name, &[id("a")]).await.unwrap();
        let text = found.into_iter().flatten().next().unwrap().item.cleartext;
        assert_eq!(text.as_deref(), Some(name.as_str()));
        assert_eq!(
            store.state(&name).await.unwrap().as_deref(),
            Some(name.as_str())
        );
    }
}
