//! Waiting for some seconds, by JavaScript's own timers.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};

/// Waits. Where there are no timers it does not wait at all.
pub(crate) async fn pause(seconds: u64) {
    let timer = Reflect::get(&js_sys::global(), &"setTimeout".into());
    let Some(timer) = timer
        .ok()
        .and_then(|timer| timer.dyn_into::<Function>().ok())
    else {
        return;
    };
    let millis = JsValue::from(u32::try_from(seconds * 1000).unwrap_or(u32::MAX));
    let waits = Promise::new(&mut |resolve, _| {
        if timer.call2(&JsValue::UNDEFINED, &resolve, &millis).is_err() {
            // A promise takes its resolution.
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }
    });
    let _ = waits.await;
}
