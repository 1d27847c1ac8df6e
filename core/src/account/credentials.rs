//! The stored credentials of an account: the sync key, and how to access its storage.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::header::check_header;
use super::join_code::JoinCode;
use super::legacy;
use super::token::Token;
use super::token_server::normalised;
use crate::crypto::KeyBundle;
use crate::error::{Error, Result};
use crate::json;
use crate::reconcile::Fields;

/// The account credentials that a device stores. `Debug` output contains no secrets, and they are zeroized when
/// dropped.
///
/// ```
/// use selvedge_core::account::{Credentials, Source};
///
/// let json = format!(r#"{{"tokenserver_url":"https://sync.example.org/","access_token":"secret",
///     "kid":"1700000000000-AAAAAAAAAAAAAAAAAAAAAA","ksync_b64url":"{}"}}"#, "A".repeat(86));
/// let credentials = Credentials::from_json(json.as_bytes())?;
/// assert!(matches!(&credentials.source, Source::TokenServer { url, .. } if url == "https://sync.example.org"));
/// assert_eq!(Credentials::from_json(&credentials.to_json())?, credentials);
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The key that protects `crypto/keys`.
    pub sync_key: KeyBundle,
    /// The identifier of the sync key for token servers; it changes when the key changes.
    pub kid: Option<String>,
    /// This device's id among the devices of its Firefox account, 32 hexadecimal digits, if an accounts server knows it
    /// (spec §1.10). It is specific to this device: join codes do not contain it.
    pub device_id: Option<String>,
    /// How to access the storage.
    pub source: Source,
}

/// How to access the storage.
///
/// ```
/// use selvedge_core::account::Source;
///
/// let source = Source::TokenServer { url: "https://sync.example.org".into(), access_token: "secret".to_string().into() };
/// assert_eq!(format!("{source:?}"), "TokenServer { url: \"https://sync.example.org\", .. }");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A storage token from the caller. When it expires, the caller must provide a new one.
    Token(Token),
    /// A token server and the access token for it.
    TokenServer {
        /// Its normalized address, without a trailing slash.
        url: String,
        /// The access token that the token server exchanges for a storage token.
        access_token: Zeroizing<String>,
    },
    /// A name and a password, for servers of dialect 1.1.
    Legacy(legacy::Account),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(token) => token.fmt(f),
            Self::TokenServer { url, .. } => f
                .debug_struct("TokenServer")
                .field("url", url)
                .finish_non_exhaustive(),
            Self::Legacy(account) => account.fmt(f),
        }
    }
}

/// The members that both forms of dialect 1.5 have.
#[derive(Deserialize)]
struct Common {
    ksync_b64url: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    device_id: Option<String>,
    #[serde(default)]
    tokenserver_url: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
}

#[derive(Serialize)]
struct TokenForm<'a> {
    api_endpoint: &'a str,
    id: &'a str,
    key: &'a str,
    uid: u64,
    hashalg: &'static str,
    duration: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<&'a str>,
    ksync_b64url: &'a str,
}

#[derive(Serialize)]
struct TokenServerForm<'a> {
    tokenserver_url: &'a str,
    access_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<&'a str>,
    ksync_b64url: &'a str,
}

/// The form of dialect 1.1.
#[derive(Serialize)]
struct LegacyForm<'a> {
    server_url: &'a str,
    username: &'a str,
    password: &'a str,
    sync_key: &'a str,
}

/// Parses the form of dialect 1.1; `None` if the text has another form.
fn read_legacy(text: &[u8]) -> Option<Result<Credentials>> {
    #[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
    struct Form {
        server_url: String,
        username: String,
        password: String,
        sync_key: String,
    }
    let fields = Fields::parse(core::str::from_utf8(text).ok()?).ok()?;
    fields.get("username")?;
    let input =
        "an account by name needs server_url, username, password and sync_key, all of them strings";
    let form = json::from_slice(text).map_err(|_| Error::Input(input.into()));
    Some(form.and_then(|form: Form| {
        let Form {
            server_url,
            username,
            password,
            sync_key,
        } = &form;
        legacy::Account::new(server_url, username, password, sync_key)
            .map(legacy::Account::into_credentials)
    }))
}

impl Credentials {
    /// The address of the server that gets the first request: the token server, or the storage if there is no token
    /// server.
    #[must_use]
    pub fn server(&self) -> &str {
        match &self.source {
            Source::TokenServer { url, .. } => url,
            Source::Token(token) => &token.api_endpoint,
            Source::Legacy(account) => account.server(),
        }
    }

    /// Parses one of three forms: `{api_endpoint, id, key, uid, hashalg, duration, ksync_b64url}`, a token server's
    /// response plus the sync key; `{tokenserver_url, access_token, kid, ksync_b64url}`; or, for servers of dialect
    /// 1.1, `{server_url, username, password, sync_key}`. The first two may contain the device's `device_id`.
    ///
    /// # Errors
    /// [`Error::Input`] with a message that specifies what is invalid; it never contains a value.
    pub fn from_json(text: &[u8]) -> Result<Self> {
        if let Some(read) = read_legacy(text) {
            return read;
        }
        let input = |text: &str| Error::Input(text.into());
        let is_object = core::str::from_utf8(text).is_ok_and(|text| Fields::parse(text).is_ok());
        if !is_object {
            return Err(input(
                "credentials must be a JSON object, and this text is not one",
            ));
        }
        let common: Common = json::from_slice(text)
            .map_err(|_| input("credentials need the sync key, as the string ksync_b64url"))?;
        let key = Zeroizing::new(common.ksync_b64url);
        let access_token = common.access_token.map(Zeroizing::new);
        let sync_key = KeyBundle::from_b64url(key.trim_end_matches('='))
            .map_err(|_| input("ksync_b64url must be 64 bytes as base64url: 86 characters"))?;
        let source = match (common.tokenserver_url, access_token) {
            (Some(url), Some(access_token)) => {
                if common.kid.is_none() {
                    return Err(input(
                        "credentials for a token server need the kid of the sync key",
                    ));
                }
                check_header(&access_token, "access_token")?;
                Source::TokenServer {
                    url: normalised(&url)?,
                    access_token,
                }
            }
            (Some(_), None) => {
                return Err(input("credentials with tokenserver_url need access_token"));
            }
            (None, Some(_)) => {
                return Err(input("credentials with access_token need tokenserver_url"));
            }
            (None, None) => Source::Token(Token::from_json(text)?),
        };
        if let Some(kid) = &common.kid {
            check_header(kid, "kid")?;
        }
        let is_device_id =
            |id: &String| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !common.device_id.as_ref().is_none_or(is_device_id) {
            return Err(input("device_id must be 32 hexadecimal digits"));
        }
        Ok(Self {
            sync_key,
            kid: common.kid,
            device_id: common.device_id,
            source,
        })
    }

    /// Writes the form that [`Credentials::from_json`] parses. It contains secrets: store it in a file that only its
    /// owner may read.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let (kid, device_id) = (self.kid.as_deref(), self.device_id.as_deref());
        let ksync_b64url = self.sync_key.to_b64url();
        let json = match &self.source {
            Source::Token(token) => json::to_string(&TokenForm {
                api_endpoint: &token.api_endpoint,
                id: &token.id,
                key: &token.key,
                uid: token.uid,
                hashalg: "sha256",
                duration: token.duration,
                kid,
                device_id,
                ksync_b64url: &ksync_b64url,
            }),
            Source::TokenServer { url, access_token } => json::to_string(&TokenServerForm {
                tokenserver_url: url,
                access_token,
                kid,
                device_id,
                ksync_b64url: &ksync_b64url,
            }),
            Source::Legacy(account) => json::to_string(&LegacyForm {
                server_url: account.server(),
                username: account.username(),
                password: account.password(),
                sync_key: &account.sync_key().friendly(),
            }),
        };
        Zeroizing::new(
            json.expect("strings and numbers can be serialized as JSON")
                .into_bytes(),
        )
    }

    /// The line of text that adds another device to the account.
    ///
    /// # Errors
    /// [`Error::Input`] when the credentials contain only a storage token, which cannot be renewed.
    pub fn join_code(&self) -> Result<JoinCode> {
        match (&self.source, &self.kid) {
            (Source::TokenServer { url, access_token }, Some(kid)) => Ok(JoinCode {
                tokenserver_url: url.clone(),
                access_token: access_token.clone(),
                kid: kid.clone(),
                sync_key: self.sync_key.clone(),
            }),
            _ => Err(Error::Input(
                "this account has no token server: other devices need their own credentials".into(),
            )),
        }
    }
}

impl legacy::Account {
    /// What a device keeps.
    #[must_use]
    pub fn into_credentials(self) -> Credentials {
        let bundle = self.sync_key().bundle(self.username());
        Credentials {
            // Tells one Sync Key from another: where it was changed, everything is read and sent again.
            kid: Some(fingerprint(&bundle)),
            sync_key: bundle,
            device_id: None,
            source: Source::Legacy(self),
        }
    }
}

impl JoinCode {
    /// The account as this device keeps it.
    #[must_use]
    pub fn into_credentials(self) -> Credentials {
        Credentials {
            sync_key: self.sync_key,
            kid: Some(self.kid),
            device_id: None,
            source: Source::TokenServer {
                url: self.tokenserver_url,
                access_token: self.access_token,
            },
        }
    }
}

/// Tells one sync key from another, and nothing else of it: 16 bytes of a hash, as base64url.
pub(super) fn fingerprint(key: &KeyBundle) -> String {
    let mut hash = Sha256::new();
    hash.update(key.encryption_key());
    hash.update(key.hmac_key());
    let digest: [u8; 32] = hash.finalize().into();
    let (fingerprint, _) = digest.split_at(16);
    Base64UrlUnpadded::encode_string(fingerprint)
}

#[cfg(test)]
mod tests;
