//! State as the text that a store keeps.

use alloc::string::String;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::json;

/// A state as the text that a store keeps.
pub(in crate::sync) fn write(state: &impl Serialize) -> String {
    json::to_string(state).expect("states are made of texts, numbers and maps of texts")
}

/// Knowledge of a server from the text that a store keeps. What cannot be read is forgotten: the sync then reads
/// everything again, and nothing is lost.
pub(in crate::sync) fn read<T: DeserializeOwned + Default>(text: Option<&str>) -> T {
    text.and_then(|text| json::from_str(text).ok())
        .unwrap_or_default()
}
