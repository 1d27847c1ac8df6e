//! From the user's input to what a sync needs: the sync key, and access to a storage server (spec §1.9).
//!
//! A device stores [`Credentials`]. A [`TokenServer`] exchanges their access token for a storage [`Token`]; a
//! [`JoinCode`] transfers them to another device as one line of text; [`embedded`] creates an account; [`legacy`] is
//! for older servers, where users have a name and a password; `mozilla`, behind the feature `accounts`, signs in with a
//! Mozilla account.

mod binding;
mod credentials;
pub mod embedded;
mod exchange;
mod header;
mod join_code;
pub mod legacy;
#[cfg(feature = "accounts")]
pub mod mozilla;
mod refusal;
mod token;
mod token_server;

pub use binding::{Binding, Owner};
pub use credentials::{Credentials, Source};
pub use join_code::{JoinCode, JoinCodeError};
pub use refusal::Refusal;
pub use token::Token;
pub use token_server::TokenServer;
