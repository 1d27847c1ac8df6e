//! The core of Selvedge for JavaScript hosts: pages, extensions, workers, Node, Deno.
//!
//! `wasm/xtask` builds the npm package `selvedge` from it. What crosses the border:
//!
//! - Records cross as plain objects, by way of their JSON text. A number that is no double loses digits when JavaScript
//!   reads it; a record that is edited, rather than put whole, keeps them.
//! - Bytes cross as `Uint8Array`. Keys go in and never come out.
//! - Every thrown thing is an `Error` named `SelvedgeError` with a stable `code`; no message holds a key, a token or a
//!   record's content.
//! - Asynchronous methods hold what they need: the object may be freed before their promise settles.

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
