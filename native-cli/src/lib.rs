//! The command line of Selvedge: its host (reqwest, SQLite), its commands, and the embedded server.

pub mod byte_order_mark;
pub mod cli;
pub mod commands;
mod confirm;
pub mod device;
pub mod exit;
pub mod host;
mod interrupt;
mod logging;
pub mod moment;
pub mod output;
pub mod paths;
mod private;
pub mod profile;
pub mod progress;
pub mod remote;
mod run;
pub mod santa;
pub mod serve;
#[cfg(unix)]
mod service;
pub mod usage;

pub use run::run;
