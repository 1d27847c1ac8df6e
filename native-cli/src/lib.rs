//! The command line of Selvedge: its host (reqwest, SQLite), its commands, and the embedded server.

pub mod host;
pub mod serve;
