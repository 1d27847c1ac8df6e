//! Errors of reqwest as the core knows them.

use std::error::Error as _;

use selvedge_core::http::{FetchError, FetchErrorKind};

/// A server as it is named in messages: its host, and its port if that is not the scheme's own.
pub(super) fn server_of(url: &reqwest::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Sorts an error of reqwest; `otherwise` is its kind when nothing more is known. Of the URL only the server is said, for
/// its path names the user.
pub fn fetch_error(error: reqwest::Error, otherwise: FetchErrorKind) -> FetchError {
    let server = error.url().map(server_of);
    named(server, sorted(error, otherwise))
}

/// An error that says which server it is about.
pub(super) fn named(server: Option<String>, mut error: FetchError) -> FetchError {
    if let Some(server) = server {
        error.detail = format!("{server}: {}", error.detail);
    }
    error
}

pub(super) fn sorted(error: reqwest::Error, otherwise: FetchErrorKind) -> FetchError {
    let error = error.without_url();
    let mut kind = if error.is_timeout() {
        FetchErrorKind::Timeout
    } else if error.is_connect() {
        FetchErrorKind::Offline
    } else {
        otherwise
    };
    let mut detail = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        detail = cause.to_string();
        if is_tls(cause) {
            kind = FetchErrorKind::Tls;
        }
        source = cause.source();
    }
    FetchError::new(kind, detail)
}

/// Whether an error is rustls's, also inside of I/O errors, which hide what they wrap from the chain of sources.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<rustls::Error>()
        || error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .is_some_and(|inner| is_tls(inner))
}
