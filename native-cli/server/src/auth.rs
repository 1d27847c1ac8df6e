//! Who sends a storage request: Hawk, from the server's side (spec §2), or a name and a password in the dialect 1.1.

use std::sync::Arc;

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header, uri::Authority};
use base64ct::{Base64, Encoding};
use selvedge_core::crypto::hawk::Header;
use selvedge_core::server::Dialect;
use selvedge_core::time::ServerTime;

use super::app::App;
use super::basic;
use super::clock;
use super::denial::Denial;
use super::nonces::{Freshness, Request};
use super::public_url::PublicUrl;
use super::reply::Refusal;
use super::signed_for;
use super::storage::Uid;

/// Seconds by which a client's clock may be off, as the reference server has it: some clients never correct theirs, and a
/// request is taken once whatever its time.
const MAX_SKEW: u64 = 52 * 7 * 24 * 60 * 60;

/// The sender of a request, proven by its signature or by a password.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The user, who is also the one in the path.
    pub uid: Uid,
    /// The signed payload hash, to be checked against the body.
    hash: Option<String>,
}

/// As [`Caller`], but the token may have expired: good for `info/collections` (spec §1.9).
#[derive(Debug, Clone)]
pub(super) struct CallerOfOld(pub Caller);

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        caller(parts, app, false).await
    }
}

impl FromRequestParts<Arc<App>> for CallerOfOld {
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
        // Not a secret: the MAC over this hash was verified in constant time already.
        if *hash == actual {
            Ok(())
        } else {
            Err(Refusal::Unauthorized(Denial::OtherBody))
        }
    }
}

async fn caller(parts: &Parts, app: &App, expired_too: bool) -> Result<Caller, Refusal> {
    match app.dialect {
        Dialect::V1_5 => {
            authenticate(parts, app, expired_too, clock::now()).map_err(Refusal::Unauthorized)
        }
        Dialect::V1_1 => Ok(Caller {
            uid: basic::authenticate(parts, app).await?,
            hash: None,
        }),
    }
}

fn authenticate(
    parts: &Parts,
    app: &App,
    expired_too: bool,
    now: ServerTime,
) -> Result<Caller, Denial> {
    let value = parts.headers.get(header::AUTHORIZATION);
    let value = value.ok_or(Denial::NoHeader)?.to_str();
    let header = value.ok().and_then(|value| Header::parse(value).ok());
    let header = header.ok_or(Denial::Malformed)?;
    let token = app.secret.verify(header.id).ok_or(Denial::UnknownToken)?;
    let uri = parts
        .extensions
        .get::<OriginalUri>()
        .map_or(&parts.uri, |uri| &uri.0);
    let expected = signed_target(app.public_url.as_ref(), uri, &parts.headers, app.tls)
        .ok_or(Denial::Malformed)?;
    let fits = |target: &SignedTarget| {
        header.verify(
            &token.key,
            parts.method.as_str(),
            &target.path_and_query,
            &target.host,
            target.port,
        )
    };
    if !fits(&expected) {
        let others = signed_for::candidates(uri, &parts.headers, &token.node);
        return Err(match others.into_iter().find(fits) {
            Some(signed) => Denial::OtherAddress {
                signed: signed.to_string(),
                expected: expected.to_string(),
            },
            None => Denial::WrongSignature,
        });
    }
    let seconds = now.hundredths() / 100;
    if header.ts.abs_diff(seconds) > MAX_SKEW {
        return Err(Denial::Skew {
            sent: header.ts,
            now: seconds,
            timestamp_mac: app.secret.timestamp_mac(header.id, &token.salt, seconds),
        });
    }
    if token.expires <= now && !expired_too {
        return Err(Denial::Expired);
    }
    if uid_of(&parts.uri) != Some(token.uid) {
        return Err(Denial::OtherUser);
    }
    let request = Request {
        expires: token.expires.hundredths() / 100,
        mac: first_bytes(header.mac),
        is_write: !parts.method.is_safe(),
    };
    match app.nonces.judge(request, seconds) {
        Freshness::Fresh => {}
        Freshness::Retired if expired_too => {}
        Freshness::Retired => return Err(Denial::Expired),
        Freshness::Replayed => return Err(Denial::Replayed),
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

/// What a client signed: the URL as it sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SignedTarget {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path_and_query: String,
}

impl std::fmt::Display for SignedTarget {
    /// Host, port and the path before the API's own.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let prefix = self.path_and_query.split_once("/1.5/");
        let prefix = prefix.map_or("", |(prefix, _)| prefix);
        write!(f, "{}:{}{prefix}", self.host, self.port)
    }
}

/// Behind a public URL it is that URL's host, port and path; else what the client put into `Host`.
fn signed_target(
    public: Option<&PublicUrl>,
    uri: &Uri,
    headers: &HeaderMap,
    tls: bool,
) -> Option<SignedTarget> {
    let target = uri.path_and_query()?.as_str();
    if let Some(public) = public {
        return Some(SignedTarget {
            host: public.host.clone(),
            port: public.port,
            path_and_query: public.with_prefix(target),
        });
    }
    let authority: Authority = match uri.authority() {
        Some(authority) => authority.clone(),
        None => headers.get(header::HOST)?.to_str().ok()?.parse().ok()?,
    };
    Some(SignedTarget {
        host: authority.host().to_ascii_lowercase(),
        port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
        path_and_query: target.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_target_is_the_url_that_the_client_sees() {
        let signed = |public: Option<&str>, host: &str, tls| {
            let public = public.map(|url| PublicUrl::parse(url).unwrap());
            let headers = [(header::HOST, host.parse().unwrap())]
                .into_iter()
                .collect();
            let uri = Uri::from_static("/1.5/7/storage/notes?full=1&ids=a%2Cb");
            let target = signed_target(public.as_ref(), &uri, &headers, tls)?;
            Some((target.host, target.port, target.path_and_query))
        };
        let path = "/1.5/7/storage/notes?full=1&ids=a%2Cb".to_owned();
        let expect = |host: &str, port, path: &str| Some((host.to_owned(), port, path.to_owned()));
        assert_eq!(
            signed(None, "LocalHost:8090", false),
            expect("localhost", 8090, &path)
        );
        assert_eq!(
            signed(None, "localhost", false),
            expect("localhost", 80, &path)
        );
        assert_eq!(
            signed(None, "localhost", true),
            expect("localhost", 443, &path)
        );
        assert_eq!(signed(None, "[::1]:80", false), expect("[::1]", 80, &path));
        assert_eq!(
            signed(Some("https://sync.example.org"), "10.0.0.1:8090", false),
            expect("sync.example.org", 443, &path)
        );
        let prefixed = format!("/sync{path}");
        assert_eq!(
            signed(Some("http://example.org:81/sync/"), "x", false),
            expect("example.org", 81, &prefixed)
        );
    }

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
