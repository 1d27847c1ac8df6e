//! Block loops for a batch of records under one key: AES-256-CBC and HMAC-SHA-256.
//!
//! This is a separate crate with a non-generic interface, so that it is compiled for speed while everything else is
//! compiled for size, as in WebAssembly. The core decides what is encrypted and hashed, and why.
#![no_std]

extern crate alloc;

mod aes;
mod cbc;
mod mac;

pub use cbc::{AesCbc, NoBlocks};
pub use mac::MacKey;
