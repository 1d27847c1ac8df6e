//! Records in a store that JavaScript provides.

use std::borrow::Cow;
use std::cell::RefCell;

use js_sys::{Array, JSON, Promise};
use selvedge_core::host::{
    Base, BulkChange, Commit, Committed, Counts, Item, Key, PageLimit, Part, Pending, Revision,
    Selection, Store, StoreError, StoreErrorKind, Stored, Uploaded, Write,
};
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::json;
use selvedge_core::time::{LocalTime, ServerTime};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::types::member;

#[wasm_bindgen]
extern "C" {
    /// An object with the methods of the interface `Store`; each may return a value or a promise.
    #[wasm_bindgen(typescript_type = "Store")]
    #[derive(Debug, Clone)]
    pub type StoreObject;

    #[wasm_bindgen(method, structural, catch)]
    fn global(this: &StoreObject) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn state(this: &StoreObject, collection: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn collections(this: &StoreObject) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn counts(this: &StoreObject, collection: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn read(this: &StoreObject, collection: &str, ids: Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn page(this: &StoreObject, collection: &str, query: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn duplicates(this: &StoreObject, collection: &str, keys: Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn commit(this: &StoreObject, commit: &JsValue) -> Result<JsValue, JsValue>;
}

/// The core's trait `Store` for a store of JavaScript. A page or a commit is passed as one JSON text.
#[derive(Debug)]
pub(super) struct JsStore {
    object: StoreObject,
    /// What the store threw last, for the cause of the error.
    thrown: RefCell<Option<JsValue>>,
}

impl JsStore {
    pub(super) const fn new(object: StoreObject) -> Self {
        Self {
            object,
            thrown: RefCell::new(None),
        }
    }

    /// What the store threw when it failed last.
    pub(super) fn take_thrown(&self) -> Option<JsValue> {
        self.thrown.take()
    }

    async fn settle(&self, called: Result<JsValue, JsValue>) -> Result<JsValue, StoreError> {
        let settled = match called {
            Ok(answer) if answer.is_instance_of::<Promise>() => Promise::resolve(&answer).await,
            called => called,
        };
        settled.map_err(|thrown| {
            let error = store_error(&thrown);
            self.thrown.replace(Some(thrown));
            error
        })
    }

    async fn answer<T: for<'a> Deserialize<'a>>(
        &self,
        called: Result<JsValue, JsValue>,
    ) -> Result<T, StoreError> {
        let answer = self.settle(called).await?;
        let text = JSON::stringify(&answer).map_err(|_| invalid_answer())?;
        let text = JsValue::from(text).as_string().ok_or_else(invalid_answer)?;
        json::from_str(&text).map_err(|_| invalid_answer())
    }

    async fn read_in(
        &self,
        name: &str,
        ids: impl ExactSizeIterator<Item = &RecordId>,
    ) -> Result<Vec<Option<PlainStored>>, StoreError> {
        let count = ids.len();
        let asked: Array = ids.map(|id| JsValue::from(id.as_str())).collect();
        let found: Vec<_> = self.answer(self.object.read(name, asked)).await?;
        if found.len() == count {
            Ok(found)
        } else {
            Err(invalid_answer())
        }
    }

    /// What a part changes in the collection of its staged versions.
    async fn staging<'a>(&self, part: &'a Part) -> Result<PlainPart<'a>, StoreError> {
        let name = staged(&part.collection);
        let ids = part.incoming.iter().map(|write| &write.id);
        let found = self.read_in(&name, ids).await?;
        let writes = part
            .incoming
            .iter()
            .zip(found)
            .filter_map(|(write, found)| {
                let seen = found.map(|stored| stored.revision);
                let is_done = write.becomes.is_none() && seen != write.seen.map(|seen| seen.0);
                (!is_done).then_some(PlainWrite {
                    seen,
                    ..PlainWrite::of(write)
                })
            });
        Ok(PlainPart {
            writes: writes.collect(),
            collection: name.into(),
            sweep: part.sweep.map(|_| "wipe"),
            uploaded: Vec::new(),
            state: None,
        })
    }

    /// A text, or nothing.
    async fn text(&self, called: Result<JsValue, JsValue>) -> Result<Option<String>, StoreError> {
        let answer = self.settle(called).await?;
        if answer.is_null() || answer.is_undefined() {
            return Ok(None);
        }
        answer.as_string().map(Some).ok_or_else(invalid_answer)
    }
}

/// The end of the names of collections that hold the staged versions of another collection: no collection of an account
/// has such a name.
const STAGED: &str = "/incoming";

fn staged(collection: &CollectionName) -> String {
    format!("{collection}{STAGED}")
}

fn invalid_answer() -> StoreError {
    StoreError::new(
        StoreErrorKind::Damaged,
        "the store returned a value that does not match the interface Store",
    )
}

/// Classifies an error of a store by its code, or by the name of a browser's error.
fn store_error(thrown: &JsValue) -> StoreError {
    let text = |name| member(thrown, name).as_string();
    let kind = match (text("code").as_deref(), text("name").as_deref()) {
        (Some("store-full"), _) | (_, Some("QuotaExceededError")) => StoreErrorKind::Full,
        (Some("store-busy"), _) => StoreErrorKind::Busy,
        (Some("store-locked"), _) => StoreErrorKind::Locked,
        (Some("store-damaged"), _) | (_, Some("DataError" | "DataCloneError")) => {
            StoreErrorKind::Damaged
        }
        _ => StoreErrorKind::Unavailable,
    };
    let detail = text("message").filter(|text| !text.is_empty());
    StoreError::new(
        kind,
        detail.unwrap_or_else(|| "the store gives no reason".into()),
    )
}

fn object(value: &impl Serialize) -> Result<JsValue, StoreError> {
    let text = json::to_string(value).map_err(|_| invalid_answer())?;
    JSON::parse(&text).map_err(|_| invalid_answer())
}

/// A version of an item: `"unknown"`, `"same"` or `{content}`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Version<'a> {
    Unknown,
    Same,
    Content(Cow<'a, str>),
}

/// `"nothing"`, `"resend"` or `{editedAt}`, in milliseconds.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Waiting {
    Nothing,
    Resend,
    EditedAt(u64),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlainItem<'a> {
    id: &'a str,
    cleartext: Option<&'a str>,
    base: Version<'a>,
    sent: Version<'a>,
    server_modified: u64,
    pending: Waiting,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

/// A [`PlainItem`] from the store, with its revision.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlainStored {
    id: String,
    cleartext: Option<String>,
    base: Version<'static>,
    sent: Version<'static>,
    server_modified: u64,
    pending: Waiting,
    #[serde(default)]
    key: Option<String>,
    revision: u64,
}

#[derive(Serialize)]
struct PlainCommit<'a> {
    parts: Vec<PlainPart<'a>>,
    global: Option<&'a str>,
}

#[derive(Serialize)]
struct PlainPart<'a> {
    collection: Cow<'a, str>,
    sweep: Option<&'static str>,
    writes: Vec<PlainWrite<'a>>,
    uploaded: Vec<PlainUploaded<'a>>,
    state: Option<&'a str>,
}

#[derive(Serialize)]
struct PlainWrite<'a> {
    id: &'a str,
    seen: Option<u64>,
    becomes: Option<PlainItem<'a>>,
}

#[derive(Serialize)]
struct PlainUploaded<'a> {
    id: &'a str,
    revision: u64,
    modified: u64,
}

#[derive(Serialize)]
struct PlainQuery<'a> {
    selection: &'static str,
    after: Option<&'a str>,
    records: usize,
    characters: usize,
}

#[derive(Deserialize)]
struct PlainCounts {
    live: u64,
    pending: u64,
}

impl<'a> Version<'a> {
    fn of(base: &'a Base) -> Self {
        match base {
            Base::Unknown => Self::Unknown,
            Base::Same => Self::Same,
            Base::Content(text) => Self::Content(text.as_str().into()),
        }
    }

    fn into_base(self) -> Base {
        match self {
            Self::Unknown => Base::Unknown,
            Self::Same => Base::Same,
            Self::Content(text) => Base::Content(text.into_owned()),
        }
    }
}

impl<'a> PlainItem<'a> {
    fn of(item: &'a Item) -> Self {
        Self {
            id: item.id.as_str(),
            cleartext: item.cleartext.as_deref(),
            base: Version::of(&item.base),
            sent: Version::of(&item.sent),
            server_modified: item.server_modified.hundredths(),
            pending: match item.pending {
                Pending::Nothing => Waiting::Nothing,
                Pending::Resend => Waiting::Resend,
                Pending::Edit { at } => Waiting::EditedAt(at.millis()),
            },
            key: item.key.as_ref().map(Key::as_str),
        }
    }
}

impl PlainStored {
    fn into_stored(self) -> Result<Stored, StoreError> {
        Ok(Stored {
            item: Item {
                id: RecordId::new(self.id).map_err(|_| invalid_answer())?,
                cleartext: self.cleartext,
                base: self.base.into_base(),
                sent: self.sent.into_base(),
                server_modified: ServerTime::from_hundredths(self.server_modified),
                pending: match self.pending {
                    Waiting::Nothing => Pending::Nothing,
                    Waiting::Resend => Pending::Resend,
                    Waiting::EditedAt(at) => Pending::Edit {
                        at: LocalTime::from_millis(at),
                    },
                },
                key: self.key.map(Key::new),
            },
            revision: Revision(self.revision),
        })
    }
}

impl<'a> PlainWrite<'a> {
    fn of(write: &'a Write) -> Self {
        Self {
            id: write.id.as_str(),
            seen: write.seen.map(|revision| revision.0),
            becomes: write.becomes.as_ref().map(PlainItem::of),
        }
    }
}

impl<'a> PlainPart<'a> {
    fn of(part: &'a Part) -> Self {
        let uploaded = |uploaded: &'a Uploaded| PlainUploaded {
            id: uploaded.id.as_str(),
            revision: uploaded.revision.0,
            modified: uploaded.modified.hundredths(),
        };
        Self {
            collection: part.collection.as_str().into(),
            sweep: part.sweep.map(|sweep| match sweep {
                BulkChange::Reset => "reset",
                BulkChange::Wipe => "wipe",
            }),
            writes: part.writes.iter().map(PlainWrite::of).collect(),
            uploaded: part.uploaded.iter().map(uploaded).collect(),
            state: part.state.as_deref(),
        }
    }
}

impl Store for JsStore {
    async fn global(&self) -> Result<Option<String>, StoreError> {
        self.text(self.object.global()).await
    }

    async fn state(&self, collection: &CollectionName) -> Result<Option<String>, StoreError> {
        self.text(self.object.state(collection.as_str())).await
    }

    async fn collections(&self) -> Result<Vec<CollectionName>, StoreError> {
        let names: Vec<String> = self.answer(self.object.collections()).await?;
        let name = |name| CollectionName::new(name).map_err(|_| invalid_answer());
        let names = names.into_iter().filter(|name| !name.ends_with(STAGED));
        names.map(name).collect()
    }

    async fn counts(&self, collection: &CollectionName) -> Result<Counts, StoreError> {
        let counts = self.object.counts(collection.as_str());
        let PlainCounts { live, pending } = self.answer(counts).await?;
        Ok(Counts { live, pending })
    }

    async fn read(
        &self,
        collection: &CollectionName,
        ids: &[RecordId],
    ) -> Result<Vec<Option<Stored>>, StoreError> {
        let found = self.read_in(collection.as_str(), ids.iter()).await?;
        found
            .into_iter()
            .map(|stored| stored.map(PlainStored::into_stored).transpose())
            .collect()
    }

    async fn page(
        &self,
        collection: &CollectionName,
        selection: Selection,
        after: Option<&RecordId>,
        limit: PageLimit,
    ) -> Result<Vec<Stored>, StoreError> {
        let query = object(&PlainQuery {
            selection: match selection {
                Selection::Live => "live",
                Selection::Pending | Selection::Incoming => "pending",
            },
            after: after.map(RecordId::as_str),
            records: limit.records,
            characters: limit.bytes,
        })?;
        let name = match selection {
            Selection::Incoming => staged(collection),
            Selection::Live | Selection::Pending => collection.as_str().into(),
        };
        let called = self.object.page(&name, &query);
        let page: Vec<PlainStored> = self.answer(called).await?;
        page.into_iter().map(PlainStored::into_stored).collect()
    }

    async fn duplicates(
        &self,
        collection: &CollectionName,
        keys: &[Key],
    ) -> Result<Vec<Stored>, StoreError> {
        let keys: Array = keys.iter().map(|key| JsValue::from(key.as_str())).collect();
        let called = self.object.duplicates(collection.as_str(), keys);
        let found: Vec<PlainStored> = self.answer(called).await?;
        found.into_iter().map(PlainStored::into_stored).collect()
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let mut parts = Vec::new();
        for part in &commit.parts {
            parts.push(PlainPart::of(part));
            if part.sweep.is_some() || !part.incoming.is_empty() {
                parts.push(self.staging(part).await?);
            }
        }
        let plain = object(&PlainCommit {
            parts,
            global: commit.global.as_deref(),
        })?;
        match self
            .settle(self.object.commit(&plain))
            .await?
            .as_string()
            .as_deref()
        {
            Some("done") => Ok(Committed::Done),
            Some("stale") => Ok(Committed::Stale),
            _ => Err(invalid_answer()),
        }
    }
}
