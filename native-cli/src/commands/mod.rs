//! The commands, one file per noun.

pub mod account;
pub mod backup;
mod checks;
pub mod clients;
pub mod collections;
mod consent;
#[cfg(unix)]
pub mod daemon;
pub mod demo;
pub mod engines;
pub mod man;
pub mod records;
pub mod santa;
mod secret;
pub mod serve;
pub mod status;
pub mod sync;
