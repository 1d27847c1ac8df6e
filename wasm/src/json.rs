//! Converts values between JavaScript and Rust, as JSON texts.

use js_sys::JSON;
use wasm_bindgen::JsValue;

use crate::Error;

/// The JSON text of a JavaScript value.
///
/// # Errors
/// If JSON cannot represent the value.
pub(crate) fn to_text(value: &JsValue) -> Result<String, Error> {
    let cyclic = |cause| Error::Input {
        message: "this value cannot be written as JSON: it contains itself or a BigInt",
        cause: Some(cause),
    };
    let text = JSON::stringify(value).map_err(cyclic)?;
    let text = JsValue::from(text).as_string().ok_or(Error::input(
        "this value cannot be written as JSON: give an object",
    ))?;
    Ok(text)
}

/// The JavaScript value of a JSON text.
///
/// # Errors
/// If JavaScript refuses a text that the core has accepted.
pub(crate) fn from_text(text: &str) -> Result<JsValue, Error> {
    JSON::parse(text).map_err(|cause| Error::Input {
        message: "this record cannot be read as JSON",
        cause: Some(cause),
    })
}
