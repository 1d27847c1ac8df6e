//! The payloads of the first four messages, as JSON writes them. Their numbers are checked when they are used.

use alloc::string::String;

use serde::{Deserialize, Serialize};

/// The proof that its signer knows an exponent.
///
/// ```
/// use selvedge_core::crypto::jpake::Proof;
///
/// let proof: Proof = serde_json::from_str(r#"{"gr": "0b", "b": "02", "id": "sender"}"#)?;
/// assert_eq!(proof.id, "sender");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The base to the power of a random number.
    pub gr: String,
    /// The random number, less the exponent times the hash.
    pub b: String,
    /// The signer's role.
    pub id: String,
}

/// The payload of `receiver1` and `sender1`.
///
/// ```
/// use selvedge_core::crypto::jpake::Round1;
///
/// assert!(serde_json::from_str::<Round1>(r#"{"gx1": "02"}"#).is_err(), "every member is required");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round1 {
    /// The first public number.
    pub gx1: String,
    /// The second public number.
    pub gx2: String,
    /// The proof for the first.
    pub zkp_x1: Proof,
    /// The proof for the second.
    pub zkp_x2: Proof,
}

/// The payload of `receiver2` and `sender2`.
///
/// ```
/// use selvedge_core::crypto::jpake::Round2;
///
/// let text = r#"{"A":"02","zkp_A":{"gr":"0b","b":"02","id":"sender"}}"#;
/// let round: Round2 = serde_json::from_str(text)?;
/// assert_eq!(serde_json::to_string(&round)?, text);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round2 {
    /// The public number that depends on the secret characters.
    #[serde(rename = "A")]
    pub a: String,
    /// Its proof.
    #[serde(rename = "zkp_A")]
    pub zkp_a: Proof,
}
