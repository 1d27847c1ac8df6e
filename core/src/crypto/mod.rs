//! The cryptography of Firefox Sync: keys, signed requests, and records that only their owner can read.

pub mod hawk;
pub mod hkdf;
mod key_bundle;

pub use key_bundle::{InvalidKey, KeyBundle};
