//! The loops over the blocks of a batch: AES-256-CBC and HMAC-SHA-256 of many records under one key.
//!
//! They are a crate of their own, without generics at its border, so that they are compiled for speed where everything
//! else is compiled for size, as in WebAssembly. What is encrypted and hashed, and why, is the core's affair.
#![no_std]

extern crate alloc;

mod aes;
mod cbc;
mod mac;

pub use cbc::{AesCbc, NoBlocks};
pub use mac::MacKey;
