//! Santa's HTTP client: reqwest over rustls. Trust roots, client certificate and proxy come only from the
//! configuration.

use std::sync::Arc;
use std::time::Duration;

use selvedge_core::http::{Fetch, FetchError, FetchErrorKind, Request, Response};
use selvedge_santa::{Address, Endpoint};

use super::config::Config;
use selvedge_host::{NativeBody, fetch_error, with_body};

/// Timeout of one attempt, including the response body (spec §1.6).
const STAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// Timeout of a request for an XSRF token.
const XSRF_TIMEOUT: Duration = Duration::from_secs(10);

/// An HTTP client that follows the configuration. It ignores proxies and certificates from the environment, does not
/// follow redirects, and sends `Content-Length` with each body.
#[derive(Debug, Clone)]
pub struct SantaFetch {
    client: reqwest::Client,
    /// The URL of the XSRF endpoint.
    xsrf: Arc<str>,
}

impl SantaFetch {
    /// A client for one server, with its own connection pool.
    ///
    /// # Errors
    /// When the trust roots, the certificate or the proxy of the configuration are invalid.
    pub fn new(config: &Config, address: &Address) -> Result<Self, FetchError> {
        Ok(Self {
            client: client(config)?,
            xsrf: address.url(Endpoint::Xsrf).into(),
        })
    }
}

/// Builds the client for a configuration.
pub(super) fn client(config: &Config) -> Result<reqwest::Client, FetchError> {
    // Fails if another part of the process has installed a provider. That provider works as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let unusable = |error| fetch_error(error, FetchErrorKind::Tls);
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tls_info(true)
        .timeout(STAGE_TIMEOUT);
    if let Some(proxy) = &config.proxy {
        let exceptions = reqwest::NoProxy::from_string(&proxy.exceptions().join(","));
        let proxy = reqwest::Proxy::https(proxy.url()).map_err(unusable)?;
        builder = builder.proxy(proxy.no_proxy(exceptions));
    }
    if let Some(roots) = &config.roots {
        let roots = roots
            .iter()
            .map(|root| reqwest::Certificate::from_der(root));
        let roots = roots.collect::<Result<Vec<_>, _>>().map_err(unusable)?;
        builder = builder.tls_certs_only(roots);
    }
    if let Some(identity) = &config.identity {
        let identity = reqwest::Identity::from_pem(identity.pem()).map_err(unusable)?;
        builder = builder.identity(identity);
    }
    builder.build().map_err(unusable)
}

impl Fetch for SantaFetch {
    type Body = NativeBody;

    async fn fetch(&self, request: Request) -> Result<Response<NativeBody>, FetchError> {
        let limit = if request.url == *self.xsrf {
            XSRF_TIMEOUT
        } else {
            STAGE_TIMEOUT
        };
        let response = send(&self.client, request, limit).await?;
        Ok(NativeBody::of(response))
    }
}

/// Sends a request of the core, which is always a POST.
pub(super) async fn send(
    client: &reqwest::Client,
    request: Request,
    limit: Duration,
) -> Result<reqwest::Response, FetchError> {
    let url = reqwest::Url::parse(&request.url).map_err(|error| {
        FetchError::new(
            FetchErrorKind::Offline,
            format!("the URL is invalid: {error}"),
        )
    })?;
    let mut builder = client.post(url).timeout(limit);
    for (name, value) in &request.headers {
        builder = builder.header(name.as_ref(), value);
    }
    let sent = with_body(builder, request.body).send().await;
    sent.map_err(|error| fetch_error(error, FetchErrorKind::Cut))
}
