//! The records of one collection, as the program reads and changes them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use js_sys::{Function, Object, Promise, Reflect};
use selvedge_core::engine::Records;
use selvedge_core::error::Error as CoreError;
use selvedge_core::host::PageLimit;
use selvedge_core::ids::{CollectionName, RecordId};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::client::promise_on;
use crate::host::JsHost;
use crate::types::{NewRecord, RecordPatch};
use crate::{Error, json};

/// One collection of a client's. Changes are kept in its store; the next sync sends them.
#[wasm_bindgen]
#[derive(Debug, Clone)]
pub struct Collection {
    host: Rc<JsHost>,
    name: CollectionName,
}

impl Collection {
    pub(crate) const fn new(host: Rc<JsHost>, name: CollectionName) -> Self {
        Self { host, name }
    }

    fn records(&self) -> Records<'_, JsHost, JsHost, JsHost> {
        Records::new(&self.host, &self.host, &self.host, self.name.clone())
    }
}

#[wasm_bindgen]
impl Collection {
    /// Its name.
    #[wasm_bindgen(getter)]
    pub fn name(&self) -> String {
        self.name.to_string()
    }

    /// The record under an id, or `undefined`.
    #[wasm_bindgen(unchecked_return_type = "Promise<SyncRecord | undefined>")]
    pub fn get(&self, id: String) -> Promise {
        let this = self.clone();
        promise_on(Rc::clone(&self.host), async move {
            match this.records().get(&record_id(id)?).await? {
                Some(text) => json::from_text(&text),
                None => Ok(JsValue::UNDEFINED),
            }
        })
    }

    /// Puts a whole record, and tells its id: its own, or a new one.
    ///
    /// Rejects with "input" when it is no object of JSON values, or its id is no text of 1 to 64 printable ASCII
    /// characters.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn put(&self, record: NewRecord) -> Promise {
        let (this, text) = (self.clone(), json::to_text(&record));
        promise_on(Rc::clone(&self.host), async move {
            Ok(this.records().put(None, &text?).await?.as_str().into())
        })
    }

    /// Sets some fields of a record, and removes those that are `null`. The others stay as they are, to the digit.
    ///
    /// Rejects with "no-such-record".
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn edit(&self, id: String, patch: RecordPatch) -> Promise {
        let (this, text) = (self.clone(), json::to_text(&patch));
        promise_on(Rc::clone(&self.host), async move {
            this.records().edit(&record_id(id)?, &text?).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Deletes a record; the next sync tells the other devices.
    ///
    /// Rejects with "no-such-record".
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn delete(&self, id: String) -> Promise {
        let this = self.clone();
        promise_on(Rc::clone(&self.host), async move {
            this.records().delete(&record_id(id)?).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Calls a function whenever records of this collection have changed here: by this client, by its syncs, or in another
    /// window or worker by a client of the same name. Several changes that are made at once are one call. The answer ends it.
    ///
    /// Throws "input" for anything but a function, and "closed".
    #[wasm_bindgen(js_name = onChange, unchecked_return_type = "() => void")]
    pub fn on_change(
        &self,
        #[wasm_bindgen(unchecked_param_type = "(change: Change) => void")] listener: JsValue,
    ) -> Result<JsValue, Error> {
        let listener = listener
            .dyn_into::<Function>()
            .map_err(|_| Error::input("onChange needs a function"))?;
        self.host.opened()?;
        let number = self.host.listeners.add(self.name.clone(), listener);
        let host = Rc::clone(&self.host);
        Ok(Closure::<dyn Fn()>::new(move || host.listeners.remove(number)).into_js_value())
    }

    /// All records in order of id, read a page at a time: `for await (const record of collection.list())`.
    pub fn list(&self) -> RecordIterator {
        let reading = Reading {
            page: VecDeque::new(),
            after: None,
        };
        RecordIterator {
            collection: self.clone(),
            reading: Rc::new(RefCell::new(reading)),
        }
    }
}

/// Walks over the records of a collection. Records that change on the way are seen as they are when their page is read.
#[wasm_bindgen]
#[derive(Debug, Clone)]
pub struct RecordIterator {
    collection: Collection,
    reading: Rc<RefCell<Reading>>,
}

#[derive(Debug)]
struct Reading {
    page: VecDeque<(RecordId, Option<String>)>,
    after: Option<RecordId>,
}

#[wasm_bindgen]
impl RecordIterator {
    /// The next record. Wait for it before asking again, as `for await` does.
    #[wasm_bindgen(
        js_name = "next",
        unchecked_return_type = "Promise<IteratorResult<SyncRecord, undefined>>"
    )]
    pub fn next_record(&self) -> Promise {
        let this = self.clone();
        promise_on(Rc::clone(&self.collection.host), async move {
            let next = this.advance().await?;
            let value = next.as_deref().map(json::from_text).transpose()?;
            let result = Object::new();
            let set = |key: &str, value: &JsValue| drop(Reflect::set(&result, &key.into(), value));
            set("done", &value.is_none().into());
            set("value", &value.unwrap_or_default());
            Ok(result.into())
        })
    }

    /// Itself.
    #[wasm_bindgen(js_name = "[Symbol.asyncIterator]")]
    pub fn async_iterator(&self) -> RecordIterator {
        self.clone()
    }
}

impl RecordIterator {
    async fn advance(&self) -> Result<Option<String>, CoreError> {
        loop {
            let after = {
                let mut reading = self.reading.borrow_mut();
                while let Some((id, text)) = reading.page.pop_front() {
                    reading.after = Some(id);
                    if text.is_some() {
                        return Ok(text);
                    }
                }
                reading.after.clone()
            };
            let page = self
                .collection
                .records()
                .page(after.as_ref(), PageLimit::default())
                .await?;
            if page.is_empty() {
                return Ok(None);
            }
            let page = page
                .into_iter()
                .map(|stored| (stored.item.id, stored.item.cleartext));
            self.reading.borrow_mut().page = page.collect();
        }
    }
}

pub(crate) fn record_id(id: String) -> Result<RecordId, Error> {
    RecordId::new(id).map_err(|_| Error::input("a record id is 1 to 64 printable ASCII characters"))
}
