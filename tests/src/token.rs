//! Issues storage tokens like a token server; implemented from the specification, independently of the program's code.

use std::time::{SystemTime, UNIX_EPOCH};

use base64ct::{Base64Url, Base64UrlUnpadded, Encoding as _};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

/// The secret that a storage server shares with its token servers.
#[derive(Debug)]
pub struct MasterSecret(Vec<u8>);

/// A user of a storage server and the user's sync key.
#[derive(Debug, Clone)]
pub struct Account {
    /// The user's number.
    pub uid: u64,
    /// The 64 bytes of the sync key.
    pub sync_key: [u8; 64],
}

impl Account {
    /// An account with a key that is derived from its number.
    #[must_use]
    pub fn new(uid: u64) -> Self {
        let mut sync_key = [0; 64];
        for (byte, at) in sync_key.iter_mut().zip(0u64..) {
            *byte = (uid.wrapping_mul(31).wrapping_add(at * 7 + 1) & 0xFF) as u8;
        }
        Self { uid, sync_key }
    }

    /// An account with a sync key in the form of credentials.
    #[must_use]
    pub fn with_key(uid: u64, ksync_b64url: &str) -> Self {
        let mut sync_key = [0; 64];
        Base64UrlUnpadded::decode(ksync_b64url, &mut sync_key).expect("a sync key is base64url");
        Self { uid, sync_key }
    }

    /// The sync key in the form of credentials.
    #[must_use]
    pub fn ksync_b64url(&self) -> String {
        Base64UrlUnpadded::encode_string(&self.sync_key)
    }
}

impl MasterSecret {
    /// The secret from the content of a file.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.trim_ascii_end().to_vec())
    }

    /// Credentials for `account` at the server with this URL, valid for `seconds` from now; with a negative number they have
    /// expired.
    #[must_use]
    pub fn credentials(&self, url: &str, account: &Account, seconds: i64) -> Value {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("it is after 1970")
            .as_secs();
        let salt = format!("{:06x}", now & 0xFF_FFFF);
        let claims = json!({
            "node": url,
            "uid": account.uid,
            "expires": now.saturating_add_signed(seconds),
            "salt": salt,
        });
        let claims = claims.to_string();
        let signing = self.derive(None, b"services.mozilla.com/tokenlib/v1/signing");
        let mut mac = Hmac::<Sha256>::new_from_slice(&signing).expect("HMAC takes any key");
        mac.update(claims.as_bytes());
        let id =
            Base64Url::encode_string(&[claims.as_bytes(), &mac.finalize().into_bytes()].concat());
        let info = format!("services.mozilla.com/tokenlib/v1/derive/{id}");
        let key = Base64Url::encode_string(&self.derive(Some(salt.as_bytes()), info.as_bytes()));
        json!({
            "api_endpoint": format!("{url}/1.5/{}", account.uid),
            "id": id,
            "key": key,
            "uid": account.uid,
            "hashalg": "sha256",
            "duration": seconds.max(0),
            "ksync_b64url": account.ksync_b64url(),
        })
    }

    fn derive(&self, salt: Option<&[u8]>, info: &[u8]) -> [u8; 32] {
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(salt, &self.0)
            .expand(info, &mut key)
            .expect("32 bytes are within HKDF's limit");
        key
    }
}
