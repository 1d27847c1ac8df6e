//! Account tokens (spec §1.4): 32 random bytes, of which the server keeps what is derived and never the token.

use selvedge_core::crypto::hkdf;
use zeroize::Zeroizing;

use super::error::ApiError;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Session,
    KeyFetch,
    PasswordChange,
}

impl TokenKind {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Session => b"identity.mozilla.com/picl/v1/sessionToken",
            Self::KeyFetch => b"identity.mozilla.com/picl/v1/keyFetchToken",
            Self::PasswordChange => b"identity.mozilla.com/picl/v1/passwordChangeToken",
        }
    }

    /// The prefix of the token's id in a Bearer header.
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Session => "fxs_",
            Self::KeyFetch => "fxk_",
            Self::PasswordChange => "fxpc_",
        }
    }
}

/// What is derived from a token.
pub(super) struct Derived {
    /// The id that requests carry.
    pub(super) id: String,
    /// The key that signs requests.
    pub(super) request_key: Zeroizing<[u8; 32]>,
    /// The key of the bundle of keys.
    pub(super) bundle_key: Zeroizing<[u8; 32]>,
}

impl Derived {
    pub(super) fn of(token: &[u8; 32], kind: TokenKind) -> Self {
        let derived = hkdf::derive::<96>(token, b"", kind.label());
        let part = |from: usize| {
            let mut part = Zeroizing::new([0; 32]);
            for (to, byte) in part.iter_mut().zip(derived.iter().skip(from)) {
                *to = *byte;
            }
            part
        };
        Self {
            id: const_hex::encode(*part(0)),
            request_key: part(32),
            bundle_key: part(64),
        }
    }
}

/// New random bytes.
pub(super) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, ApiError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|_| ApiError::Unavailable)?;
    Ok(bytes)
}

/// The reply of `account/keys` (spec §1.5): kA and wrapKb, encrypted and authenticated.
pub(super) fn seal_bundle(bundle_key: &[u8; 32], ka: &[u8; 32], wrap_kb: &[u8; 32]) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let keys = hkdf::derive::<96>(
        bundle_key,
        b"",
        b"identity.mozilla.com/picl/v1/account/keys",
    );
    let (mac_key, pad) = keys.split_at(32);
    let mut sealed: Vec<u8> = ka
        .iter()
        .chain(wrap_kb)
        .zip(pad)
        .map(|(byte, pad)| byte ^ pad)
        .collect();
    let mut mac =
        Hmac::<sha2::Sha256>::new_from_slice(mac_key).expect("HMAC takes keys of any length");
    mac.update(&sealed);
    sealed.extend_from_slice(&mac.finalize().into_bytes());
    const_hex::encode(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(value: &serde_json::Value) -> [u8; 32] {
        const_hex::decode(value.as_str().unwrap())
            .unwrap()
            .try_into()
            .unwrap()
    }

    #[test]
    fn tokens_and_bundles_are_those_of_the_vectors() {
        let text = include_str!("../../../../tests/vectors/account_tokens.json");
        let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
        for vector in vectors["tokens"].as_array().unwrap() {
            let kind = match vector["kind"].as_str().unwrap() {
                "sessionToken" => TokenKind::Session,
                "keyFetchToken" => TokenKind::KeyFetch,
                other => panic!("{other}"),
            };
            let derived = Derived::of(&bytes(&vector["token"]), kind);
            assert_eq!(derived.id, vector["id"]);
            assert_eq!(*derived.request_key, bytes(&vector["req_hmac_key"]));
            assert_eq!(*derived.bundle_key, bytes(&vector["bundle_key"]));
            let bearer = format!("Bearer {}{}", kind.prefix(), derived.id);
            assert_eq!(bearer, vector["bearer"]);
        }
        for vector in vectors["key_bundles"].as_array().unwrap() {
            let part = |name: &str| bytes(&vector[name]);
            let sealed = seal_bundle(&part("bundle_key"), &part("ka"), &part("wrap_kb"));
            assert_eq!(sealed, vector["bundle"]);
        }
    }
}
