//! The backend for SQLite: one thread writes in groups, a few connections read snapshots beside it.

mod accounts;
mod backend;
pub(crate) mod backup;
mod batches;
mod checkpoint;
mod durable;
mod entries;
mod external;
pub(crate) mod files;
mod ids;
mod purge;
mod readers;
mod records;
mod schema;
mod select;
mod snapshot;
mod state;
mod transaction;
mod users;
mod writer;

pub use self::backend::SqliteStorage;
