//! The cryptography of Firefox Sync: keys, signed requests and encrypted records.

pub(crate) mod arena;
mod cbc;
pub mod hawk;
pub mod hkdf;
pub mod jpake;
mod key_bundle;
pub mod payload;
mod scoped_key;
mod sync_key;

pub use cbc::RustCrypto;
pub use key_bundle::{InvalidKey, KeyBundle};
pub use scoped_key::{InvalidKeyId, KeyId, derive_scoped_key};
pub use sync_key::SyncKey;
