//! A host for Selvedge's core on a computer: requests by reqwest over rustls, records and sync state in SQLite, the
//! system's clock and random bytes; and what programs around it share: the profile directory, file privacy, logs,
//! service helpers and, with the feature `http-server`, connections and request bodies of HTTP servers.

/// The README's example, compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod byte_order_mark;
mod clients;
mod clock;
mod dry_run;
mod engines;
pub mod exit;
mod fetch;
mod fetch_error;
#[cfg(feature = "http-server")]
pub mod http_server;
mod identity;
mod key_cache;
pub mod keyring;
pub mod moment;
mod native;
pub mod output;
pub mod paths;
pub mod private;
pub mod profile;
mod random;
mod row;
pub mod schema;
pub mod sealed;
pub mod secret_files;
#[cfg(unix)]
pub mod service;
mod store;
mod trust;

pub use clients::NetworkOptions;
pub use clock::SystemClock;
pub use dry_run::DryRunStore;
pub use engines::{engine_for, random_id};
pub use fetch::{NativeBody, NativeFetch, with_body};
pub use fetch_error::fetch_error;
pub use identity::{USER_AGENT, machine_name};
pub use native::NativeHost;
pub use random::SystemRandom;
pub use store::SqliteStore;
