//! Accounts of people whose passwords are known to another issuer of access tokens.

use super::account::Account;

/// A person at an issuer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExternalIdentity {
    /// The issuer's URL, or the empty text for the accounts server of this process.
    pub issuer: String,
    /// The person's id at the issuer.
    pub subject: String,
}

/// The account of an [`ExternalIdentity`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalAccount {
    /// The account.
    pub account: Account,
    /// When the password was last set, as the highest `fxa-generation` seen; 0 if no token had one.
    pub generation: u64,
    /// Whether the fingerprint that was asked about is one that was replaced.
    pub is_replaced: bool,
}
