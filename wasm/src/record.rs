//! Encrypts and decrypts one record, for programs with their own protocol.

use selvedge_core::crypto::payload;
use selvedge_core::ids::RecordId;
use selvedge_core::json as core_json;
use selvedge_core::reconcile::Fields;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::host::SystemRandom;
use crate::types::SyncRecord;
use crate::{Error, KeyBundle, json};

/// Encrypts a record with a new IV; returns the text for a BSO's `payload`.
///
/// Throws "input" if the record is not an object with an `id` of 1 to 64 printable ASCII characters, or cannot be written
/// as JSON, and "random" if the host has no random bytes.
#[wasm_bindgen(js_name = encryptRecord)]
pub fn encrypt_record(keys: &KeyBundle, record: &SyncRecord) -> Result<String, Error> {
    let text = json::to_text(record)?;
    let fields = Fields::parse(&text)
        .map_err(|_| Error::input("a record must be an object, like {id: \"7vO3Zcdu6V4I\"}"))?;
    let id = fields.get("id").map(core_json::from_str::<RecordId>);
    if !matches!(id, Some(Ok(_))) {
        return Err(Error::input(
            "a record needs an id: a text of 1 to 64 printable ASCII characters",
        ));
    }
    Ok(payload::seal(keys.keys(), &SystemRandom, &text)?)
}

/// Verifies and decrypts a BSO's `payload`. `id` is the BSO's id; the record must have the same one.
///
/// Throws "hmac-mismatch" if it was encrypted with other keys or changed since, "malformed-payload" or
/// "malformed-cleartext" if it is damaged, and "id-mismatch" if it belongs to another BSO.
#[wasm_bindgen(js_name = decryptRecord)]
pub fn decrypt_record(keys: &KeyBundle, payload: &str, id: &str) -> Result<SyncRecord, Error> {
    let text = payload::open(keys.keys(), payload, id)?;
    json::from_text(&text).map(Into::into)
}
