//! What a program may want of an account before it opens a client on it, or beside one.

use wasm_bindgen::prelude::wasm_bindgen;

use crate::client::credentials;
use crate::types::Account;
use crate::{Error, KeyBundle};

/// The address of the account's server: an extension asks its permission to speak with it.
///
/// Throws "input" when this is no account.
#[wasm_bindgen(js_name = accountServer)]
pub fn account_server(account: &Account) -> Result<String, Error> {
    Ok(credentials(account)?.server().to_owned())
}

/// The join code that brings another device into the account. Who has it can read and change everything.
///
/// Throws "input" when this is no account, or one that cannot be passed on: one by a storage token has an end.
#[wasm_bindgen(js_name = joinCode)]
pub fn join_code(account: &Account) -> Result<String, Error> {
    Ok(credentials(account)?.join_code()?.to_line().to_string())
}

/// The key that seals the account's `crypto/keys`, for those who look into records by themselves.
///
/// Throws "input" when this is no account.
#[wasm_bindgen(js_name = syncKey)]
pub fn sync_key(account: &Account) -> Result<KeyBundle, Error> {
    Ok(KeyBundle::from(credentials(account)?.sync_key))
}
