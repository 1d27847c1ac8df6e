//! The web page beside the Sync API, on the same port: the files of one directory, without directory listings.
//!
//! A file with a compressed form beside it (`main.js.br`, `main.js.gz`) is sent in that form to clients that accept it.
//! Every file has an ETag, and is not sent again to a client that has it.
//!
//! Paths of the API take precedence over files. The page may run only its own scripts and WebAssembly, and connect only to this
//! server, because the data that it shows come from other devices.

mod etags;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tower_http::services::ServeDir;

use self::etags::{ETags, Found, is_known};
use super::app::App;
use super::reply::{Refusal, set};

/// The file for `/`.
const INDEX: &str = "index.html";
/// A file that `cargo xtask pack` writes beside it.
const PACKAGE: &str = "selvedge/selvedge.wasm";
/// The first segments of the API's paths, in all dialects.
const API: [&str; 7] = [
    "1.0",
    "1.1",
    "1.5",
    "user",
    "__heartbeat__",
    "__lbheartbeat__",
    "__version__",
];

/// Why there is no web page to serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoPage {
    /// No directory contains it.
    #[error(
        "there is no page in {0}: run this in the sources after `cargo xtask pack`, or name the directory, like --www www"
    )]
    Missing(String),
    /// The npm package that the page needs is missing.
    #[error("{0} lacks the package that it runs on: run `cargo xtask pack` in the sources first")]
    Unpacked(PathBuf),
    /// The page does not support the dialect.
    #[error("the page speaks the storage API 1.5 only: leave out --www or --dialect 1.1")]
    Dialect,
}

/// Finds the directory of the page: the given one, or `www` in the current directory, or `share/selvedge/www` beside the
/// program's directory.
///
/// # Errors
/// When there is none, or it lacks the npm package.
pub fn find(named: Option<&Path>) -> Result<PathBuf, NoPage> {
    let installed = || {
        let program = std::env::current_exe().ok()?;
        Some(program.parent()?.parent()?.join("share/selvedge/www"))
    };
    let places: Vec<PathBuf> = match named {
        Some(directory) => vec![directory.to_owned()],
        None => std::iter::once("www".into()).chain(installed()).collect(),
    };
    choose(&places)
}

fn choose(places: &[PathBuf]) -> Result<PathBuf, NoPage> {
    let found = places.iter().find(|place| place.join(INDEX).is_file());
    let Some(found) = found else {
        let names: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
        return Err(NoPage::Missing(names.join(" or ")));
    };
    if !found.join(PACKAGE).is_file() {
        return Err(NoPage::Unpacked(found.clone()));
    }
    Ok(found.clone())
}

/// What a path means for the page.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// A file of the directory, by its path in it.
    File(String),
    /// The directory without the slash that relative links need.
    Slash,
    /// Not a path of the page.
    Nothing,
}

fn judge(path: &str, prefix: &str) -> Asked {
    if !prefix.is_empty() && path == prefix {
        return Asked::Slash;
    }
    let inside = path
        .strip_prefix(prefix)
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path);
    let mut parts = inside.trim_start_matches('/').split('/');
    let first = parts.next().unwrap_or_default();
    if first.is_empty() && parts.next().is_none() {
        return Asked::File(format!("/{INDEX}"));
    }
    // Neither hidden files nor paths out of the directory.
    let is_hidden = inside
        .split('/')
        .any(|part| part.starts_with('.') || part.to_ascii_lowercase().starts_with("%2e"));
    if API.contains(&first) || is_hidden {
        return Asked::Nothing;
    }
    Asked::File(inside.to_owned())
}

/// Serves the files of the page.
#[derive(Debug, Clone)]
pub(super) struct Pages {
    files: ServeDir,
    compressed: ServeDir,
    tags: Arc<ETags>,
    prefix: String,
    policy: HeaderValue,
}

/// The page, if this server has one.
pub(super) fn pages(app: &App) -> Option<Pages> {
    let directory = app.www.as_ref()?;
    let url = app.public_url.as_ref();
    let origin = url.map_or(&*app.base_url, |url| url.origin());
    let files = ServeDir::new(directory).append_index_html_on_directories(false);
    Some(Pages {
        compressed: files.clone().precompressed_br().precompressed_gzip(),
        files,
        tags: Arc::new(ETags::new(directory.clone())),
        prefix: url.map(|url| url.prefix.clone()).unwrap_or_default(),
        policy: policy(origin),
    })
}

/// The content security policy. It includes the server's own address, because browsers may use another one.
fn policy(origin: &str) -> HeaderValue {
    let text = format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; \
         img-src 'self'; connect-src 'self' {origin}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    // For an address that is not valid in a header, only the page's own origin.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("default-src 'self'"))
}

impl Pages {
    /// The requested file, a 304 if the client has it, or a 404.
    pub(super) async fn answer(mut self, request: Request) -> Response {
        let path = match judge(request.uri().path(), &self.prefix) {
            Asked::File(path) => path,
            Asked::Slash => return slash(&self.prefix),
            Asked::Nothing => return Refusal::NotFound.into_response(),
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Refusal::MethodNotAllowed.into_response();
        }
        let (mut parts, body) = request.into_parts();
        let Ok(uri) = path.parse::<Uri>() else {
            return Refusal::NotFound.into_response();
        };
        parts.uri = uri;
        let tags = Arc::clone(&self.tags);
        let looked = tokio::task::spawn_blocking(move || tags.look(&path)).await;
        let found = looked.ok().flatten();
        if let Some(Found { tag, .. }) = &found {
            if is_known(&parts.headers, tag) {
                return self.with_headers(StatusCode::NOT_MODIFIED.into_response(), found);
            }
            // The condition by content takes precedence.
            if parts.headers.contains_key(header::IF_NONE_MATCH) {
                parts.headers.remove(header::IF_MODIFIED_SINCE);
            }
        }
        let files = match &found {
            Some(found) if found.is_compressed => &mut self.compressed,
            _ => &mut self.files,
        };
        let answer = files.try_call(Request::from_parts(parts, body)).await;
        let reply = match answer {
            Ok(answer) if answer.status() != StatusCode::NOT_FOUND => {
                answer.map(axum::body::Body::new).into_response()
            }
            Ok(_) => return Refusal::NotFound.into_response(),
            Err(_) => return Refusal::Unavailable.into_response(),
        };
        self.with_headers(reply, found)
    }

    /// Adds the headers that all replies of the page have.
    fn with_headers(self, mut reply: Response, found: Option<Found>) -> Response {
        let headers = reply.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy);
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(Found { tag, .. }) = found {
            headers.insert(header::ETAG, tag);
        }
        set(&mut reply, "x-content-type-options", "nosniff");
        set(&mut reply, "referrer-policy", "no-referrer");
        set(&mut reply, "cross-origin-opener-policy", "same-origin");
        // Revalidated each time, mostly with a 304: page and package must be of the same build.
        set(&mut reply, "cache-control", "no-cache");
        reply
    }
}

/// Redirects to the directory; relative, because only the proxy knows the whole path.
fn slash(prefix: &str) -> Response {
    let last = prefix.rsplit('/').next().unwrap_or_default();
    let mut reply = StatusCode::PERMANENT_REDIRECT.into_response();
    set(&mut reply, "location", &format!("{last}/"));
    reply
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file(path: &str) -> Asked {
        Asked::File(path.into())
    }

    #[test]
    fn a_path_is_a_file_of_the_page_or_none() {
        for (path, prefix, asked) in [
            ("/", "", file("/index.html")),
            ("/style.css", "", file("/style.css")),
            ("/page/main.js", "", file("/page/main.js")),
            ("/1.5/7/info/nothing", "", Asked::Nothing),
            ("/1.5", "", Asked::Nothing),
            ("/1.0/sync/2.0", "", Asked::Nothing),
            ("/1.1/x", "", Asked::Nothing),
            ("/user/1.0/x", "", Asked::Nothing),
            ("/__heartbeat__", "", Asked::Nothing),
            ("//1.5/7/info", "", Asked::Nothing),
            ("/.git/config", "", Asked::Nothing),
            ("/a/../b", "", Asked::Nothing),
            ("/a/%2E%2e/b", "", Asked::Nothing),
            ("/sync", "/sync", Asked::Slash),
            ("/sync/", "/sync", file("/index.html")),
            ("/sync/style.css", "/sync", file("/style.css")),
            ("/sync/1.5/x", "/sync", Asked::Nothing),
            ("/style.css", "/sync", file("/style.css")),
            ("/synchrony.js", "/sync", file("/synchrony.js")),
        ] {
            assert_eq!(judge(path, prefix), asked, "{path} {prefix}");
        }
    }

    #[test]
    fn the_first_place_that_has_the_page_is_it_and_must_have_the_package() {
        let dir = tempfile::tempdir().unwrap();
        let (empty, page) = (dir.path().join("empty"), dir.path().join("page"));
        fs::create_dir_all(page.join("selvedge")).unwrap();
        fs::create_dir(&empty).unwrap();
        let places = [empty.clone(), page.clone()];
        assert!(matches!(choose(&places), Err(NoPage::Missing(names)) if names.contains(" or ")));
        fs::write(page.join(INDEX), "").unwrap();
        assert_eq!(choose(&places), Err(NoPage::Unpacked(page.clone())));
        fs::write(page.join(PACKAGE), "").unwrap();
        assert_eq!(choose(&places), Ok(page));
        assert!(choose(&[empty]).is_err());
    }

    #[test]
    fn a_proxys_directory_is_reached_without_its_slash_too() {
        assert_eq!(slash("/a/sync").headers()["location"], "sync/");
    }
}
