//! From what the user knows to what a sync needs: the sync key, and access to a storage server (spec §1.9).
//!
//! [`Credentials`] are what is kept. A [`TokenServer`] turns their access token into a [`Token`] for the storage; a
//! [`JoinCode`] carries them to another device as one line; [`embedded`] makes a new account; [`legacy`] is for the older
//! servers that know people by name and password.

mod binding;
mod credentials;
pub mod embedded;
mod exchange;
mod header;
mod join_code;
pub mod legacy;
mod refusal;
mod token;
mod token_server;

pub use binding::{Binding, Owner};
pub use credentials::{Credentials, Source};
pub use join_code::{JoinCode, JoinCodeError};
pub use refusal::Refusal;
pub use token::Token;
pub use token_server::TokenServer;
