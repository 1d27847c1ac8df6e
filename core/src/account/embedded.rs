//! A new account on a Selvedge server.

use alloc::format;
use alloc::string::String;
use core::cell::RefCell;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::credentials::{Credentials, Source, fingerprint};
use super::exchange::exchange;
use super::header::check_header;
use super::refusal::Refusal;
use super::token_server::normalised;
use crate::crypto::KeyBundle;
use crate::error::{Error, RequestLine, Result};
use crate::host::{Clock, Random};
use crate::http::{Fetch, Method, Request};
use crate::server::{Backoff, Observed, address};
use crate::time::LocalTime;

const PATH: &str = "1.0/accounts";

#[derive(Serialize)]
struct Wanted<'a> {
    kid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<&'a str>,
}

#[derive(Deserialize)]
struct Made {
    access_token: String,
    tokenserver_url: String,
}

/// Creates an account on the server at `server_url`, with a new sync key that is never sent to the server. A server
/// that is open to the network requires an `invitation`.
///
/// ```
/// use selvedge_core::account::{Credentials, embedded};
/// use selvedge_core::host::{Clock, Random};
/// use selvedge_core::http::Fetch;
///
/// async fn make<H: Fetch + Clock + Random>(host: &H) -> selvedge_core::error::Result<Credentials> {
///     embedded::create_account(host, "http://127.0.0.1:8090", None).await
/// }
/// ```
///
/// # Errors
/// [`Error::Input`] when the invitation is missing or rejected, or when the address is not such a server;
/// [`Error::Wait`] when the server has a temporary failure.
pub async fn create_account<H: Fetch + Clock + Random>(
    host: &H,
    server_url: &str,
    invitation: Option<&str>,
) -> Result<Credentials> {
    let base = normalised(server_url)?;
    let sync_key = KeyBundle::make(host)?;
    let kid = kid(&sync_key, host.now());
    let line = RequestLine::new(Method::Post, PATH);
    let wanted = Wanted {
        kid: &kid,
        invitation: invitation.map(str::trim),
    };
    let mut request = Request::new(Method::Post, format!("{base}/{PATH}"));
    request.add_header("Accept", "application/json");
    request.add_header("Content-Type", "application/json");
    request.body = crate::json::to_string(&wanted)
        .expect("strings can be serialized as JSON")
        .into_bytes();
    let observed = RefCell::new(Observed::default());
    let answer = exchange(host, request, &observed, &line).await?;
    if answer.status != 201 {
        let mut backoff = Backoff::default();
        backoff.observe(&answer.headers, host.now(), observed.borrow().offset());
        let refusal = Refusal::judge(answer.status, &answer.body);
        return Err(refused(refusal, backoff.until(), line));
    }
    let unreadable = || Error::Answer {
        request: line.clone(),
        detail: "it is not a new account".into(),
    };
    let made: Made = crate::json::from_slice(&answer.body).map_err(|_| unreadable())?;
    let access_token = Zeroizing::new(made.access_token);
    check_header(&access_token, "access_token").map_err(|_| unreadable())?;
    let url = normalised(&made.tokenserver_url).map_err(|_| unreadable())?;
    address::check_named(&base, &url).map_err(|reason| Error::Answer {
        request: line.clone(),
        detail: reason.detail().into(),
    })?;
    Ok(Credentials {
        sync_key,
        kid: Some(kid),
        device_id: None,
        source: Source::TokenServer { url, access_token },
    })
}

fn refused(refusal: Refusal, until: Option<LocalTime>, line: RequestLine) -> Error {
    match refusal {
        Refusal::NewUsersDisabled => Error::Input(
            "a new account on this server needs an invitation that is neither used nor expired"
                .into(),
        ),
        Refusal::Unsupported { status } => Error::Input(format!(
            "there is no server that creates accounts at this address (it answers with status {status}): check the address"
        )),
        refusal => refusal.into_error(until, line),
    }
}

/// The identifier of a sync key for token servers: its creation time, and the first 16 bytes of the SHA-256 of its 64
/// bytes.
///
/// Accounts of other kinds derive these bytes from kB (spec §1.8). This account has no kB, because the key itself is
/// random; token servers only compare the bytes.
fn kid(key: &KeyBundle, now: LocalTime) -> String {
    format!("{}-{}", now.millis(), fingerprint(key))
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::script::{Script, json, post, status};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const URL: &str = "http://127.0.0.1:8090/1.0/accounts";

    fn made() -> crate::script::Answer {
        json(r#"{"access_token":"at","tokenserver_url":"http://127.0.0.1:8090/1.0/sync/1.5"}"#)
            .status(201)
    }

    fn create(host: &Script, invitation: Option<&str>) -> Result<Credentials> {
        pollster::block_on(create_account(host, "http://127.0.0.1:8090/", invitation))
    }

    #[test]
    fn an_account_is_created_with_a_key_that_is_not_sent() {
        let host = Script::new().expect(
            post(URL)
                .with("Content-Type", "application/json")
                .without("Authorization"),
            made(),
        );
        let credentials = create(&host, None).unwrap();
        let kid = credentials.kid.clone().unwrap();
        assert!(
            kid.starts_with("1700000000000-") && kid.len() == 14 + 22,
            "{kid}"
        );
        assert!(
            matches!(&credentials.source, Source::TokenServer { url, .. } if url == "http://127.0.0.1:8090")
        );
        let body = String::from_utf8(host.requests()[0].body.clone()).unwrap();
        assert_eq!(body, format!("{{\"kid\":\"{kid}\"}}"));
        let line = credentials.join_code().unwrap().to_line();
        let joined: super::super::JoinCode = line.parse().unwrap();
        assert_eq!(joined.into_credentials(), credentials);
    }

    #[test]
    fn two_accounts_have_two_keys() {
        let host = Script::new()
            .expect(post(URL), made())
            .expect(post(URL), made());
        let (one, two) = (
            create(&host, None).unwrap(),
            create(&host, Some(" i ")).unwrap(),
        );
        assert_ne!(one.sync_key, two.sync_key);
        assert_ne!(one.kid, two.kid);
        let body = String::from_utf8(host.requests()[1].body.clone()).unwrap();
        assert!(body.ends_with(r#""invitation":"i"}"#), "{body}");
    }

    #[test]
    fn a_refusal_message_specifies_what_to_do() {
        let uninvited = r#"{"status":"new-users-disabled","errors":[]}"#;
        let rows = [
            (status(403).body(uninvited), "invitation"),
            (status(404), "check the address"),
            (json("{}"), "check the address"),
            (json("{}").status(201), "not a new account"),
            (status(503), "try again later"),
        ];
        for (answer, sentence) in rows {
            let host = Script::new().expect(post(URL), answer);
            let shown = create(&host, None).unwrap_err().to_string();
            assert!(shown.contains(sentence), "{shown}");
        }
    }
}
