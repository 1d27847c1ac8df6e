//! Secrets of 32 random bytes: access tokens, invitations and the token of local programs.

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::model::SecretHash;

/// A new secret and its hash. None if the system has no random bytes.
pub(crate) fn make_secret() -> Option<(Zeroizing<String>, SecretHash)> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).ok()?;
    let text = Zeroizing::new(Base64UrlUnpadded::encode_string(&*bytes));
    let hash = hash_secret(&text)?;
    Some((text, hash))
}

/// The hash that the server stores. The secret is random, so a plain hash is enough. None for a text that is not a secret.
pub(crate) fn hash_secret(text: &str) -> Option<SecretHash> {
    let mut bytes = [0; 32];
    let secret = Base64UrlUnpadded::decode(text, &mut bytes).ok()?;
    (secret.len() == 32).then(|| Sha256::digest(secret).into())
}
