//! Waits for some seconds, with JavaScript's timers.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};

/// Waits. Without timers it returns immediately.
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
            // The timer could not be started: resolve now.
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }
    });
    let _ = waits.await;
}
