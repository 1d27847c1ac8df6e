//! The HTTP clients of this machine: made when they are first needed, with the timeouts, proxies and trust of a command.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use selvedge_core::http::{FetchError, FetchErrorKind};

use super::fetch_error::fetch_error;
use super::trust;

/// How long a connection may take: a server that will answer does not need longer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a server may be silent, before its answer and within it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a connection is kept between two requests. Servers close theirs after 5 seconds and more: a request on one
/// that is being closed is lost.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// How a command reaches servers, beside what the system says.
#[derive(Debug, Clone, Default)]
pub struct NetworkOptions {
    /// A file of certificates in PEM that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Speak to servers on other machines without TLS too.
    pub insecure_http: bool,
}

/// The clients of one [`NetworkOptions`]: for this machine itself, where no proxy belongs, and for all others.
#[derive(Debug, Default)]
pub(super) struct HttpClients {
    options: NetworkOptions,
    distant: Pair,
    loopback: Pair,
}

/// A client that keeps connections, and one that makes a new one for each request.
#[derive(Debug, Default)]
struct Pair {
    pooled: OnceLock<reqwest::Client>,
    unpooled: OnceLock<reqwest::Client>,
}

impl HttpClients {
    pub(super) fn new(options: NetworkOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// The client for a URL. `is_pooled` says whether it may keep connections.
    pub(super) fn client(
        &self,
        url: &reqwest::Url,
        is_pooled: bool,
    ) -> Result<&reqwest::Client, FetchError> {
        let is_loopback = is_loopback(url);
        if url.scheme() == "http" && !is_loopback && !self.options.insecure_http {
            return Err(FetchError::new(
                FetchErrorKind::Insecure,
                "use https://, or --insecure-http if the whole network path to the server is trusted",
            ));
        }
        let pair = match is_loopback {
            true => &self.loopback,
            false => &self.distant,
        };
        let cell = match is_pooled {
            true => &pair.pooled,
            false => &pair.unpooled,
        };
        if cell.get().is_none() {
            // If another thread was faster, its client serves as well.
            let _ = cell.set(self.build(is_loopback, is_pooled)?);
        }
        cell.get()
            .ok_or_else(|| FetchError::new(FetchErrorKind::Tls, "there is no client"))
    }

    fn build(&self, is_loopback: bool, is_pooled: bool) -> Result<reqwest::Client, FetchError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(crate::USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(IDLE_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .tls_backend_preconfigured(trust::client_config(&self.certificates()?)?);
        if is_loopback {
            builder = builder.no_proxy();
        } else {
            check_proxies(|name| std::env::var_os(name))?;
        }
        if !is_pooled {
            builder = builder.pool_max_idle_per_host(0);
        }
        builder
            .build()
            .map_err(|error| fetch_error(error, FetchErrorKind::Tls))
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, FetchError> {
        let Some(path) = &self.options.ca_file else {
            return Ok(Vec::new());
        };
        let unusable = |detail: String| {
            let path = path.display();
            FetchError::new(FetchErrorKind::Tls, format!("--ca {path}: {detail}"))
        };
        let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
        trust::certificates(&pem).map_err(unusable)
    }
}

/// Whether a URL leads to this machine itself.
fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || literal
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The variables by which a system names its proxies, as they are read.
const PROXY_VARIABLES: [&str; 6] = [
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
];

/// Refuses a proxy that cannot be used: without it requests would go another way than their person wants. Its value
/// stays out of the error, for it may hold a password.
fn check_proxies(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Result<(), FetchError> {
    for name in PROXY_VARIABLES {
        let value = variable(name).filter(|value| !value.is_empty());
        if value.is_some_and(|value| !value.to_str().is_some_and(is_proxy)) {
            return Err(FetchError::new(
                FetchErrorKind::Proxy,
                format!(
                    "the environment variable {name} must be like http://proxy.example.org:3128; correct it or unset it"
                ),
            ));
        }
    }
    Ok(())
}

/// Whether a value is the address of a proxy; without a scheme it is one of HTTP.
fn is_proxy(value: &str) -> bool {
    let value = value.trim();
    let with_scheme = match value.contains("://") {
        true => value.to_owned(),
        false => format!("http://{value}"),
    };
    reqwest::Url::parse(&with_scheme).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some_and(|host| !host.is_empty())
            && matches!(url.path(), "" | "/")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> reqwest::Url {
        reqwest::Url::parse(text).unwrap()
    }

    #[test]
    fn only_this_machine_is_reached_without_a_proxy() {
        for near in [
            "http://127.0.0.1:8090/",
            "http://[::1]/",
            "http://localhost:1/x",
        ] {
            assert!(is_loopback(&url(near)), "{near}");
        }
        for far in [
            "https://sync.example.org/",
            "http://10.0.0.1/",
            "http://127.example.org/",
        ] {
            assert!(!is_loopback(&url(far)), "{far}");
        }
    }

    #[test]
    fn http_to_other_machines_needs_a_word_of_the_person() {
        let kind = |options: NetworkOptions, text: &str| {
            let clients = HttpClients::new(options);
            clients
                .client(&url(text), true)
                .err()
                .map(|error| error.kind)
        };
        let careful = NetworkOptions::default();
        for text in [
            "http://10.0.0.1/",
            "http://sync.example.org/1.5/7",
            "http://nas.lan:80",
        ] {
            assert_eq!(
                kind(careful.clone(), text),
                Some(FetchErrorKind::Insecure),
                "{text}"
            );
        }
        for text in ["http://127.0.0.1:1/", "http://[::1]/", "https://10.0.0.1/"] {
            assert_eq!(kind(careful.clone(), text), None, "{text}");
        }
        let trusting = NetworkOptions {
            insecure_http: true,
            ..careful
        };
        assert_eq!(kind(trusting, "http://10.0.0.1/"), None);
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_an_error_that_names_its_variable() {
        let judge = |name: &'static str, value: &'static str| {
            check_proxies(move |asked| (asked == name).then(|| value.into()))
        };
        for value in [
            "",
            "http://proxy.example.org:3128",
            "proxy:3128",
            "10.0.0.1:80/",
            "https://u:p@proxy",
        ] {
            assert_eq!(judge("http_proxy", value), Ok(()), "{value}");
        }
        for value in [
            "http://",
            "http://a b",
            "proxy:port",
            "ftp://proxy:1",
            "socks5://proxy:1",
            "://",
            "http://proxy:1/path",
        ] {
            let error = judge("HTTPS_PROXY", value).unwrap_err();
            assert_eq!(error.kind, FetchErrorKind::Proxy);
            assert!(error.detail.contains("HTTPS_PROXY"), "{error}");
        }
        let secret = judge("all_proxy", "http://user:secret@a b").unwrap_err();
        assert!(!secret.to_string().contains("secret"));
    }

    #[test]
    fn an_unusable_file_of_certificates_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        std::fs::write(&path, "no certificate").unwrap();
        for path in [path, directory.path().join("missing.pem")] {
            let clients = HttpClients::new(NetworkOptions {
                ca_file: Some(path.clone()),
                insecure_http: false,
            });
            let error = clients
                .client(&url("https://a.example/"), true)
                .unwrap_err();
            assert!(error.detail.contains(path.to_str().unwrap()), "{error}");
        }
    }
}
