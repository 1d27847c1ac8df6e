//! The accounts server: registration, sign-in, sessions and keys (`docs/protocol/accounts-api.md`). Requests and replies
//! as JSON are decided here; `http` reads bodies and writes headers.

mod body;
mod change;
mod codes;
mod commands;
mod devices;
mod error;
mod oauth;
mod password;
mod registration;
mod rows;
mod scopes;
mod server;
mod session;
mod sign_in;
mod signing_keys;
mod throttle;
mod token;

pub(crate) use self::error::ApiError;
pub use self::registration::Registration;
pub(crate) use self::server::{AccountsServer, Call, SignedUrl};
