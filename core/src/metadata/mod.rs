//! The formats of the account's own records: meta/global, crypto/keys, the clients and their commands. Pure data: this
//! module sends no requests.

mod client;
mod collection_keys;
mod command;
mod meta_global;
mod meta_verdict;

pub(crate) use client::ClientRecord;
pub use client::{DeviceType, KnownClient, OwnClient};
pub(crate) use collection_keys::UNDECODABLE;
pub use collection_keys::{CollectionKeys, KeyChange, MalformedKeys, Where};
pub use command::{Command, ReceivedTab};
pub(crate) use command::{digest, importance, is_same, name_of};
pub use meta_global::{EngineEntry, MetaGlobal};
pub use meta_verdict::{Listed, Seen, Verdict};
