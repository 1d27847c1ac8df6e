//! `GET /1.0/sync/1.5`: the token server's requests and replies (spec §1.9).

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Serialize;

use super::app::App;
use super::reply::{json_body, set};
use crate::model::SecretHash;
use crate::storage::wall_clock;
use crate::token::{GrantRequest, MAX_DURATION, TokenError, hash_secret};

#[derive(Serialize)]
struct Answer<'a> {
    id: &'a str,
    key: &'a str,
    uid: u64,
    api_endpoint: String,
    duration: u64,
    hashed_fxa_uid: String,
    hashalg: &'static str,
    node_type: &'static str,
}

/// Answers with a token, its key and the endpoint.
pub(super) async fn answer(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, (TimestampHeader, TokenError)> {
    let granted = grant(&app, query.as_deref(), &headers, None).await;
    granted.map_err(|error| (TimestampHeader, error))
}

/// As [`answer`], with an invitation in the path: clients of other issuers have no other place for it.
pub(super) async fn answer_invited(
    State(app): State<Arc<App>>,
    Path(invitation): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, (TimestampHeader, TokenError)> {
    let invitation = hash_secret(&invitation);
    let granted = grant(&app, query.as_deref(), &headers, invitation).await;
    granted.map_err(|error| (TimestampHeader, error))
}

/// Refuses other applications and versions.
pub(super) async fn unsupported(
    Path((application, _version)): Path<(String, String)>,
) -> TokenError {
    let name = if application == "sync" {
        "version"
    } else {
        "application"
    };
    TokenError::Unsupported { name }
}

async fn grant(
    app: &App,
    query: Option<&str>,
    headers: &HeaderMap,
    invitation: Option<SecretHash>,
) -> Result<Response, TokenError> {
    let duration = duration(query);
    let access_token = bearer(headers).ok_or(TokenError::NoAccessToken)?;
    let own_holder = match &app.accounts_server {
        Some(server) => server.holder(access_token).await?,
        None => None,
    };
    let request = GrantRequest {
        access_token,
        own_holder: own_holder.as_ref(),
        key_id: headers.get("x-keyid").map(|value| value.as_bytes()),
        client_state: headers.get("x-client-state").map(|value| value.as_bytes()),
        invitation,
        duration,
    };
    let grant = app.issuer().grant(request).await?;
    let answer = Answer {
        id: &grant.minted.id,
        key: &grant.minted.key,
        uid: grant.uid.number(),
        api_endpoint: format!("{}/1.5/{}", app.base_url, grant.uid),
        duration,
        hashed_fxa_uid: grant.hashed_account,
        hashalg: "sha256",
        node_type: "sqlite",
    };
    let text = serde_json::to_string(&answer).expect("texts and numbers are JSON");
    let mut reply = json_body(text);
    set(
        &mut reply,
        "x-timestamp",
        &wall_clock::seconds().to_string(),
    );
    set(&mut reply, "cache-control", "no-store");
    set(&mut reply, "x-content-type-options", "nosniff");
    Ok(reply)
}

/// The server's time, in every reply of the token server.
#[derive(Debug)]
pub(super) struct TimestampHeader;

impl axum::response::IntoResponseParts for TimestampHeader {
    type Error = std::convert::Infallible;

    fn into_response_parts(
        self,
        mut parts: axum::response::ResponseParts,
    ) -> Result<axum::response::ResponseParts, Self::Error> {
        parts
            .headers_mut()
            .insert("x-timestamp", wall_clock::seconds().into());
        Ok(parts)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, header::AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The `duration` of a query, at most [`MAX_DURATION`]. Other values are ignored, as the reference server does.
fn duration(query: Option<&str>) -> u64 {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let asked = pairs.filter_map(|(name, value)| {
        let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = value.parse().ok().filter(|&seconds: &u64| seconds > 0);
        seconds.filter(|_| name == "duration" && is_number)
    });
    asked
        .last()
        .map_or(MAX_DURATION, |asked| asked.min(MAX_DURATION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_can_only_shorten() {
        for (query, expected) in [
            (None, 3600),
            (Some("duration=60"), 60),
            (Some("duration=9999"), 3600),
            (Some("duration=99999999999999999999"), 3600),
            (Some("duration=0"), 3600),
            (Some("duration=-1"), 3600),
            (Some("duration=+1"), 3600),
            (Some("duration=1.5"), 3600),
            (Some("duration="), 3600),
            (Some("duration=60&duration=x"), 60),
            (Some("other=60"), 3600),
        ] {
            assert_eq!(duration(query), expected, "{query:?}");
        }
    }
}
