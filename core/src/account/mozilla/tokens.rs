//! Account tokens: what is derived from their 32 bytes (`docs/protocol/firefox-sync.md` §1.4, §1.5).

use alloc::format;
use alloc::string::String;
use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::crypto::{hawk, hkdf};

/// What a token authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Session,
    KeyFetch,
}

impl Kind {
    const fn label(self) -> &'static str {
        match self {
            Self::Session => "sessionToken",
            Self::KeyFetch => "keyFetchToken",
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Session => "fxs_",
            Self::KeyFetch => "fxk_",
        }
    }
}

/// The 32 bytes of an account token.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub(super) struct AccountToken([u8; 32]);

impl fmt::Debug for AccountToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountToken(..)")
    }
}

impl AccountToken {
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        const_hex::decode_to_array(text).ok().map(Self)
    }

    pub(super) fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(const_hex::encode(self.0))
    }

    fn derive(&self, kind: Kind) -> Zeroizing<[u8; 96]> {
        let info = format!("identity.mozilla.com/picl/v1/{}", kind.label());
        hkdf::derive::<96>(&self.0, b"", info.as_bytes())
    }

    fn part(&self, kind: Kind, at: usize) -> Zeroizing<[u8; 32]> {
        let derived = self.derive(kind);
        let mut part = Zeroizing::new([0; 32]);
        for (to, from) in part.iter_mut().zip(derived.iter().skip(at * 32)) {
            *to = *from;
        }
        part
    }

    /// The public id, as hexadecimal digits.
    pub(super) fn id(&self, kind: Kind) -> String {
        const_hex::encode(*self.part(kind, 0))
    }

    pub(super) fn hawk(&self, kind: Kind) -> hawk::Credentials {
        hawk::Credentials {
            id: self.id(kind),
            key: hawk::Key::from_bytes(&*self.part(kind, 1)),
        }
    }

    pub(super) fn bearer(&self, kind: Kind) -> String {
        format!("Bearer {}{}", kind.prefix(), self.id(kind))
    }

    /// Opens the bundle of `account/keys`: kB as it is wrapped by the password; `None` if its MAC is wrong.
    pub(super) fn open_bundle(&self, hex: &str) -> Option<Zeroizing<[u8; 32]>> {
        open_bundle(&self.part(Kind::KeyFetch, 2), hex)
    }
}

fn open_bundle(bundle_key: &[u8; 32], hex: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bundle: [u8; 96] = const_hex::decode_to_array(hex).ok()?;
    let (ciphertext, mac) = bundle.split_first_chunk::<64>()?;
    let keys = hkdf::derive::<96>(
        bundle_key,
        b"",
        b"identity.mozilla.com/picl/v1/account/keys",
    );
    let (mac_key, xor_key) = keys.split_first_chunk::<32>()?;
    let mut hmac = <Hmac<Sha256> as KeyInit>::new_from_slice(mac_key).ok()?;
    hmac.update(ciphertext);
    hmac.verify_slice(mac).ok()?;
    let mut wrapped = Zeroizing::new([0; 32]);
    let pairs = ciphertext.iter().zip(xor_key).skip(32);
    for (to, (a, b)) in wrapped.iter_mut().zip(pairs) {
        *to = a ^ b;
    }
    Some(wrapped)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!(
            "../../../../tests/vectors/account_tokens.json"
        ))
        .unwrap()
    }

    #[test]
    fn tokens_are_derived_as_documented() {
        let vectors = vectors();
        let tokens = vectors["tokens"].as_array().unwrap();
        assert_eq!(tokens.len(), 4);
        for case in tokens {
            let kind = match case["kind"].as_str().unwrap() {
                "sessionToken" => Kind::Session,
                "keyFetchToken" => Kind::KeyFetch,
                other => panic!("{other}"),
            };
            let token = AccountToken::from_hex(case["token"].as_str().unwrap()).unwrap();
            assert_eq!(token.id(kind), case["id"].as_str().unwrap());
            assert_eq!(token.bearer(kind), case["bearer"].as_str().unwrap());
            for (at, member) in [(1, "req_hmac_key"), (2, "bundle_key")] {
                assert_eq!(
                    const_hex::encode(*token.part(kind, at)),
                    case[member].as_str().unwrap()
                );
            }
        }
    }

    #[test]
    fn key_bundles_are_opened_and_damaged_ones_are_refused() {
        let vectors = vectors();
        let open = |case: &Value| {
            let key = const_hex::decode_to_array(case["bundle_key"].as_str().unwrap()).unwrap();
            open_bundle(&key, case["bundle"].as_str().unwrap())
        };
        let cases = vectors["key_bundles"].as_array().unwrap();
        assert_eq!(cases.len(), 3);
        for case in cases {
            assert_eq!(
                const_hex::encode(*open(case).unwrap()),
                case["wrap_kb"].as_str().unwrap()
            );
        }
        let invalid = vectors["invalid_key_bundles"].as_array().unwrap();
        assert_eq!(invalid.len(), 2);
        for case in invalid {
            assert!(open(case).is_none());
        }
    }
}
