//! The commands, one file per noun.

pub mod account;
pub mod addons;
pub mod autofill;
pub mod backup;
pub mod bookmarks;
mod checks;
pub mod clients;
pub mod collections;
mod consent;
#[cfg(unix)]
pub mod daemon;
pub mod demo;
pub mod engines;
pub mod extension_storage;
pub mod forms;
pub mod history;
pub mod man;
pub mod passwords;
pub mod records;
pub mod santa;
mod secret;
pub mod serve;
pub mod status;
pub mod sync;
pub mod tabs;
mod typed;
