//! The program's listeners for changes of records.

use std::cell::{Cell, RefCell};

use js_sys::{Array, Function, Object, Reflect};
use selvedge_core::host::{Base, BulkChange, Commit, Write};
use selvedge_core::ids::CollectionName;
use wasm_bindgen::JsValue;

/// Where a change comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin {
    /// This client changed the records.
    Here,
    /// A sync applied changes of other devices.
    Sync,
    /// Another window or worker, or its sync, changed the records.
    Elsewhere,
}

impl Origin {
    const fn word(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Sync => "sync",
            Self::Elsewhere => "elsewhere",
        }
    }
}

/// What a commit changes in one collection, as far as it is visible to the program.
#[derive(Debug)]
pub(super) struct Change {
    collection: CollectionName,
    /// `None`: any of its records.
    ids: Option<Vec<String>>,
}

impl Change {
    pub(super) const fn new(collection: CollectionName, ids: Option<Vec<String>>) -> Self {
        Self { collection, ids }
    }

    pub(super) fn collection(&self) -> &str {
        self.collection.as_str()
    }

    /// An array of ids, or null for any of its records.
    pub(super) fn ids(&self) -> JsValue {
        let ids = self.ids.as_ref();
        let array = ids.map(|ids| ids.iter().map(JsValue::from).collect::<Array>());
        array.map_or(JsValue::NULL, Into::into)
    }

    pub(super) fn of(commit: &Commit) -> Vec<Self> {
        let parts = commit.parts.iter().map(|part| {
            let ids = part.writes.iter().filter(|write| is_seen(write));
            let ids = ids.map(|write| write.id.to_string()).collect();
            Self {
                collection: part.collection.clone(),
                // A reset only discards what is known about the server: it changes no visible content.
                ids: (part.sweep != Some(BulkChange::Wipe)).then_some(ids),
            }
        });
        parts
            .filter(|change| change.ids.as_ref().is_none_or(|ids| !ids.is_empty()))
            .collect()
    }
}

/// Whether a write changes an item's content, not only its upload state.
fn is_seen(write: &Write) -> bool {
    write
        .becomes
        .as_ref()
        .is_none_or(|item| item.sent != Base::Same)
}

/// Listeners with their collections.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    entries: RefCell<Vec<(u32, CollectionName, Function)>>,
    next: Cell<u32>,
}

impl Listeners {
    /// Adds a listener; the returned number identifies it for `remove`.
    pub(crate) fn add(&self, collection: CollectionName, listener: Function) -> u32 {
        let number = self.next.get();
        self.next.set(number.wrapping_add(1));
        self.entries
            .borrow_mut()
            .push((number, collection, listener));
        number
    }

    /// Removes a listener, if it exists.
    pub(crate) fn remove(&self, number: u32) {
        self.entries
            .borrow_mut()
            .retain(|(found, _, _)| *found != number);
    }

    pub(super) fn clear(&self) {
        self.entries.borrow_mut().clear();
    }

    /// Calls the listeners of the changed collections. The package's script reports errors that they throw.
    pub(super) fn notify(&self, changes: &[Change], origin: Origin) {
        for change in changes {
            let collection = &change.collection;
            // A listener may add or remove listeners.
            let called: Vec<_> = self
                .entries
                .borrow()
                .iter()
                .filter(|(_, name, _)| name == collection)
                .map(|(_, _, listener)| listener.clone())
                .collect();
            for listener in called {
                let change = event(change, origin);
                js_sys::futures::spawn_local(async move {
                    let _ = listener.call1(&JsValue::UNDEFINED, &change);
                });
            }
        }
    }
}

fn event(change: &Change, origin: Origin) -> JsValue {
    let event = Object::new();
    let set = |name: &str, value: JsValue| drop(Reflect::set(&event, &name.into(), &value));
    set("collection", change.collection().into());
    set("origin", origin.word().into());
    set("ids", change.ids());
    event.into()
}
