//! Sends changes to other windows and workers that use the same store, and receives theirs.

use std::rc::{Rc, Weak};

use js_sys::{Array, Function};
use selvedge_core::ids::CollectionName;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use super::JsHost;
use super::listeners::{Change, Origin};

#[wasm_bindgen]
extern "C" {
    /// An object of the class `ChangeChannel` of the package's script (`wasm/npm/change-channel.js`).
    #[derive(Debug, Clone)]
    type ChannelObject;

    #[wasm_bindgen(method, structural, catch)]
    fn publish(this: &ChannelObject, collection: &str, ids: &JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn subscribe(this: &ChannelObject, listener: &Function) -> Result<(), JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn close(this: &ChannelObject) -> Result<(), JsValue>;
}

/// The channel, if other windows or workers may share the store.
#[derive(Debug)]
pub(super) struct ChangeChannel(Option<ChannelObject>);

impl ChangeChannel {
    /// With the script's object, or without a channel.
    pub(super) fn new(object: JsValue) -> Self {
        Self(object.is_object().then(|| object.unchecked_into()))
    }

    /// Notifies the listeners of a host of changes that others publish, as long as the host exists.
    pub(super) fn listen(host: &Rc<JsHost>) {
        let Some(object) = &host.channel.0 else {
            return;
        };
        let host = Rc::downgrade(host);
        let receive = move |collection: JsValue, ids: JsValue| received(&host, &collection, &ids);
        let listener = Closure::<dyn Fn(JsValue, JsValue)>::new(receive).into_js_value();
        // If this fails, changes of other windows are not reported; reads still see them.
        let _ = object.subscribe(listener.unchecked_ref());
    }

    /// Sends committed changes to the others. If a message is lost, the others still read the new values from the store.
    pub(super) fn publish(&self, changes: &[Change]) {
        let Some(object) = &self.0 else {
            return;
        };
        for change in changes {
            let _ = object.publish(change.collection(), &change.ids());
        }
    }

    /// Stops sending and receiving.
    pub(super) fn close(&self) {
        if let Some(object) = &self.0 {
            let _ = object.close();
        }
    }
}

impl Drop for ChangeChannel {
    fn drop(&mut self) {
        self.close();
    }
}

/// Handles a message of another window. It is untrusted: an invalid message is ignored.
fn received(host: &Weak<JsHost>, collection: &JsValue, ids: &JsValue) {
    let Some(host) = host.upgrade() else {
        return;
    };
    let name = collection
        .as_string()
        .and_then(|name| CollectionName::new(name).ok());
    let Some(collection) = name else {
        return;
    };
    let ids = ids.dyn_ref::<Array>().map(|ids| {
        let texts = ids.iter().filter_map(|id| id.as_string());
        texts.collect()
    });
    host.listeners
        .notify(&[Change::new(collection, ids)], Origin::Elsewhere);
}
