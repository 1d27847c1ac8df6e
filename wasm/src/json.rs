//! Records across the border, by way of their JSON text.

use js_sys::JSON;
use selvedge_core::json::Value;
use wasm_bindgen::JsValue;

use crate::Error;

/// The JSON text of a JavaScript value.
///
/// # Errors
/// When the value has none, or when one of its texts holds half a character: other devices could not read that.
pub(crate) fn to_text(value: &JsValue) -> Result<String, Error> {
    let cyclic = |cause| Error::Input {
        message: "this cannot be written as JSON: it holds itself, or a BigInt",
        cause: Some(cause),
    };
    let text = JSON::stringify(value).map_err(cyclic)?;
    let text = JsValue::from(text).as_string().ok_or(Error::input(
        "this cannot be written as JSON: give an object",
    ))?;
    // JSON.stringify escapes lone surrogates, and nothing else, in this way.
    if text.contains("\\ud") && text.parse::<Value>().is_err() {
        return Err(Error::input(
            "a text holds half of a surrogate pair: make it well-formed",
        ));
    }
    Ok(text)
}

/// The JavaScript value of a JSON text.
///
/// # Errors
/// When JavaScript refuses what the core has accepted.
pub(crate) fn from_text(text: &str) -> Result<JsValue, Error> {
    JSON::parse(text).map_err(|cause| Error::Input {
        message: "this record cannot be read as JSON",
        cause: Some(cause),
    })
}
