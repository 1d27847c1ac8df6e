//! What a client may ask for (`docs/protocol/accounts-api.md` §1, §9).

use serde_json::Value;

use super::body::text;
use super::error::ApiError;
use crate::token::issuers::OLDSYNC;

/// The client ids that the protocol's clients have: Firefox, and the phones' ones.
pub(super) const CLIENTS: [&str; 3] = ["5882386c6d801776", "e7ce535d93522896", "8269bacd7bbc7f80"];
/// Maximum lifetime of an access token in seconds.
pub(super) const MAX_TTL: u64 = 21_900;

/// The client.
pub(super) fn client(body: &Value) -> Result<&str, ApiError> {
    let id = text(body, "client_id")?;
    if CLIENTS.contains(&id) {
        Ok(id)
    } else {
        Err(ApiError::Client)
    }
}

/// The scopes, if all of them may be granted.
pub(super) fn scope(scope: &str) -> Result<&str, ApiError> {
    let is_allowed = |one: &str| one == OLDSYNC || one == "profile" || one.starts_with("profile:");
    let mut scopes = scope.split_ascii_whitespace().peekable();
    if scopes.peek().is_none() || !scopes.all(is_allowed) {
        return Err(ApiError::Scope);
    }
    Ok(scope)
}

/// The lifetime of an access token in seconds.
pub(super) fn ttl(body: &Value) -> Result<u64, ApiError> {
    match body.get("ttl") {
        None | Some(Value::Null) => Ok(MAX_TTL),
        Some(ttl) => Ok(ttl.as_u64().ok_or(ApiError::Invalid("ttl"))?.min(MAX_TTL)),
    }
}
