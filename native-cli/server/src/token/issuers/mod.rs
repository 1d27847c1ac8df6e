//! Access tokens of other issuers: an accounts server that is not this process (`docs/protocol/accounts-server.md` §5).
//!
//! A token is a JWT, verified with the issuer's published keys, or a text that only the issuer can check, by `/v1/verify`.

mod admission;
mod jwks;
mod jwt;
mod remote;

pub(crate) use self::admission::AllowList;
pub(crate) use self::jwks::PublicKey;
pub(crate) use self::jwt::{Claims, Unverified};
pub(crate) use self::remote::Issuers;

/// The scope of the storage. A token without it is no token for this server.
pub(crate) const OLDSYNC: &str = "https://identity.mozilla.com/apps/oldsync";

/// What a valid token says about its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    /// The issuer's URL.
    pub(crate) issuer: String,
    /// The person's id at the issuer.
    pub(crate) subject: String,
    /// When the password was last set, in milliseconds; not every issuer tells.
    pub(crate) generation: Option<u64>,
    /// The person's address, if the issuer tells it.
    pub(crate) email: Option<String>,
}
