//! What in an account's records only a person may decide.

use serde::{Deserialize, Serialize};

/// Why a sync cannot go on without a person's decision.
///
/// ```
/// use selvedge_core::error::Reason;
///
/// assert_eq!(serde_json::to_string(&Reason::MetaMissing).unwrap(), r#""meta-missing""#);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// meta/global is missing while other collections are there.
    #[error("the record that says how the account is set up (meta/global) is missing")]
    MetaMissing,
    /// The data have an older storage format.
    #[error("the account's data have an older storage format than this program's 5")]
    OlderFormat,
    /// meta/global cannot be read.
    #[error("the record that says how the account is set up (meta/global) cannot be read")]
    MetaUnreadable,
    /// crypto/keys is missing while records are there.
    #[error("the keys of the account's records (crypto/keys) are missing")]
    KeysMissing,
    /// crypto/keys cannot be read.
    #[error("the keys of the account's records (crypto/keys) cannot be read")]
    KeysUnreadable,
    /// crypto/keys is encrypted under another sync key.
    #[error("the account's records are encrypted under another sync key than the one in hand")]
    OtherKeys,
    /// info/collections lists what is not there.
    #[error("the server lists records that it does not have")]
    Contradiction,
}
