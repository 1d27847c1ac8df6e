//! HTTP: turns requests into calls of the storage and the token server, and their results into replies.

mod accounts;
mod accounts_pages;
mod accounts_server;
mod announced_sizes;
mod app;
mod auth;
mod auth_error;
mod basic;
mod body;
mod collection;
mod conditions;
mod cors;
mod dialect;
mod encoder;
mod health;
mod heartbeat;
mod host_check;
mod info;
mod nodes;
mod nonce_file;
mod nonces;
mod page_body;
mod page_encoder;
mod passwords;
mod query;
mod raw_records;
mod record;
mod reply;
mod router;
mod signed_address;
mod signed_target;
mod spool;
mod token_error;
mod token_server;
pub mod www;
mod zero_iv;

pub use self::cors::InvalidOrigin;

pub(crate) use self::app::App;
pub(crate) use self::cors::Origins;
pub(crate) use self::heartbeat::LastHeartbeat;
pub(crate) use self::nonces::Nonces;
pub(crate) use self::page_encoder::MAX_SPOOLS;
pub(crate) use self::passwords::Passwords;
pub(crate) use self::router::router;
