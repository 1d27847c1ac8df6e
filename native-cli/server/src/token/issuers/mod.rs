//! Access tokens of other issuers: an accounts server that is not this process (`docs/protocol/accounts-server.md` §5).
//!
//! A token is a JWT, verified with the issuer's published keys, or a text that only the issuer can check, by `/v1/verify`.

mod admission;
mod holder;
mod jwks;
mod jwt;
mod remote;

pub(crate) use self::admission::AllowList;
pub(crate) use self::holder::{Holder, OLDSYNC};
pub(crate) use self::jwks::PublicKey;
pub(crate) use self::jwt::{Claims, Unverified};
pub(crate) use self::remote::Issuers;
