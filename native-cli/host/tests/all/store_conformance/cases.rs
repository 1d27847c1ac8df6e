//! What every store promises, one case a claim, for any `S: Store` that is empty: each host plays the same cases, which are
//! data in `tests/vectors/stores.json`.

use std::collections::BTreeMap;

use selvedge_core::host::{
    Base, BulkChange, Commit, Committed, Counts, Item, Key, PageLimit, Part, Pending, Revision,
    Selection, Store, Uploaded, Write,
};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::{LocalTime, ServerTime};
use serde::Deserialize;

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
            a_page_goes_past_many_deletions,
            pages_of_pending_items_hold_deletions_too,
            pages_go_on_where_the_last_ended_though_items_change,
            counts_tell_live_from_pending,
            one_commit_changes_many_collections,
            items_are_found_by_their_keys,
        }
    };
}

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
enum Step {
    Commit {
        commit: PlainCommit,
        answer: Answer,
    },
    #[serde(rename = "put many")]
    PutMany {
        collection: String,
        item: Box<PlainItem>,
        times: usize,
    },
    Read {
        collection: String,
        ids: Vec<String>,
        answer: Vec<Option<PlainItem>>,
    },
    Duplicates {
        collection: String,
        keys: Vec<String>,
        answer: Vec<String>,
    },
    Remember {
        collection: String,
        id: String,
        #[serde(rename = "as")]
        name: String,
    },
    Compare {
        are: Are,
        revisions: Vec<String>,
    },
    Page {
        collection: String,
        query: Query,
        answer: Vec<String>,
    },
    Counts {
        collection: String,
        answer: PlainCounts,
    },
    State {
        collection: String,
        answer: Option<String>,
    },
    Global {
        answer: Option<String>,
    },
    Collections {
        answer: Vec<String>,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Done,
    Stale,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Are {
    Same,
    Distinct,
    Rising,
}

#[derive(Deserialize)]
struct PlainCommit {
    parts: Vec<PlainPart>,
    global: Option<String>,
}

#[derive(Deserialize)]
struct PlainPart {
    collection: String,
    sweep: Option<PlainSweep>,
    writes: Vec<PlainWrite>,
    uploaded: Vec<PlainUploaded>,
    state: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum PlainSweep {
    Reset,
    Wipe,
}

#[derive(Deserialize)]
struct PlainWrite {
    id: String,
    seen: Option<PlainRevision>,
    becomes: Option<PlainItem>,
}

#[derive(Deserialize)]
struct PlainUploaded {
    id: String,
    revision: PlainRevision,
    modified: u64,
}

/// A revision, or the name under which one was remembered.
#[derive(Deserialize)]
#[serde(untagged)]
enum PlainRevision {
    Number(u64),
    Name(String),
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct PlainItem {
    id: String,
    cleartext: Option<Text>,
    base: Version,
    sent: Version,
    server_modified: u64,
    pending: Waiting,
    key: Option<String>,
}

#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum Text {
    Whole(String),
    Repeated { repeat: String, times: usize },
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "lowercase")]
enum Version {
    Unknown,
    Same,
    Content(Text),
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
enum Waiting {
    Nothing,
    Resend,
    EditedAt(u64),
}

#[derive(Deserialize)]
struct Query {
    selection: PlainSelection,
    after: Option<String>,
    records: usize,
    characters: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum PlainSelection {
    Live,
    Pending,
}

#[derive(Deserialize)]
struct PlainCounts {
    live: u64,
    pending: u64,
}

/// The names that revisions were remembered under.
type Revisions = BTreeMap<String, Revision>;

fn cases() -> Vec<Case> {
    let text = include_str!("../../../../../tests/vectors/stores.json");
    serde_json::from_str::<Cases>(text).unwrap().cases
}

/// The names of the cases that there are.
pub(crate) fn names() -> Vec<String> {
    cases().into_iter().map(|case| case.name).collect()
}

/// Plays a case on an empty store.
pub(crate) async fn play(name: &str, store: &impl Store) {
    let case = cases().into_iter().find(|case| case.name == name);
    let mut revisions = Revisions::new();
    for (at, step) in case.unwrap().steps.into_iter().enumerate() {
        play_step(step, store, &mut revisions, &format!("step {}", at + 1)).await;
    }
}

async fn play_step(step: Step, store: &impl Store, revisions: &mut Revisions, at: &str) {
    match step {
        Step::Commit { commit, answer } => {
            let expected = match answer {
                Answer::Done => Committed::Done,
                Answer::Stale => Committed::Stale,
            };
            let commit = commit.filled(revisions);
            assert_eq!(store.commit(commit).await.unwrap(), expected, "{at}");
        }
        Step::PutMany {
            collection,
            item,
            times,
        } => {
            let item = item.filled();
            let writes = (0..times).map(|number| {
                let id = id(&format!("{}{number:06}", item.id));
                Write {
                    id: id.clone(),
                    seen: None,
                    becomes: Some(Item { id, ..item.clone() }),
                }
            });
            let part = Part {
                writes: writes.collect(),
                ..Part::new(name(&collection))
            };
            let commit = Commit {
                parts: vec![part],
                global: None,
            };
            assert_eq!(store.commit(commit).await.unwrap(), Committed::Done, "{at}");
        }
        Step::Duplicates {
            collection,
            keys,
            answer,
        } => {
            let keys: Vec<Key> = keys.iter().map(|key| Key::new(key.as_str())).collect();
            let found = store.duplicates(&name(&collection), &keys).await.unwrap();
            let found: Vec<_> = found.iter().map(|stored| stored.item.id.as_str()).collect();
            assert_eq!(found, answer, "{at}");
        }
        Step::Read {
            collection,
            ids,
            answer,
        } => {
            let ids: Vec<_> = ids.iter().map(|text| id(text)).collect();
            let found = store.read(&name(&collection), &ids).await.unwrap();
            let found: Vec<_> = found
                .into_iter()
                .map(|found| found.map(|stored| stored.item))
                .collect();
            let expected: Vec<_> = answer
                .iter()
                .map(|item| item.as_ref().map(PlainItem::filled))
                .collect();
            assert!(found == expected, "{at}: {found:.300?}");
        }
        Step::Remember {
            collection,
            id: text,
            name: called,
        } => {
            let found = store.read(&name(&collection), &[id(&text)]).await.unwrap();
            let stored = found.into_iter().next().flatten().unwrap();
            revisions.insert(called, stored.revision);
        }
        Step::Compare {
            are,
            revisions: names,
        } => {
            let compared: Vec<_> = names.iter().map(|name| revisions[name]).collect();
            let is_right = match are {
                Are::Same => compared.windows(2).all(|pair| pair[0] == pair[1]),
                Are::Rising => compared.windows(2).all(|pair| pair[0] < pair[1]),
                Are::Distinct => {
                    let mut sorted = compared.clone();
                    sorted.sort();
                    sorted.windows(2).all(|pair| pair[0] != pair[1])
                }
            };
            assert!(is_right, "{at}: {compared:?}");
        }
        Step::Page {
            collection,
            query,
            answer,
        } => {
            let selection = match query.selection {
                PlainSelection::Live => Selection::Live,
                PlainSelection::Pending => Selection::Pending,
            };
            // Where sizes matter, the cases have texts in ASCII.
            let limit = PageLimit {
                records: query.records,
                bytes: query.characters,
            };
            let after = query.after.as_deref().map(id);
            let collection = name(&collection);
            let page = store.page(&collection, selection, after.as_ref(), limit);
            let page = page.await.unwrap();
            let ids: Vec<_> = page
                .iter()
                .map(|stored| stored.item.id.to_string())
                .collect();
            assert_eq!(ids, answer, "{at}");
        }
        Step::Counts { collection, answer } => {
            let PlainCounts { live, pending } = answer;
            let counts = store.counts(&name(&collection)).await.unwrap();
            assert_eq!(counts, Counts { live, pending }, "{at}");
        }
        Step::State { collection, answer } => {
            assert_eq!(
                store.state(&name(&collection)).await.unwrap(),
                answer,
                "{at}"
            );
        }
        Step::Global { answer } => assert_eq!(store.global().await.unwrap(), answer, "{at}"),
        Step::Collections { answer } => {
            let names = store.collections().await.unwrap();
            let names: Vec<_> = names.iter().map(CollectionName::as_str).collect();
            assert_eq!(names, answer, "{at}");
        }
    }
}

fn name(text: &str) -> CollectionName {
    CollectionName::new(text).unwrap()
}

fn id(text: &str) -> RecordId {
    RecordId::new(text).unwrap()
}

impl PlainCommit {
    fn filled(self, revisions: &Revisions) -> Commit {
        Commit {
            parts: self
                .parts
                .into_iter()
                .map(|part| part.filled(revisions))
                .collect(),
            global: self.global,
        }
    }
}

impl PlainPart {
    fn filled(self, revisions: &Revisions) -> Part {
        let write = |write: PlainWrite| Write {
            id: id(&write.id),
            seen: write.seen.map(|seen| seen.filled(revisions)),
            becomes: write.becomes.as_ref().map(PlainItem::filled),
        };
        let uploaded = |uploaded: PlainUploaded| Uploaded {
            id: id(&uploaded.id),
            revision: uploaded.revision.filled(revisions),
            modified: ServerTime::from_hundredths(uploaded.modified),
        };
        Part {
            collection: name(&self.collection),
            sweep: self.sweep.map(|sweep| match sweep {
                PlainSweep::Reset => BulkChange::Reset,
                PlainSweep::Wipe => BulkChange::Wipe,
            }),
            writes: self.writes.into_iter().map(write).collect(),
            uploaded: self.uploaded.into_iter().map(uploaded).collect(),
            state: self.state,
            incoming: Vec::new(),
        }
    }
}

impl PlainRevision {
    fn filled(self, revisions: &Revisions) -> Revision {
        match self {
            Self::Number(number) => Revision(number),
            Self::Name(name) => revisions[&name],
        }
    }
}

impl PlainItem {
    fn filled(&self) -> Item {
        Item {
            id: id(&self.id),
            cleartext: self.cleartext.as_ref().map(Text::filled),
            base: self.base.filled(),
            sent: self.sent.filled(),
            server_modified: ServerTime::from_hundredths(self.server_modified),
            pending: match self.pending {
                Waiting::Nothing => Pending::Nothing,
                Waiting::Resend => Pending::Resend,
                Waiting::EditedAt(millis) => Pending::Edit {
                    at: LocalTime::from_millis(millis),
                },
            },
            key: self.key.as_deref().map(Key::new),
        }
    }
}

impl Text {
    fn filled(&self) -> String {
        match self {
            Self::Whole(text) => text.clone(),
            Self::Repeated { repeat, times } => repeat.repeat(*times),
        }
    }
}

impl Version {
    fn filled(&self) -> Base {
        match self {
            Self::Unknown => Base::Unknown,
            Self::Same => Base::Same,
            Self::Content(text) => Base::Content(text.filled()),
        }
    }
}
