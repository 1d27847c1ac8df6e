//! Requests with a session or a token for the keys: Hawk and Bearer (spec §1.4; `docs/protocol/accounts-api.md` §3).

use selvedge_core::crypto::hawk::{Header, Key};
use serde_json::{Value, json};

use super::body::{decode, optional, text};
use super::error::ApiError;
use super::rows::{KeyFetch, Person, Session, decode_row};
use super::scopes::client;
use super::server::{AccountsServer, Call};
use super::token::TokenKind;
use crate::model::{EntryChange, EntryKey, EntryKind, Expected, StoredEntry};
use crate::token::issuers::OLDSYNC;

impl AccountsServer {
    pub(super) async fn session_status(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let (_, session) = self.session(call).await?;
        Ok(json!({
            "state": "verified", "uid": session.uid,
            "details": {
                "accountEmailVerified": true, "sessionVerified": true, "sessionVerificationMeetsMinimumAAL": true,
                "verified": true,
            },
        }))
    }

    pub(super) async fn session_destroy(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let (own, session) = self.session(call).await?;
        let body = call.json()?;
        let id = match optional(&body, "customSessionToken")? {
            None => own.name,
            Some(id) => {
                let other = self.storage.entry(EntryKey::new(EntryKind::Session, id));
                let other = other.await?.ok_or(ApiError::Token)?;
                // Another person's session is none that exists.
                if other.owner != session.uid {
                    return Err(ApiError::Token);
                }
                other.name
            }
        };
        self.end_session(&session.uid, &id).await?;
        Ok(json!({}))
    }

    pub(super) async fn email_status(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let person = self.person_of_session(call).await?;
        Ok(json!({
            "email": person.email, "verified": true, "sessionVerified": true, "emailVerified": true,
        }))
    }

    /// The keys, once: of two requests with the same token one gets them.
    pub(super) async fn keys(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let entry = self.authenticate(call, TokenKind::KeyFetch).await?;
        // A token of another use.
        let row: KeyFetch = decode_row(&entry.value).map_err(|_| ApiError::Token)?;
        let delete = EntryChange::Delete {
            key: EntryKey::new(EntryKind::OneTimeToken, entry.name),
            expected: Expected::Present,
        };
        if self.storage.change_entries(vec![delete]).await? {
            Ok(json!({"bundle": row.bundle}))
        } else {
            Err(ApiError::Token)
        }
    }

    pub(super) async fn scoped_key_data(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let person = self.person_of_session(call).await?;
        let body = call.json()?;
        client(&body)?;
        let mut scopes = text(&body, "scope")?.split_ascii_whitespace();
        if !scopes.any(|scope| scope == OLDSYNC) {
            return Err(ApiError::Scope);
        }
        Ok(json!({OLDSYNC: {
            "identifier": OLDSYNC, "keyRotationSecret": "0".repeat(64),
            "keyRotationTimestamp": person.keys_changed_at,
        }}))
    }

    pub(super) async fn person_of_session(&self, call: &Call<'_>) -> Result<Person, ApiError> {
        let (_, session) = self.session(call).await?;
        self.person(&session.uid).await?.ok_or(ApiError::Token)
    }

    pub(super) async fn session(
        &self,
        call: &Call<'_>,
    ) -> Result<(StoredEntry, Session), ApiError> {
        let entry = self.authenticate(call, TokenKind::Session).await?;
        let session = decode_row(&entry.value)?;
        Ok((entry, session))
    }

    /// The entry of the token that a request carries.
    pub(super) async fn authenticate(
        &self,
        call: &Call<'_>,
        kind: TokenKind,
    ) -> Result<StoredEntry, ApiError> {
        let value = call.authorization.ok_or(ApiError::Token)?;
        let entry_kind = match kind {
            TokenKind::Session => EntryKind::Session,
            TokenKind::KeyFetch | TokenKind::PasswordChange => EntryKind::OneTimeToken,
        };
        let find = async |id: &str| {
            let is_id =
                id.len() == 64 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            if !is_id {
                return Err(ApiError::Token);
            }
            let entry = self.storage.entry(EntryKey::new(entry_kind, id)).await?;
            entry.ok_or(ApiError::Token)
        };
        if let Some(bearer) = value.strip_prefix("Bearer ") {
            let id = bearer.strip_prefix(kind.prefix());
            return find(id.ok_or(ApiError::Token)?).await;
        }
        let header = Header::parse(value).map_err(|_| ApiError::Token)?;
        let entry = find(header.id).await?;
        let key: Value = decode_row(&entry.value)?;
        let key = key.get("request_key").and_then(Value::as_str);
        let key = key.and_then(decode).ok_or(ApiError::Unavailable)?;
        let url = call.url.as_ref().ok_or(ApiError::Signature)?;
        let key = Key::from_bytes(&*key);
        let is_signed = header.verify(&key, call.method, &url.target, &url.host, url.port)
            && header.is_payload(call.content_type, call.body);
        if is_signed {
            Ok(entry)
        } else {
            Err(ApiError::Signature)
        }
    }
}
