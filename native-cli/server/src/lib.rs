//! A Firefox Sync server to embed: the storage API 1.5 (spec §3) with a token server (spec §1.9), or the older dialect 1.1
//! (spec §3.10), whose users have names and passwords. One process, SQLite, any number of users.
//!
//! Modules, each of which imports only from those below it:
//!
//! | module | content |
//! |---|---|
//! | `server`, `reload` | a server from its settings to its end |
//! | `http` | routes, authentication, bodies, encodings: requests become calls, rows become replies |
//! | `accounts` | the accounts server: registration, sign-in, sessions, keys |
//! | `admin` | users, invitations, backup, compaction |
//! | `token` | the token server: storage tokens, registration, secrets |
//! | [`storage`] | the traits `Records` and `Accounts`, what all backends share, and the backend for SQLite |
//! | [`model`] | users, selections, conditions, writes, records: no HTTP, no SQL |
//!
//! Two choices that the protocol leaves open: a GET without `limit` returns the whole collection in one reply, because some
//! clients do not ask for a next page; and a write takes the next free hundredth of a second of its user, up to one second
//! ahead of the clock, and waits only beyond that ([`storage::clock`]).

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod accounts;
mod admin;
mod http;
pub mod model;
mod options;
mod reload;
mod serve_error;
mod server;
pub mod storage;
pub mod token;

pub use self::accounts::Registration;
pub use self::admin::{
    AdminError, NewNode, NoPublicUrl, UserError, add_user, backup, change_password, compact,
    invite, move_user, tokenserver_url,
};
pub use self::http::{InvalidOrigin, www};
pub use self::model::DEFAULT_QUOTA_BYTES;
pub use self::options::Options;
pub use self::reload::Reload;
pub use self::serve_error::ServeError;
pub use self::server::Server;
pub use self::storage::Location;
pub use self::token::{announcement, local_token_of as local_token};
