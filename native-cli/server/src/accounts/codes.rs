//! OAuth codes and refresh tokens (`docs/protocol/accounts-api.md` §9). A code works once, within minutes, for the client
//! that has the verifier of its challenge; the server keeps only hashes of codes and refresh tokens.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::body::{optional, text};
use super::error::ApiError;
use super::rows::{decode_row, encode, seconds};
use super::scopes::{client, scope, ttl};
use super::server::{AccountsServer, Call};
use super::token::random;
use crate::model::{EntryChange, EntryKey, EntryKind, Expected};

/// Lifetime of a code in seconds.
const CODE_LIFE: u64 = 600;
/// Lifetime of a refresh token in seconds; each use extends it.
const REFRESH_LIFE: u64 = 400 * 24 * 3600;
/// Maximum lengths that the protocol names.
const MAX_STATE: usize = 512;
const MAX_KEYS_JWE: usize = 1024;
/// The length of a challenge: a SHA-256 in base64url.
const CHALLENGE: usize = 43;
/// Where codes go: to the browser around the page.
const REDIRECTS: [&str; 2] = [
    "urn:ietf:wg:oauth:2.0:oob:oauth-redirect-webchannel",
    "urn:ietf:wg:oauth:2.0:oob:pair-auth-webchannel",
];

/// A code.
#[derive(Serialize, Deserialize)]
struct Code {
    uid: String,
    client_id: String,
    scope: String,
    challenge: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keys_jwe: Option<String>,
    is_offline: bool,
    /// Seconds.
    auth_at: u64,
}

/// A refresh token.
#[derive(Serialize, Deserialize)]
pub(super) struct RefreshToken {
    pub(super) uid: String,
    pub(super) client_id: String,
    pub(super) scope: String,
    /// Seconds.
    pub(super) auth_at: u64,
}

/// The key of the entry of a code or a refresh token.
fn hashed(kind: EntryKind, secret: &str) -> EntryKey {
    EntryKey::new(kind, const_hex::encode(Sha256::digest(secret.as_bytes())))
}

/// The key of a refresh token's entry.
pub(super) fn refresh_key(token: &str) -> EntryKey {
    hashed(EntryKind::RefreshToken, token)
}

impl AccountsServer {
    /// A code for the client that opened the page.
    pub(super) async fn authorization(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let body = call.json()?;
        let (_, session) = self.session(call).await?;
        let person = self.person(&session.uid).await?.ok_or(ApiError::Token)?;
        let client_id = client(&body)?;
        let scope = scope(text(&body, "scope")?)?;
        let state = text(&body, "state")?;
        if state.len() > MAX_STATE {
            return Err(ApiError::Invalid("state"));
        }
        if !matches!(optional(&body, "response_type")?, None | Some("code")) {
            return Err(ApiError::Invalid("response_type"));
        }
        let challenge = optional(&body, "code_challenge")?.ok_or(ApiError::NoChallenge)?;
        if optional(&body, "code_challenge_method")? != Some("S256") || challenge.len() != CHALLENGE
        {
            return Err(ApiError::NoChallenge);
        }
        let keys_jwe = optional(&body, "keys_jwe")?;
        if keys_jwe.is_some_and(|jwe| jwe.len() > MAX_KEYS_JWE) {
            return Err(ApiError::Invalid("keys_jwe"));
        }
        let redirect = optional(&body, "redirect_uri")?;
        let redirect = match redirect {
            None => REDIRECTS.first().copied(),
            Some(wanted) => REDIRECTS.into_iter().find(|known| *known == wanted),
        };
        let redirect = redirect.ok_or(ApiError::Invalid("redirect_uri"))?;
        let row = Code {
            uid: person.uid.clone(),
            client_id: client_id.into(),
            scope: scope.into(),
            challenge: challenge.into(),
            keys_jwe: keys_jwe.map(Into::into),
            is_offline: is_offline(&body)?,
            auth_at: session.auth_at,
        };
        let code = const_hex::encode(*random::<32>()?);
        let put = EntryChange::Put {
            key: hashed(EntryKind::Code, &code),
            expected: Expected::Absent,
            owner: person.uid,
            expires: Some(seconds(call.now + CODE_LIFE)),
            value: encode(&row)?,
        };
        if !self.storage.change_entries(vec![put]).await? {
            return Err(ApiError::Concurrent);
        }
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("code", &code)
            .append_pair("state", state)
            .finish();
        Ok(json!({
            "code": code, "state": state, "scope": row.scope, "redirect": format!("{redirect}?{query}"),
        }))
    }

    /// Tokens for a code, once. A wrong verifier leaves the code as it is.
    pub(super) async fn redeem(&self, call: &Call<'_>, body: &Value) -> Result<Value, ApiError> {
        let client_id = client(body)?;
        let key = hashed(EntryKind::Code, text(body, "code")?);
        let entry = self.storage.entry(key.clone()).await?;
        let row: Code = decode_row(&entry.ok_or(ApiError::UnknownCode)?.value)?;
        if row.client_id != client_id {
            return Err(ApiError::CodeOfAnother);
        }
        let verifier = text(body, "code_verifier")?;
        let challenge = Base64UrlUnpadded::encode_string(&Sha256::digest(verifier.as_bytes()));
        // Neither of the two is secret: the verifier cannot be computed from them.
        if challenge != row.challenge {
            return Err(ApiError::Verifier);
        }
        let person = self.person(&row.uid).await?.ok_or(ApiError::UnknownCode)?;
        let used = EntryChange::Delete {
            key,
            expected: Expected::Present,
        };
        let mut reply = self
            .grant(
                call,
                &person,
                (client_id, &row.scope, ttl(body)?, row.auth_at),
                row.is_offline,
                vec![used],
            )
            .await
            .map_err(|error| match error {
                // Another request used it meanwhile.
                ApiError::Concurrent => ApiError::UnknownCode,
                error => error,
            })?;
        if let Some(jwe) = row.keys_jwe {
            reply["keys_jwe"] = jwe.into();
        }
        Ok(reply)
    }

    /// An access token for a refresh token.
    pub(super) async fn refresh(&self, call: &Call<'_>, body: &Value) -> Result<Value, ApiError> {
        let client_id = client(body)?;
        let key = refresh_key(text(body, "refresh_token")?);
        let entry = self.storage.entry(key.clone()).await?;
        let entry = entry.ok_or(ApiError::UnknownRefreshToken)?;
        let row: RefreshToken = decode_row(&entry.value)?;
        if row.client_id != client_id {
            return Err(ApiError::UnknownRefreshToken);
        }
        let wanted = match optional(body, "scope")? {
            None => row.scope.as_str(),
            Some(wanted) => {
                let is_granted =
                    |one: &str| row.scope.split_ascii_whitespace().any(|had| had == one);
                if !scope(wanted)?.split_ascii_whitespace().all(is_granted) {
                    return Err(ApiError::Scope);
                }
                wanted
            }
        };
        let person = self.person(&row.uid).await?;
        let person = person.ok_or(ApiError::UnknownRefreshToken)?;
        let extended = EntryChange::Put {
            key,
            expected: Expected::Present,
            owner: entry.owner,
            expires: Some(seconds(call.now + REFRESH_LIFE)),
            value: entry.value,
        };
        let granted = (client_id, wanted, ttl(body)?, row.auth_at);
        self.grant(call, &person, granted, false, vec![extended])
            .await
    }

    /// The change that stores a new refresh token, and the token.
    pub(super) fn new_refresh_token(
        row: &RefreshToken,
        now: u64,
    ) -> Result<(String, EntryChange), ApiError> {
        let token = const_hex::encode(*random::<32>()?);
        let put = EntryChange::Put {
            key: refresh_key(&token),
            expected: Expected::Absent,
            owner: row.uid.clone(),
            expires: Some(seconds(now + REFRESH_LIFE)),
            value: encode(row)?,
        };
        Ok((token, put))
    }
}

/// Whether a refresh token is asked for.
pub(super) fn is_offline(body: &Value) -> Result<bool, ApiError> {
    match optional(body, "access_type")? {
        None | Some("online") => Ok(false),
        Some("offline") => Ok(true),
        Some(_) => Err(ApiError::Invalid("access_type")),
    }
}
