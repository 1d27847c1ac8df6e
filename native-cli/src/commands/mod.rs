//! The commands, one file a noun.

pub mod account;
pub mod collections;
pub mod demo;
pub mod man;
pub mod records;
pub mod serve;
pub mod status;
pub mod sync;
