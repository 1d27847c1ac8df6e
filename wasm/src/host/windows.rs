//! The other windows and workers that use the same store: what one commits, the others hear of.

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
    /// What the package's script lends for it: an object of the class `Windows`.
    #[derive(Debug, Clone)]
    type WindowsObject;

    #[wasm_bindgen(method, structural, catch)]
    fn tell(this: &WindowsObject, collection: &str, ids: &JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn hear(this: &WindowsObject, listener: &Function) -> Result<(), JsValue>;
    #[wasm_bindgen(method, structural, catch)]
    fn close(this: &WindowsObject) -> Result<(), JsValue>;
}

/// The way to the others, if there are any who share the store.
#[derive(Debug)]
pub(super) struct Windows(Option<WindowsObject>);

impl Windows {
    /// With an object of the script's, or none.
    pub(super) fn new(object: JsValue) -> Self {
        Self(object.is_object().then(|| object.unchecked_into()))
    }

    /// Tells listeners of a host what the others say, for as long as there is the host.
    pub(super) fn listen(host: &Rc<JsHost>) {
        let Some(object) = &host.windows.0 else {
            return;
        };
        let host = Rc::downgrade(host);
        let heard = move |collection: JsValue, ids: JsValue| told(&host, &collection, &ids);
        let listener = Closure::<dyn Fn(JsValue, JsValue)>::new(heard).into_js_value();
        // Where they cannot be heard, they are not.
        let _ = object.hear(listener.unchecked_ref());
    }

    /// Tells the others what was committed here. Where they do not hear it, they read it when they look.
    pub(super) fn tell(&self, changes: &[Change]) {
        let Some(object) = &self.0 else {
            return;
        };
        for change in changes {
            let _ = object.tell(change.collection(), &change.ids());
        }
    }

    /// Neither tells nor hears any more.
    pub(super) fn close(&self) {
        if let Some(object) = &self.0 {
            let _ = object.close();
        }
    }
}

impl Drop for Windows {
    fn drop(&mut self) {
        self.close();
    }
}

/// What another window said is not believed, only looked at.
fn told(host: &Weak<JsHost>, collection: &JsValue, ids: &JsValue) {
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
        .tell(&[Change::new(collection, ids)], Origin::Elsewhere);
}
