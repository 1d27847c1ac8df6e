//! OAuth: access tokens as JWTs for the token server and the profile (`docs/protocol/accounts-api.md` §9). The server keeps
//! the hash of each token's id while the token is valid, so that it can be revoked.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::body::{optional, text};
use super::codes::{RefreshToken, is_offline, refresh_key};
use super::error::ApiError;
use super::rows::{Person, seconds};
use super::scopes::{client, scope, ttl};
use super::server::{AccountsServer, Call};
use super::token::random;
use crate::model::{EntryChange, EntryKey, EntryKind, Expected};
use crate::storage::wall_clock;
use crate::token::TokenError;
use crate::token::issuers::{Claims, Holder, OLDSYNC, Unverified};

fn entry_of(token_id: &str) -> EntryKey {
    let hash = const_hex::encode(Sha256::digest(token_id.as_bytes()));
    EntryKey::new(EntryKind::AccessToken, hash)
}

impl AccountsServer {
    /// Tokens for a session, a code or a refresh token.
    pub(super) async fn oauth_token(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let body = call.json()?;
        let kind = optional(&body, "grant_type")?.unwrap_or({
            if body.get("code").is_some() {
                "authorization_code"
            } else {
                "fxa-credentials"
            }
        });
        match kind {
            "authorization_code" => self.redeem(call, &body).await,
            "refresh_token" => self.refresh(call, &body).await,
            "fxa-credentials" => self.token_of_session(call, &body).await,
            _ => Err(ApiError::Invalid("grant_type")),
        }
    }

    async fn token_of_session(&self, call: &Call<'_>, body: &Value) -> Result<Value, ApiError> {
        let (_, session) = self.session(call).await?;
        let person = self.person(&session.uid).await?.ok_or(ApiError::Token)?;
        let client_id = client(body)?;
        let scope = scope(text(body, "scope")?)?;
        let granted = (client_id, scope, ttl(body)?, session.auth_at);
        self.grant(call, &person, granted, is_offline(body)?, Vec::new())
            .await
    }

    /// An access token for a client, a scope, a lifetime and the time of the sign-in in seconds, and a refresh token if one
    /// is asked for; stored together with other changes, or not at all.
    pub(super) async fn grant(
        &self,
        call: &Call<'_>,
        person: &Person,
        (client_id, scope, ttl, auth_at): (&str, &str, u64, u64),
        is_offline: bool,
        mut changes: Vec<EntryChange>,
    ) -> Result<Value, ApiError> {
        let id = const_hex::encode(*random::<32>()?);
        let audience = if scope.split_ascii_whitespace().any(|one| one == OLDSYNC) {
            &self.issuer
        } else {
            client_id
        };
        let claims = json!({
            "iss": self.issuer, "aud": audience, "client_id": client_id, "sub": person.uid, "scope": scope,
            "iat": call.now, "exp": call.now + ttl, "jti": id, "fxa-generation": person.verifier_set_at,
        });
        let token = self.sign(&claims, call.now).await?;
        changes.push(EntryChange::Put {
            key: entry_of(&id),
            expected: Expected::Absent,
            owner: person.uid.clone(),
            expires: Some(seconds(call.now + ttl)),
            value: Vec::new(),
        });
        let mut reply = json!({
            "access_token": token, "token_type": "bearer", "scope": scope, "expires_in": ttl, "auth_at": auth_at,
        });
        if is_offline {
            let row = RefreshToken {
                uid: person.uid.clone(),
                client_id: client_id.into(),
                scope: scope.into(),
                auth_at,
            };
            let (token, put) = Self::new_refresh_token(&row, call.now)?;
            changes.push(put);
            reply["refresh_token"] = token.into();
        }
        if !self.storage.change_entries(changes).await? {
            return Err(ApiError::Concurrent);
        }
        Ok(reply)
    }

    async fn sign(&self, claims: &Value, now: u64) -> Result<String, ApiError> {
        let keys = self.signing_keys.all(&*self.storage, now).await?;
        let key = keys.first().ok_or(ApiError::Unavailable)?;
        let header = json!({"alg": "RS256", "typ": "at+JWT", "kid": key.id});
        let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = Base64UrlUnpadded::encode_string(&key.sign(&signed)?);
        Ok(format!("{signed}.{signature}"))
    }

    /// The claims of a token of this server that is neither expired nor revoked.
    async fn claims(&self, token: &str, now: u64) -> Result<Option<Claims>, ApiError> {
        let Some(jwt) = Unverified::parse(token) else {
            return Ok(None);
        };
        if jwt.issuer.as_deref() != Some(&self.issuer) {
            return Ok(None);
        }
        let keys = self.signing_keys.all(&*self.storage, now).await?;
        let keys: Vec<_> = keys
            .iter()
            .map(super::signing_keys::SigningKey::public)
            .collect();
        let claims = jwt.verify(&keys).filter(|claims| now < claims.exp);
        let Some(claims) = claims else {
            return Ok(None);
        };
        let is_kept = self.storage.entry(entry_of(&claims.jti)).await?.is_some();
        Ok(is_kept.then_some(claims))
    }

    /// The holder of a token of this server, for its token server. None for what this server did not issue.
    ///
    /// # Errors
    /// When it issued the token and does not accept it any more, or the storage fails.
    pub(crate) async fn holder(&self, token: &str) -> Result<Option<Holder>, TokenError> {
        let is_own = Unverified::parse(token)
            .is_some_and(|jwt| jwt.issuer.as_deref() == Some(self.issuer.as_str()));
        if !is_own {
            return Ok(None);
        }
        let claims = self.claims(token, wall_clock::seconds()).await;
        let claims = claims
            .map_err(|_| TokenError::Unavailable)?
            .filter(|claims| {
                claims
                    .scope
                    .split_ascii_whitespace()
                    .any(|one| one == OLDSYNC)
            })
            .ok_or(TokenError::InvalidCredentials)?;
        Ok(Some(Holder {
            // The URL of this server may change; its people stay the same.
            issuer: String::new(),
            subject: claims.sub,
            generation: claims.generation,
            email: None,
        }))
    }

    /// Revokes a token. An unknown one is a success.
    pub(super) async fn oauth_destroy(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let body = call.json()?;
        let token = body.get("token").or_else(|| body.get("access_token"));
        let token = token.and_then(Value::as_str).unwrap_or_default();
        if let Some(claims) = self.claims(token, call.now).await? {
            let delete = EntryChange::Delete {
                key: entry_of(&claims.jti),
                expected: Expected::Any,
            };
            self.storage.change_entries(vec![delete]).await?;
        }
        let named = ["token", "refresh_token"].map(|name| body.get(name).and_then(Value::as_str));
        for token in named.into_iter().flatten() {
            self.end_refresh_token(refresh_key(token)).await?;
        }
        Ok(json!({}))
    }

    pub(super) async fn oauth_verify(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let body = call.json()?;
        let claims = self.claims(text(&body, "token")?, call.now).await?;
        let claims = claims.ok_or(ApiError::AccessToken)?;
        let scopes: Vec<&str> = claims.scope.split_ascii_whitespace().collect();
        Ok(json!({
            "user": claims.sub, "client_id": claims.client_id, "scope": scopes, "generation": claims.generation,
        }))
    }

    pub(super) async fn jwks(&self, now: u64) -> Result<Value, ApiError> {
        let keys = self.signing_keys.all(&*self.storage, now).await?;
        let keys: Vec<_> = keys
            .iter()
            .map(super::signing_keys::SigningKey::jwk)
            .collect();
        Ok(json!({"keys": keys}))
    }

    pub(super) async fn profile(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let token = call
            .authorization
            .and_then(|value| value.strip_prefix("Bearer "));
        let claims = self.claims(token.ok_or(ApiError::Token)?, call.now).await?;
        let is_for_profile = |claims: &Claims| {
            let mut scopes = claims.scope.split_ascii_whitespace();
            scopes.any(|one| one == "profile" || one.starts_with("profile:"))
        };
        let claims = claims.filter(is_for_profile).ok_or(ApiError::Token)?;
        let person = self.person(&claims.sub).await?.ok_or(ApiError::Token)?;
        Ok(json!({
            "uid": person.uid, "email": person.email, "avatar": format!("{}/avatar", self.issuer),
            "avatarDefault": true,
        }))
    }
}
