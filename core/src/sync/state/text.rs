//! State as stored text.

use alloc::string::String;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::json;

/// Converts a state to the text to store.
pub(in crate::sync) fn write(state: &impl Serialize) -> String {
    json::to_string(state).expect("states are made of texts, numbers and maps of texts")
}

/// Parses the stored state of a server. If it cannot be read it is discarded: the sync then reads everything again, and
/// nothing is lost.
pub(in crate::sync) fn read<T: DeserializeOwned + Default>(text: Option<&str>) -> T {
    text.and_then(|text| json::from_str(text).ok())
        .unwrap_or_default()
}
