//! Storage tokens. A token server with the same master secret can issue them, and users need no registration at the storage.

use base64ct::{Base64, Base64Url, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use selvedge_core::crypto::hawk::Key;
use selvedge_core::crypto::hkdf;
use selvedge_core::time::ServerTime;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::model::Uid;

const SIGNING: &[u8] = b"services.mozilla.com/tokenlib/v1/signing";
const DERIVE: &str = "services.mozilla.com/tokenlib/v1/derive/";
const MAC_LENGTH: usize = 32;
/// Longer ids are refused unread; real ones have some 300 characters.
const MAX_ID: usize = 4096;

/// The content of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The storage server that it is for.
    pub node: String,
    /// The user.
    pub uid: u64,
    /// When it expires, in seconds.
    pub expires: ServerTime,
    /// Makes the keys of tokens different.
    pub salt: String,
    /// The account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fxa_uid: Option<String>,
    /// The account's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fxa_kid: Option<String>,
    /// The account, in a form for logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashed_fxa_uid: Option<String>,
    /// The device, in a form for logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashed_device_id: Option<String>,
}

/// A token with a valid signature.
#[derive(Debug)]
pub struct Verified {
    /// Its user.
    pub uid: Uid,
    /// When it expires.
    pub expires: ServerTime,
    /// The key that its holder signs requests with.
    pub key: Key,
    /// The storage server that it was made for.
    pub node: String,
    /// The salt of the key.
    pub salt: String,
}

/// A new token.
#[derive(Debug)]
pub struct Minted {
    /// The Hawk id.
    pub id: String,
    /// The Hawk key, as text.
    pub key: Zeroizing<String>,
}

/// The secret that token servers and storage servers share.
pub struct MasterSecret {
    secret: Zeroizing<Vec<u8>>,
    signing: Hmac<Sha256>,
}

impl std::fmt::Debug for MasterSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterSecret(..)")
    }
}

impl MasterSecret {
    /// From its bytes.
    #[must_use]
    pub fn new(secret: Zeroizing<Vec<u8>>) -> Self {
        let signing_key = hkdf::derive::<32>(&secret, b"", SIGNING);
        Self {
            signing: mac(&*signing_key),
            secret,
        }
    }

    /// Issues a token.
    #[must_use]
    pub fn mint(&self, claims: &Claims) -> Minted {
        let mut bytes =
            serde_json::to_vec(claims).expect("claims are texts and numbers, which JSON can hold");
        let mut signing = self.signing.clone();
        signing.update(&bytes);
        bytes.extend_from_slice(&signing.finalize().into_bytes());
        let id = Base64Url::encode_string(&bytes);
        let key = self.derive_key(&id, &claims.salt);
        Minted { id, key }
    }

    /// Verifies a token's signature and reads it. The caller checks whether it has expired.
    #[must_use]
    pub fn verify(&self, id: &str) -> Option<Verified> {
        if id.len() > MAX_ID {
            return None;
        }
        let bytes = Base64Url::decode_vec(id).ok()?;
        let (json, signature) = bytes.split_at_checked(bytes.len().checked_sub(MAC_LENGTH)?)?;
        let mut signing = self.signing.clone();
        signing.update(json);
        signing.verify_slice(signature).ok()?;
        let claims: Claims = serde_json::from_slice(json).ok()?;
        Some(Verified {
            uid: Uid::new(claims.uid)?,
            expires: claims.expires,
            key: Key::from_text(&self.derive_key(id, &claims.salt)),
            node: claims.node,
            salt: claims.salt,
        })
    }

    /// The MAC with which a client verifies the server's time.
    #[must_use]
    pub fn timestamp_mac(&self, id: &str, salt: &str, seconds: u64) -> String {
        let mut timestamp = mac(self.derive_key(id, salt).as_bytes());
        timestamp.update(format!("hawk.1.ts\n{seconds}\n").as_bytes());
        Base64::encode_string(&timestamp.finalize().into_bytes())
    }

    /// A key for another purpose, named by `label`.
    #[must_use]
    pub(crate) fn derive_other(&self, label: &str) -> Zeroizing<[u8; 32]> {
        hkdf::derive::<32>(&self.secret, b"", label.as_bytes())
    }

    /// A name for an account in logs, which does not reveal the account.
    #[must_use]
    pub fn hashed(&self, account: &str) -> String {
        let key = hkdf::derive::<32>(&self.secret, b"", b"selvedge/v1/hashed_fxa_uid");
        let mut hash = mac(&*key);
        hash.update(account.as_bytes());
        let bytes = hash.finalize().into_bytes();
        bytes
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn derive_key(&self, id: &str, salt: &str) -> Zeroizing<String> {
        let info = [DERIVE, id].concat();
        let mut key = hkdf::derive::<32>(&self.secret, salt.as_bytes(), info.as_bytes());
        let text = Zeroizing::new(Base64Url::encode_string(&*key));
        key.zeroize();
        text
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of every length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> MasterSecret {
        MasterSecret::new(Zeroizing::new(b"Ted_Koppel_is_a_robot".to_vec()))
    }

    fn claims() -> Claims {
        Claims {
            node: "http://127.0.0.1:8090".into(),
            uid: 42,
            expires: ServerTime::parse("1700000300.5").unwrap(),
            salt: "c1a2f3".into(),
            fxa_uid: Some("319b98f9961ff1dbdd07313cd6ba925a".into()),
            fxa_kid: None,
            hashed_fxa_uid: None,
            hashed_device_id: None,
        }
    }

    #[test]
    fn a_minted_token_verifies_and_gives_the_same_key() {
        let minted = secret().mint(&claims());
        let verified = secret().verify(&minted.id).unwrap();
        assert_eq!(
            (verified.uid.number(), verified.expires.hundredths()),
            (42, 170_000_030_050)
        );
        assert_eq!(secret().derive_key(&minted.id, "c1a2f3"), minted.key);
        assert_eq!(minted.key.len(), 44);
    }

    #[test]
    fn a_token_made_elsewhere_gives_the_key_made_there() {
        // Made with Python's hmac, hashlib and json from the rule alone.
        let id = "eyJub2RlIjogImh0dHA6Ly8xMjcuMC4wLjE6ODA5MCIsICJ1aWQiOiA0MiwgImV4cGlyZXMiOiAxNzAwMDAwMzAwLjUs\
                  ICJzYWx0IjogImMxYTJmMyJ9phz78A5qsBKqxc9kBRbxv-_Vrr8dryluYprs_DkOoF0=";
        assert_eq!(secret().verify(id).unwrap().uid.number(), 42);
        let key = secret().derive_key(id, "c1a2f3");
        assert_eq!(key.as_str(), "jzpXz-fSlAF06qmsOkQ7At2d9G4zDhUVtgrp92CeFvw=");
        let mac = secret().timestamp_mac(id, "c1a2f3", 1_700_000_000);
        assert_eq!(mac, "gMgj04+ykFkm8ZPLej3/qCsKIIeBmOMnvCljnkNpBl8=");
    }

    #[test]
    fn a_changed_token_and_another_secret_are_refused() {
        let minted = secret().mint(&claims());
        let mut bytes = Base64Url::decode_vec(&minted.id).unwrap();
        assert!(
            MasterSecret::new(Zeroizing::new(b"another".to_vec()))
                .verify(&minted.id)
                .is_none()
        );
        for at in [0, bytes.len() / 2, bytes.len() - 1] {
            bytes[at] ^= 1;
            assert!(
                secret().verify(&Base64Url::encode_string(&bytes)).is_none(),
                "byte {at}"
            );
            bytes[at] ^= 1;
        }
        for id in ["", "AAAA", "no base64!", &"A".repeat(5000)] {
            assert!(secret().verify(id).is_none());
        }
    }

    #[test]
    fn any_spacing_and_unknown_members_are_read() {
        for json in [
            r#"{ "node" : "x", "uid" : 7, "expires" : 1700000000, "salt" : "s" }"#,
            r#"{"uid":7,"extra":[1],"expires":1.7E9,"salt":"s","node":"x"}"#,
        ] {
            let mut bytes = json.as_bytes().to_vec();
            let mut signing = secret().signing.clone();
            signing.update(&bytes);
            bytes.extend_from_slice(&signing.finalize().into_bytes());
            let verified = secret().verify(&Base64Url::encode_string(&bytes)).unwrap();
            assert_eq!(
                (verified.uid.number(), verified.expires.hundredths()),
                (7, 170_000_000_000)
            );
        }
    }
}
