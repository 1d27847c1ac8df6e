//! The progress of a sync, as an object for JavaScript.

use js_sys::{Object, Reflect};
use selvedge_core::sync::Progress;
use selvedge_core::sync::Stage;
use wasm_bindgen::JsValue;

/// A `SyncProgress`.
pub(crate) fn plain(stage: Stage<'_>) -> JsValue {
    let object = Object::new();
    let set = |name: &str, value: JsValue| drop(Reflect::set(&object, &name.into(), &value));
    let word = match stage {
        Stage::Token => "token",
        Stage::InfoCollections => "info-collections",
        Stage::MetaGlobal => "meta-global",
        Stage::CryptoKeys => "crypto-keys",
        Stage::Clients => "clients",
        Stage::FreshStart => "fresh-start",
        Stage::Collection(name) => {
            set("collection", name.as_str().into());
            "collection"
        }
        Stage::Records {
            collection,
            progress,
        } => {
            set("collection", collection.as_str().into());
            match progress {
                // Exact up to 2^53 records.
                Progress::Received(records) => set("received", (records as f64).into()),
                Progress::Sent(records) => set("sent", (records as f64).into()),
            }
            "records"
        }
        _ => "syncing",
    };
    set("stage", word.into());
    object.into()
}
