//! The encryption of one record, for those who bring their own protocol.

use selvedge_core::crypto::payload;
use selvedge_core::ids::RecordId;
use selvedge_core::json as core_json;
use selvedge_core::reconcile::Fields;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::host::SystemRandom;
use crate::types::SyncRecord;
use crate::{Error, KeyBundle, json};

/// Encrypts a record under a fresh IV: the text that goes into a BSO's `payload`.
///
/// Throws "input" when the record is no object with an `id` of 1 to 64 printable ASCII characters, or cannot be written
/// as JSON, and "random" when the host has no random bytes.
#[wasm_bindgen(js_name = encryptRecord)]
pub fn encrypt_record(keys: &KeyBundle, record: &SyncRecord) -> Result<String, Error> {
    let text = json::to_text(record)?;
    let fields = Fields::parse(&text)
        .map_err(|_| Error::input("a record is an object, like {id: \"7vO3Zcdu6V4I\"}"))?;
    let id = fields.get("id").map(core_json::from_str::<RecordId>);
    if !matches!(id, Some(Ok(_))) {
        return Err(Error::input(
            "a record needs an id: a text of 1 to 64 printable ASCII characters",
        ));
    }
    Ok(payload::seal(keys.keys(), &SystemRandom, &text)?)
}

/// Verifies and decrypts a BSO's `payload`. `id` is the BSO's own: the record inside must have the same.
///
/// Throws "hmac-mismatch" when it was encrypted with other keys or changed since, "malformed-payload" or
/// "malformed-cleartext" when it is damaged, and "id-mismatch" when it belongs to another BSO.
#[wasm_bindgen(js_name = decryptRecord)]
pub fn decrypt_record(keys: &KeyBundle, payload: &str, id: &str) -> Result<SyncRecord, Error> {
    let text = payload::open(keys.keys(), payload, id)?;
    json::from_text(&text).map(Into::into)
}
