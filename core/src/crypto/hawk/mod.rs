//! Hawk: requests signed with a key that is never transmitted (spec §2). Clients sign, the embedded server verifies.

mod header;
mod sign;
mod signed_request;
#[cfg(test)]
mod tests;

pub use header::{Header, HeaderError};
pub use sign::{SignError, authorization};
pub use signed_request::{Credentials, Key, make_nonce, payload_hash};
