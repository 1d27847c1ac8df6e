//! Authentication of storage requests: Hawk (spec §2), or a name and a password in the dialect 1.1.

use std::sync::Arc;

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use base64ct::{Base64, Encoding};
use selvedge_core::crypto::hawk::Header;
use selvedge_core::server::Dialect;
use selvedge_core::time::ServerTime;

use super::app::App;
use super::auth_error::AuthError;
use super::basic;
use super::nonces::{Freshness, Request};
use super::reply::Refusal;
use super::signed_address;
use super::signed_target::{SignedTarget, signed_target};
use crate::model::Uid;
use crate::storage::wall_clock;

/// Maximum difference of a client's clock in seconds, as in the reference server: some clients never correct theirs, and a
/// request is accepted only once regardless of its time.
const MAX_SKEW: u64 = 52 * 7 * 24 * 60 * 60;

/// The authenticated sender of a request.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The user, who is also the user in the path.
    pub uid: Uid,
    /// The signed payload hash, to compare with the body.
    hash: Option<String>,
}

/// As [`Caller`], but the token may have expired: for `info/collections` (spec §1.9).
#[derive(Debug, Clone)]
pub(super) struct CallerWithExpiredToken(pub Caller);

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        caller(parts, app, false).await
    }
}

impl FromRequestParts<Arc<App>> for CallerWithExpiredToken {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        caller(parts, app, true).await.map(Self)
    }
}

impl Caller {
    /// Checks the body against the signed hash, if the client sent one.
    ///
    /// # Errors
    /// 401 when it is another body.
    pub(super) fn check_body(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
        let Some(hash) = &self.hash else {
            return Ok(());
        };
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let actual =
            selvedge_core::crypto::hawk::payload_hash(content_type.unwrap_or_default(), body);
        // Not a secret: the MAC over this hash was verified in constant time.
        if *hash == actual {
            Ok(())
        } else {
            Err(Refusal::Unauthorized(AuthError::OtherBody))
        }
    }
}

async fn caller(parts: &Parts, app: &App, accepts_expired: bool) -> Result<Caller, Refusal> {
    match app.dialect {
        Dialect::V1_5 => authenticate(parts, app, accepts_expired, wall_clock::now())
            .map_err(Refusal::Unauthorized),
        Dialect::V1_1 => Ok(Caller {
            uid: basic::authenticate(parts, app).await?,
            hash: None,
        }),
    }
}

fn authenticate(
    parts: &Parts,
    app: &App,
    accepts_expired: bool,
    now: ServerTime,
) -> Result<Caller, AuthError> {
    let value = parts.headers.get(header::AUTHORIZATION);
    let value = value.ok_or(AuthError::NoHeader)?.to_str();
    let header = value.ok().and_then(|value| Header::parse(value).ok());
    let header = header.ok_or(AuthError::Malformed)?;
    let token = app
        .secret
        .verify(header.id)
        .ok_or(AuthError::UnknownToken)?;
    let uri = parts
        .extensions
        .get::<OriginalUri>()
        .map_or(&parts.uri, |uri| &uri.0);
    let expected = signed_target(app.public_url.as_ref(), uri, &parts.headers, app.tls)
        .ok_or(AuthError::Malformed)?;
    let is_valid_for = |target: &SignedTarget| {
        header.verify(
            &token.key,
            parts.method.as_str(),
            &target.path_and_query,
            &target.host,
            target.port,
        )
    };
    if !is_valid_for(&expected) {
        let others = signed_address::candidates(uri, &parts.headers, &token.node);
        return Err(match others.into_iter().find(is_valid_for) {
            Some(signed) => AuthError::OtherAddress {
                signed: signed.to_string(),
                expected: expected.to_string(),
            },
            None => AuthError::WrongSignature,
        });
    }
    let seconds = now.hundredths() / 100;
    if header.ts.abs_diff(seconds) > MAX_SKEW {
        return Err(AuthError::Skew {
            sent: header.ts,
            now: seconds,
            timestamp_mac: app.secret.timestamp_mac(header.id, &token.salt, seconds),
        });
    }
    if token.expires <= now && !accepts_expired {
        return Err(AuthError::Expired);
    }
    if uid_of(&parts.uri) != Some(token.uid) {
        return Err(AuthError::OtherUser);
    }
    let request = Request {
        expires: token.expires.hundredths() / 100,
        mac: first_bytes(header.mac),
        is_write: !parts.method.is_safe(),
    };
    match app.nonces.judge(request, seconds) {
        Freshness::Fresh => {}
        Freshness::Retired if accepts_expired => {}
        Freshness::Retired => return Err(AuthError::Expired),
        Freshness::Replayed => return Err(AuthError::Replayed),
    }
    Ok(Caller {
        uid: token.uid,
        hash: header.hash.map(Into::into),
    })
}

/// The first eight bytes of a MAC that was verified.
fn first_bytes(mac: &str) -> u64 {
    let mut bytes = [0; 32];
    let mac = Base64::decode(mac, &mut bytes).unwrap_or_default();
    mac.first_chunk()
        .map_or(0, |first| u64::from_be_bytes(*first))
}

/// The user in `/1.5/<uid>/…`.
fn uid_of(uri: &Uri) -> Option<Uid> {
    let mut segments = uri.path().strip_prefix("/1.5/")?.split('/');
    Uid::parse(segments.next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_the_one_in_the_path() {
        for (path, uid) in [
            ("/1.5/12/info/collections", Some(12)),
            ("/1.5/12", Some(12)),
            ("/1.5/x/", None),
            ("/1.1/12/", None),
        ] {
            assert_eq!(
                uid_of(&Uri::from_static(path)).map(Uid::number),
                uid,
                "{path}"
            );
        }
    }
}
