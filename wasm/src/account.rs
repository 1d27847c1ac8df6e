//! Functions on an account that need no client: its server, its join code, its key.

use wasm_bindgen::prelude::wasm_bindgen;

use crate::client::credentials;
use crate::types::Account;
use crate::{Error, KeyBundle};

/// The address of the account's server; an extension requests the permission to connect to it.
///
/// Throws "input" if the account is invalid.
#[wasm_bindgen(js_name = accountServer)]
pub fn account_server(account: &Account) -> Result<String, Error> {
    Ok(credentials(account)?.server().to_owned())
}

/// The join code, with which another device joins the account. It gives full access to the account's data.
///
/// Throws "input" if the account is invalid, or if it consists of a storage token: that expires, so it has no join code.
#[wasm_bindgen(js_name = joinCode)]
pub fn join_code(account: &Account) -> Result<String, Error> {
    Ok(credentials(account)?.join_code()?.to_line().to_string())
}

/// The key that encrypts the account's `crypto/keys`, for programs that decrypt records themselves.
///
/// Throws "input" if the account is invalid.
#[wasm_bindgen(js_name = syncKey)]
pub fn sync_key(account: &Account) -> Result<KeyBundle, Error> {
    Ok(KeyBundle::from(credentials(account)?.sync_key))
}
