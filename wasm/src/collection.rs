//! The records of one collection, which the program reads and changes.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use js_sys::{Array, Function, Promise};
use selvedge_core::engines::Records;
use selvedge_core::error::Error as CoreError;
use selvedge_core::host::PageLimit;
use selvedge_core::ids::{CollectionName, RecordId};
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::Error;
use crate::client::promise_on;
use crate::host::JsHost;

/// One collection of a client. Changes are stored in the client's store; the next sync uploads them.
///
/// Records are passed as JSON texts, which the package's script converts; its types are in `wasm/npm/selvedge.d.ts`.
#[wasm_bindgen(skip_typescript)]
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
    #[wasm_bindgen(getter, skip_typescript)]
    pub fn name(&self) -> String {
        self.name.to_string()
    }

    /// The text of the record with an id, or `undefined`.
    #[wasm_bindgen(js_name = getText, skip_typescript)]
    pub fn get_text(&self, id: String) -> Promise {
        let this = self.clone();
        promise_on(Rc::clone(&self.host), async move {
            let text = this.records().get(&record_id(id)?).await?;
            Ok(text.map_or(JsValue::UNDEFINED, JsValue::from))
        })
    }

    /// Puts whole records in one commit, and returns their ids: their own, or new ones.
    #[wasm_bindgen(js_name = putTexts, skip_typescript)]
    pub fn put_texts(&self, texts: Vec<String>) -> Promise {
        let this = self.clone();
        promise_on(Rc::clone(&self.host), async move {
            let records: Vec<_> = texts.iter().map(|text| (None, text.as_str())).collect();
            let ids = this.records().put_many(&records).await?;
            let ids = ids.iter().map(|id| JsValue::from(id.as_str()));
            Ok(ids.collect::<Array>().into())
        })
    }

    /// Sets some fields of a record, and removes those that are `null`. The others stay unchanged, to the digit.
    #[wasm_bindgen(js_name = editText, skip_typescript)]
    pub fn edit_text(&self, id: String, patch: String) -> Promise {
        let this = self.clone();
        promise_on(Rc::clone(&self.host), async move {
            this.records().edit(&record_id(id)?, &patch).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Puts a whole record, or deletes it if the new text is absent, but only if its text is still `seen`. The fields in
    /// `unchanged` keep their JSON text. Returns whether the record was changed.
    #[wasm_bindgen(js_name = changeSeen, skip_typescript)]
    pub fn change_seen(
        &self,
        id: String,
        seen: Option<String>,
        new: Option<String>,
        unchanged: Vec<String>,
    ) -> Promise {
        let this = self.clone();
        promise_on(Rc::clone(&self.host), async move {
            let (records, id) = (this.records(), record_id(id)?);
            let is_done = records.change_seen(&id, seen.as_deref(), new.as_deref(), &unchanged);
            Ok(is_done.await?.into())
        })
    }

    /// Deletes records in one commit, all of them or none.
    #[wasm_bindgen(js_name = deleteIds, skip_typescript)]
    pub fn delete_ids(&self, ids: Vec<String>) -> Promise {
        let this = self.clone();
        promise_on(Rc::clone(&self.host), async move {
            let ids = ids
                .into_iter()
                .map(record_id)
                .collect::<Result<Vec<_>, _>>()?;
            this.records().delete_many(&ids).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Calls a function when records of this collection have changed here: by this client, by its syncs, or in another
    /// window or worker by a client of the same name. Changes of one commit are one call. Returns a function that removes the
    /// listener.
    ///
    /// Throws "closed".
    #[wasm_bindgen(js_name = onChange, skip_typescript)]
    pub fn on_change(&self, listener: Function) -> Result<JsValue, Error> {
        self.host.opened()?;
        let number = self.host.listeners.add(self.name.clone(), listener);
        let host = Rc::clone(&self.host);
        Ok(Closure::<dyn Fn()>::new(move || host.listeners.remove(number)).into_js_value())
    }

    /// All records in order of id, read a page at a time: `for await (const record of collection.list())`.
    #[wasm_bindgen(skip_typescript)]
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

/// Iterates over the records of a collection. A record that changes meanwhile has the value of the moment when its page is
/// read.
#[wasm_bindgen(skip_typescript)]
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
    /// The text of the next record, or `undefined` at the end. Await it before the next call.
    #[wasm_bindgen(js_name = nextText, skip_typescript)]
    pub fn next_text(&self) -> Promise {
        let this = self.clone();
        promise_on(Rc::clone(&self.collection.host), async move {
            let text = this.advance().await?;
            Ok(text.map_or(JsValue::UNDEFINED, JsValue::from))
        })
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
