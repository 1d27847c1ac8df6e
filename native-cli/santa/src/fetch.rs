//! Santa's requests by reqwest over rustls: trust, client certificate and proxy from the configuration alone.

use std::sync::Arc;
use std::time::Duration;

use selvedge_core::http::{Fetch, FetchError, FetchErrorKind, Request, Response};
use selvedge_santa::{Address, Endpoint};

use super::config::Config;
use selvedge_host::{NativeBody, fetch_error, with_body};

/// How long one attempt may take, answer included (spec §1.6).
const STAGE: Duration = Duration::from_secs(30);

/// Likewise for a token against forged requests.
const XSRF: Duration = Duration::from_secs(10);

/// The network as a configuration lets it be used. No proxy and no certificate come from the environment; redirects are not
/// followed, and bodies have their length announced.
#[derive(Debug, Clone)]
pub struct SantaFetch {
    client: reqwest::Client,
    /// The URL under which tokens are asked for.
    xsrf: Arc<str>,
}

impl SantaFetch {
    /// A client for a server, with its own pool of connections.
    ///
    /// # Errors
    /// When the trust, the certificate or the proxy of the configuration cannot be used.
    pub fn new(config: &Config, address: &Address) -> Result<Self, FetchError> {
        Ok(Self {
            client: client(config)?,
            xsrf: address.url(Endpoint::Xsrf).into(),
        })
    }
}

/// A client as a configuration wants it.
pub(super) fn client(config: &Config) -> Result<reqwest::Client, FetchError> {
    // Another part of the process may have chosen the provider already; then that one serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let unusable = |error| fetch_error(error, FetchErrorKind::Tls);
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tls_info(true)
        .timeout(STAGE);
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
        let limit = match request.url == *self.xsrf {
            true => XSRF,
            false => STAGE,
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
        FetchError::new(FetchErrorKind::Offline, format!("no valid URL: {error}"))
    })?;
    let mut builder = client.post(url).timeout(limit);
    for (name, value) in &request.headers {
        builder = builder.header(name.as_ref(), value);
    }
    let sent = with_body(builder, request.body).send().await;
    sent.map_err(|error| fetch_error(error, FetchErrorKind::Cut))
}
