//! The core of Selvedge for JavaScript hosts: pages, extensions, workers, Node, Deno.
//!
//! `wasm/xtask` builds the npm package `selvedge` from it. Rules of the interface between JavaScript and Rust:
//!
//! - Records are passed as plain objects, by way of their JSON text. A number that is not exact as a double loses digits when
//!   JavaScript reads it; an edit, unlike a put of the whole record, keeps them.
//! - Bytes are passed as `Uint8Array`. Keys can be imported, but not exported.
//! - Every thrown value is an `Error` named `SelvedgeError` with a stable `code`; no message contains a key, a token or a
//!   record's content.
//! - Asynchronous methods own what they need: the object may be freed before their promise settles.

mod account;
mod client;
mod collection;
mod decoder;
mod error;
mod host;
mod json;
mod key_bundle;
mod pause;
mod progress;
mod record;
mod schedule;
mod status;
mod token;
mod types;

pub use account::{account_server, join_code, sync_key};
pub use client::{Client, open};
pub use collection::{Collection, RecordIterator};
pub use decoder::RecordDecoder;
pub use error::Error;
pub use host::{HostCbc, JsBody, JsHost, StoreObject};
pub use key_bundle::KeyBundle;
pub use record::{decrypt_record, encrypt_record};
pub use schedule::Schedule;
