//! The pages of the accounts server: sign-in, registration, and what Firefox's menu opens
//! (`docs/protocol/accounts-server.md` §2, §3). The files of the package's `www/accounts` are part of the program, so that it needs no
//! directory beside it.
//!
//! Firefox accepts messages of these pages as the accounts server's. They run only their own scripts, connect only to
//! this server, and cannot be framed.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::app::App;
use super::reply::{Refusal, set};

/// The paths that Firefox and mobile clients open.
const PAGES: [&str; 11] = [
    "/",
    "/signin",
    "/signup",
    "/force_auth",
    "/oauth",
    "/oauth/signin",
    "/oauth/force_auth",
    "/settings",
    "/settings/clients",
    "/settings/avatar/change",
    "/connect_another_device",
];

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE: &str = include_str!("../../www/accounts/index.html");

/// Where the page's text has the path of the server.
const PREFIX: &str = "{prefix}";

/// A file of the page, and its type.
fn file(name: &str) -> Option<(&'static str, &'static str)> {
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    Some(match name {
        "style.css" => (
            "text/css; charset=utf-8",
            include_str!("../../www/accounts/style.css"),
        ),
        "main.js" => (SCRIPT, include_str!("../../www/accounts/main.js")),
        "crypto.js" => (SCRIPT, include_str!("../../www/accounts/crypto.js")),
        "api.js" => (SCRIPT, include_str!("../../www/accounts/api.js")),
        "browser.js" => (SCRIPT, include_str!("../../www/accounts/browser.js")),
        "messages.js" => (SCRIPT, include_str!("../../www/accounts/messages.js")),
        _ => return None,
    })
}

/// The pages, for servers with an accounts server.
pub(super) fn paths() -> Router<Arc<App>> {
    let pages = PAGES
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, get(page)));
    pages.route("/accounts-page/{name}", get(asset))
}

async fn page(State(app): State<Arc<App>>) -> Response {
    let prefix = app.public_url.as_ref().map_or("", |url| &*url.prefix);
    with_headers("text/html; charset=utf-8", PAGE.replace(PREFIX, prefix))
}

async fn asset(Path(name): Path<String>) -> Response {
    match file(&name) {
        Some((kind, text)) => with_headers(kind, text.to_owned()),
        None => Refusal::NotFound.into_response(),
    }
}

fn with_headers(kind: &str, text: String) -> Response {
    let mut reply = text.into_response();
    set(&mut reply, CONTENT_TYPE.as_str(), kind);
    set(&mut reply, "content-security-policy", POLICY);
    set(&mut reply, "x-frame-options", "DENY");
    set(&mut reply, "x-content-type-options", "nosniff");
    set(&mut reply, "referrer-policy", "no-referrer");
    set(&mut reply, "cross-origin-opener-policy", "same-origin");
    set(&mut reply, "cache-control", "no-cache");
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_page_can_be_framed_or_run_other_scripts() {
        let reply = with_headers("text/html; charset=utf-8", PAGE.to_owned());
        let header = |name| reply.headers().get(name).unwrap().to_str().unwrap();
        let policy = header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self';",
            "connect-src 'self';",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{part}");
        }
        assert!(!policy.contains("unsafe"));
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("content-type"), "text/html; charset=utf-8");
    }

    #[test]
    fn each_file_that_the_page_and_its_scripts_name_is_served() {
        let mut found = 0;
        for part in PAGE.split("{prefix}/accounts-page/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(file(name).is_some(), "{name}");
            found += 1;
        }
        assert_eq!(found, 2);
        for name in [
            "main.js",
            "api.js",
            "browser.js",
            "crypto.js",
            "messages.js",
        ] {
            let (_, text) = file(name).unwrap();
            for part in text.split("from \"./").skip(1) {
                let imported = part.split('"').next().unwrap();
                assert!(file(imported).is_some(), "{imported}");
            }
        }
        assert!(file("../index.html").is_none());
    }
}
