//! A small sync server for tests and trials. It reads moroz's TOML, so that a configuration can be moved from and to
//! moroz (spec §7.1).
//!
//! ```text
//! configuration    parses and checks a configuration
//! config_store     the configuration files, reloaded when they change
//! rule_set         one version of a configuration: pages of rules, serialized once
//! stages           preflight, eventupload, ruledownload, postflight, and XSRF tokens
//! event_log        events on the disk, without duplicates
//! machines         the state that machines report, and whether they have the configured rules
//! change_notifier  notifies machines by push when the configuration changes
//! status           the status as JSON at GET /
//! ```
//!
//! A machine with a file of its own gets only that file. Rules that are removed from a file remain on machines until a
//! clean sync, as with moroz; the status shows which machines have other rules than configured.

mod app;
mod bundles;
mod change_notifier;
mod config_store;
mod configuration;
mod event_log;
mod machines;
mod problem;
mod reply;
mod router;
mod rule_set;
mod stages;
mod status;
mod xsrf;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

pub use self::config_store::{ConfigStoreError, Source, check};
pub use self::configuration::Configuration;
pub use self::machines::{Agreement, MachineSeen};
pub use self::problem::{Problem, Severity};
pub use self::rule_set::About;
pub use self::status::{MachineStatus, ServerState, Status};
pub use self::xsrf::XsrfOptions;

use self::app::App;
use self::change_notifier::ChangeNotifier;
use self::config_store::ConfigStore;
use self::event_log::EventLog;
use self::xsrf::Xsrf;
use crate::push::{NatsConfig, PushError};
use selvedge_host::http_server;

/// The options of a server.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// The address to listen on; port 0 selects a free port.
    pub listen: SocketAddr,
    /// The configuration for machines.
    pub source: Source,
    /// Rules per page.
    pub page_size: usize,
    /// The file for events, one JSON line each. Without a file, events are only counted.
    pub event_log: Option<PathBuf>,
    /// PEM files of the certificate chain and its key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whether machines need an XSRF token.
    pub xsrf: Option<XsrfOptions>,
    /// Whether to log each request to stderr.
    pub log_requests: bool,
    /// The push server and the subjects for notifications when the configuration changes.
    pub push: Option<NatsConfig>,
}

impl ServeConfig {
    /// A server on a free port of the loopback address, with 1000 rules per page.
    #[must_use]
    pub fn new(source: Source) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            source,
            page_size: 1000,
            event_log: None,
            tls: None,
            xsrf: None,
            log_requests: false,
            push: None,
        }
    }
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Without TLS, other machines could read the traffic.
    #[error(
        "{0} is reachable from other machines, which requires TLS: set --tls-cert and --tls-key, or listen on 127.0.0.1"
    )]
    Unprotected(SocketAddr),
    /// A configuration cannot be loaded.
    #[error(transparent)]
    Configuration(#[from] ConfigStoreError),
    /// The page size is 0.
    #[error("the page size is 0: set it to at least 1")]
    PageSize,
    /// The header name for tokens is invalid or has another meaning in HTTP.
    #[error("{0:?} cannot be the header for the token: choose another header name")]
    Header(String),
    /// The event log cannot be opened.
    #[error("the event log {path} cannot be opened: {1}", path = .0.display())]
    EventLog(PathBuf, #[source] io::Error),
    /// The system has no random bytes.
    #[error("the system has no random bytes")]
    Random,
    /// The certificate or its key cannot be read.
    #[error("the TLS certificate cannot be used: {0}")]
    Tls(#[source] io::Error),
    /// The push server cannot be used.
    #[error("changes cannot be sent by push: {0}")]
    Push(#[from] PushError),
    /// The address cannot be listened on.
    #[error("the server cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
}

/// A running server, until it is stopped or dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    has_tls: bool,
    state: ServerState,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    /// The task of the change notifier.
    notifier: JoinSet<()>,
}

impl Running {
    /// The address of the listener, with the actual port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for `SyncBaseURL`.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.has_tls { "https" } else { "http" };
        format!("{scheme}://{}/v1/santa", self.address)
    }

    /// The state of machines, rules and events.
    #[must_use]
    pub fn state(&self) -> ServerState {
        self.state.clone()
    }

    /// Stops after the running requests have ended.
    pub async fn stop(mut self) {
        self.notifier.abort_all();
        drop(self.stop);
        // An error means a panic, which has been reported already.
        let _ = self.task.await;
    }
}

/// Starts a server. Must be called in a tokio runtime.
///
/// # Errors
/// When an option is invalid or a resource is unavailable, and without TLS on an address that is not loopback.
pub async fn start(config: ServeConfig) -> Result<Running, ServeError> {
    if !config.listen.ip().is_loopback() && config.tls.is_none() {
        return Err(ServeError::Unprotected(config.listen));
    }
    if config.page_size == 0 {
        return Err(ServeError::PageSize);
    }
    let tls = match &config.tls {
        Some((certificate, key)) => {
            Some(http_server::tls(certificate, key).map_err(ServeError::Tls)?)
        }
        None => None,
    };
    let xsrf = match config.xsrf {
        Some(options) => {
            if let Some(name) = options.header.as_ref().filter(|name| !is_header(name)) {
                return Err(ServeError::Header(name.clone()));
            }
            Some(Xsrf::new(options).ok_or(ServeError::Random)?)
        }
        None => None,
    };
    let (source, page_size) = (config.source, config.page_size);
    let store = tokio::task::spawn_blocking(move || ConfigStore::open(source, page_size)).await;
    let store = store.map_err(|error| ServeError::Listen(config.listen, error.into()))?;
    let store = store?;
    let events = EventLog::open(config.event_log.as_deref()).map_err(|error| {
        ServeError::EventLog(config.event_log.clone().unwrap_or_default(), error)
    })?;
    let notifier = match &config.push {
        Some(push) => Some(ChangeNotifier::connect(push).await?),
        None => None,
    };
    let failed = |error| ServeError::Listen(config.listen, error);
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let app = Arc::new(App::new(Arc::new(store), events, xsrf, config.log_requests));
    let router = router::router(Arc::clone(&app));
    let mut notifying = JoinSet::new();
    if let Some(notifier) = notifier {
        notifying.spawn(notifier.run(Arc::clone(&app)));
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let has_tls = tls.is_some();
    let task = tokio::spawn(http_server::run(listener, tls, router, async {
        let _ = stopped.await;
    }));
    Ok(Running {
        address,
        has_tls,
        state: ServerState(app),
        stop,
        task,
        notifier: notifying,
    })
}

/// Whether a header can carry the token: its name is valid, and HTTP does not use it otherwise.
fn is_header(name: &str) -> bool {
    const RESERVED: [&str; 8] = [
        "content-type",
        "content-encoding",
        "content-length",
        "transfer-encoding",
        "connection",
        "host",
        "expect",
        "user-agent",
    ];
    axum::http::HeaderName::from_bytes(name.as_bytes())
        .is_ok_and(|name| !RESERVED.contains(&name.as_str()))
}
