//! What this machine lends to Santa's sync, and what Selvedge makes of it.
//!
//! ```text
//! place        the directory of a machine's state
//! config       santa.toml
//! machine_id   by what servers know this machine
//! facts        what it tells of itself
//! store        rules, events and sync state in SQLite
//! fetch        requests by reqwest over rustls
//! in_flight    which events are being sent right now
//! host         all of it, as the core asks for it
//! runner       one sync after the other
//! snapshot     how things are
//! doctor       what is to be mended, here and at the server
//! ipc_client   asks the daemon
//! rule_file    rules in a file
//! expression   which rules' expressions an agent can compile
//! cel_check    static checks of expressions
//! icu_pattern  which patterns of paths an agent can compile
//! serve        a small server for tests and trials
//! push         servers that tell this machine when to sync
//! daemon       what syncs by schedule and is spoken to
//! ```

mod cel_check;
pub mod config;
#[cfg(target_os = "linux")]
pub mod daemon;
pub mod doctor;
pub mod expression;
mod failure;
mod fetch;
mod host;
mod host_info;
mod http_date;
pub mod icu_pattern;
mod in_flight;
pub mod ipc_client;
mod logs;
mod machine_id;
mod online;
mod paths;
pub mod push;
pub mod rule_file;
mod runner;
pub mod serve;
mod snapshot;
mod store;

pub use config::Config;
pub use failure::{failed_status, sync_failure};
pub use fetch::SantaFetch;
pub use host::SantaHost;
pub use host_info::HostInfo;
pub use in_flight::InFlight;
pub use machine_id::machine_id;
pub use online::has_default_route;
pub use paths::Paths;
pub use runner::{Check, Runner};
pub use snapshot::Snapshot;
pub use store::SantaStore;
