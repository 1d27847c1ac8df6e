//! A small server of Santa's sync, for tests and trials: it speaks moroz's TOML, so that a configuration can be moved
//! either way (spec §7.1).
//!
//! ```text
//! configuration  what machines are told, and what is wrong in the text that says it
//! library        the files, read again when they change
//! rulebook       one version of a configuration: pages of rules, prepared once
//! stages         preflight, eventupload, ruledownload, postflight, and tokens
//! event_log      events on the disk, each once
//! machines       what machines said, and whether they have the rules that they should
//! news           machines are told by push of what has changed
//! status         all of it as JSON at GET /
//! ```
//!
//! A machine with a file of its own gets that, and nothing of the others' file. Rules that leave a file stay on machines
//! until a clean sync, as with moroz; the status tells which machines have others than they should.

mod app;
mod bundles;
mod configuration;
mod event_log;
mod library;
mod machines;
mod news;
mod problem;
mod reply;
mod router;
mod rulebook;
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

pub use self::configuration::Configuration;
pub use self::library::{LibraryError, Source, check};
pub use self::machines::{Agreement, MachineSeen};
pub use self::problem::{Problem, Weight};
pub use self::rulebook::About;
pub use self::status::{MachineStatus, ServerState, Status};
pub use self::xsrf::XsrfOptions;

use self::app::App;
use self::event_log::EventLog;
use self::library::Library;
use self::news::News;
use self::xsrf::Xsrf;
use crate::push::{NatsConfig, PushError};
use selvedge_host::http_server;

/// How a server is set up.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What machines are told.
    pub source: Source,
    /// Rules of one page.
    pub page_size: usize,
    /// Where events go, one JSON line each; without a file they are counted only.
    pub event_log: Option<PathBuf>,
    /// A certificate chain and its key, as PEM files.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whether machines need a token.
    pub xsrf: Option<XsrfOptions>,
    /// Whether each request is a line on stderr.
    pub log_requests: bool,
    /// The push server, and the subjects, by which machines are told when the configuration changes.
    pub push: Option<NatsConfig>,
}

impl ServeConfig {
    /// On a free port of the loopback address, with pages of 1000 rules.
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

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Others could listen to what machines send.
    #[error(
        "{0} can be reached from other machines: give --tls-cert and --tls-key, or listen on 127.0.0.1"
    )]
    Unprotected(SocketAddr),
    /// A configuration cannot be used.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// A page must hold a rule.
    #[error("a page must hold at least one rule")]
    PageSize,
    /// The header for tokens is none that a machine may send.
    #[error("{0:?} is no header for a token")]
    Header(String),
    /// The event log cannot be opened.
    #[error("cannot open the event log {path}: {1}", path = .0.display())]
    EventLog(PathBuf, #[source] io::Error),
    /// The system has no random bytes.
    #[error("the system has no random bytes")]
    Random,
    /// The certificate or its key cannot be read.
    #[error("cannot use the TLS certificate: {0}")]
    Tls(#[source] io::Error),
    /// Machines cannot be told by push.
    #[error("machines cannot be told of changes: {0}")]
    Push(#[from] PushError),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
}

/// A server that answers until it is stopped or dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    has_tls: bool,
    state: ServerState,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    /// Tells machines of changes.
    news: JoinSet<()>,
}

impl Running {
    /// The address that it listens on, with the real port.
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

    /// What is known of machines, rules and events.
    #[must_use]
    pub fn state(&self) -> ServerState {
        self.state.clone()
    }

    /// Lets the requests that are under way end, and ends.
    pub async fn stop(mut self) {
        self.news.abort_all();
        drop(self.stop);
        // It could only fail by a panic, which was said already.
        let _ = self.task.await;
    }
}

/// Starts a server. To be called within a tokio runtime.
///
/// # Errors
/// When a part of the set-up cannot be had, and on an address that is not loopback without TLS.
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
    let library = tokio::task::spawn_blocking(move || Library::open(source, page_size)).await;
    let library = library.map_err(|error| ServeError::Listen(config.listen, error.into()))?;
    let library = library?;
    let events = EventLog::open(config.event_log.as_deref()).map_err(|error| {
        ServeError::EventLog(config.event_log.clone().unwrap_or_default(), error)
    })?;
    let news = match &config.push {
        Some(push) => Some(News::connect(push).await?),
        None => None,
    };
    let failed = |error| ServeError::Listen(config.listen, error);
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let app = Arc::new(App::new(
        Arc::new(library),
        events,
        xsrf,
        config.log_requests,
    ));
    let router = router::router(Arc::clone(&app));
    let mut telling = JoinSet::new();
    if let Some(news) = news {
        telling.spawn(news.tell(Arc::clone(&app)));
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
        news: telling,
    })
}

/// Whether a token may travel in this header: it must not be one that says something else.
fn is_header(name: &str) -> bool {
    const TAKEN: [&str; 8] = [
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
        .is_ok_and(|name| !TAKEN.contains(&name.as_str()))
}
