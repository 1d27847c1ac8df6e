//! What a valid token says.

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
