//! The native host of Santa's sync: everything that a client on Linux needs besides the protocol.
//!
//! The crate `selvedge-santa` implements the protocol and has no I/O. This crate adds the configuration file, the
//! database, the HTTP client, push connections, the daemon with its Unix socket, the checks of `santa doctor`, and a
//! small server for tests and trials. The program `selvedge` parses arguments and calls this crate.
//!
//! ```text
//! paths        the files and the directory of a machine's state
//! config       santa.toml: parsing, validation, secrets
//! machine_id   the id that identifies this machine to a server (id_file: from a file)
//! host_info    host name, OS version, serial number, model
//! store        rules, events and sync state in SQLite
//! fetch        HTTP requests with reqwest over rustls
//! online       whether the kernel has a default route
//! in_flight    the events that are being uploaded
//! host         implements the host traits of the core
//! runner       runs syncs, rule downloads and uploads
//! snapshot     the state that `santa status` shows
//! failure      exit codes of a failed sync
//! doctor       checks of the configuration and of the server
//! ipc_client   client of the daemon's socket
//! rule_file    import and export of rules
//! expression   whether an agent can compile a rule's CEL expression
//! cel_check    static checks of CEL expressions
//! icu_pattern  whether an agent can compile a path pattern
//! serve        a small sync server for tests and trials
//! push         push connections: NATS and Firebase Cloud Messaging
//! daemon       the daemon: schedule, event uploads, socket
//! ```

mod cel_check;
pub mod config;
#[cfg(target_os = "linux")]
pub mod daemon;
pub mod doctor;
mod dotted_version;
pub mod expression;
mod failure;
mod fetch;
mod host;
mod host_info;
mod http_date;
pub mod icu_pattern;
mod id_file;
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
