//! The embedded server: the Storage API 1.5 (spec §3) on SQLite, with a small token server (spec §1.9) in front of it; or
//! the older dialect 1.1 (spec §3.10), with users who have names and passwords, on the same storage.
//!
//! Any number of users, each known by a token that was minted with the server's master secret: by itself, for accounts
//! that were made on it, or by a separate token server that has the same secret.
//!
//! Two choices the protocol leaves open: a GET without `limit` is one streamed reply of the whole collection (only while
//! ten such streams are under way already, it is cut and names its next page); and a write that comes within the
//! hundredth of the user's one before waits for its turn.

mod accounts;
mod app;
mod auth;
mod basic;
mod body;
mod body_memory;
pub mod clock;
mod collection;
mod conditions;
mod cors;
mod dialect;
mod encoder;
mod info;
mod key_id;
pub mod limits;
pub(crate) mod listen;
mod nodes;
mod nonces;
mod parts;
mod public_url;
mod query;
mod record;
mod reply;
mod router;
mod secret;
pub mod storage;
pub mod token;
mod token_error;
mod tokenserver;
mod users;
pub mod www;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use selvedge_core::server::Dialect;
use selvedge_core::time::ServerTime;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use self::app::{App, StorageObject};
use self::basic::Passwords;
pub(crate) use self::body_memory::{BodyError, BodyMemory, Owner, Received};
use self::limits::Limits;
use self::nonces::Nonces;
use self::public_url::PublicUrl;
use self::storage::sqlite::{Place, SqliteStorage};
use self::storage::{Flushes, Storage, StorageError};

pub use self::users::{NewNode, UserError, add_user, change_password, move_user};

/// How a server is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What clients are spoken to in.
    pub dialect: Dialect,
    /// Where the data are.
    pub data: Place,
    /// The file with the master secret. Without one it is `master-secret` in the data directory, or a random secret of
    /// this process for [`Place::Memory`]. A missing file is made.
    pub master_secret_file: Option<PathBuf>,
    /// The URL under which clients reach a reverse proxy in front of this server.
    pub public_url: Option<String>,
    /// A certificate chain and its key, as PEM files.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// What `info/configuration` tells.
    pub limits: Limits,
    /// Bytes that one user may store.
    pub quota_bytes: Option<u64>,
    /// The most records of one page of a download; `None` leaves it to the client.
    pub max_page_records: Option<u64>,
    /// The directory of the page, as [`www::find`] finds it; without one there is no page.
    pub www: Option<PathBuf>,
    /// Whether each request is a line on stderr: status, method, path and time, no secrets.
    pub log_requests: bool,
}

impl Default for Options {
    /// In memory, on a free port of the loopback address.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            dialect: Dialect::V1_5,
            data: Place::Memory,
            master_secret_file: None,
            public_url: None,
            tls: None,
            limits: Limits::default(),
            quota_bytes: None,
            max_page_records: None,
            www: None,
            log_requests: false,
        }
    }
}

/// Why a server does not start, or an invitation is not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Others could listen to what clients send.
    #[error(
        "{0} can be reached from other machines: give --tls-cert and --tls-key, or --public-url of a reverse proxy that \
         speaks TLS, or listen on 127.0.0.1"
    )]
    Unprotected(SocketAddr),
    /// The public URL is none.
    #[error(
        "the public URL must be http:// or https:// with a host, and without user, query and fragment"
    )]
    PublicUrl,
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The database cannot be opened.
    #[error("cannot open the database: {0}")]
    Data(#[source] io::Error),
    /// The master secret cannot be read or made.
    #[error("cannot read the master secret {0}: {1}")]
    Secret(PathBuf, #[source] io::Error),
    /// There is no page to serve.
    #[error(transparent)]
    Www(#[from] www::NoPage),
    /// The system has no random bytes.
    #[error("the system has no random bytes")]
    Random,
    /// The certificate or its key cannot be read.
    #[error("cannot use the TLS certificate: {0}")]
    Tls(#[source] io::Error),
    /// The invitation was not kept.
    #[error("the invitation was not kept: {0}")]
    Invite(#[source] StorageError),
}

/// A server that listens already and answers once it runs.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptorBox>,
    app: Arc<App>,
    router: Router,
}

#[derive(Clone)]
struct TlsAcceptorBox(TlsAcceptor);

impl std::fmt::Debug for TlsAcceptorBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsAcceptor")
    }
}

impl Server {
    /// Opens the data and listens.
    ///
    /// # Errors
    /// When a part of `options` cannot be had, and on an address that is not loopback without TLS or a public URL.
    pub async fn bind(options: Options) -> Result<Self, ServeError> {
        let loopback = options.listen.ip().is_loopback();
        if !loopback && options.tls.is_none() && options.public_url.is_none() {
            return Err(ServeError::Unprotected(options.listen));
        }
        let public_url = match &options.public_url {
            Some(text) => Some(PublicUrl::parse(text).ok_or(ServeError::PublicUrl)?),
            None => None,
        };
        let tls = match &options.tls {
            Some((certificate, key)) => {
                Some(listen::tls(certificate, key).map_err(ServeError::Tls)?)
            }
            None => None,
        };
        let storage =
            SqliteStorage::open(&options.data, options.limits.clone(), options.quota_bytes);
        let storage = StorageObject(Arc::new(storage.map_err(ServeError::Data)?));
        let secret = match (&options.master_secret_file, &options.data) {
            (None, Place::Memory) => secret::make().map_err(|_| ServeError::Random)?,
            (Some(file), _) => {
                secret::read_or_make(file).map_err(|e| ServeError::Secret(file.clone(), e))?
            }
            (None, Place::Directory(directory)) => {
                let file = directory.join("master-secret");
                secret::read_or_make(&file).map_err(|e| ServeError::Secret(file, e))?
            }
        };
        let failed = |error| ServeError::Listen(options.listen, error);
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let app = Arc::new(App {
            dialect: options.dialect,
            passwords: Passwords::new().ok_or(ServeError::Random)?,
            storage,
            secret,
            nonces: Nonces::default(),
            bodies: BodyMemory::for_requests_of(options.limits.max_request_bytes),
            limits: options.limits,
            quota_bytes: options.quota_bytes,
            max_page_records: options.max_page_records,
            base_url: match &public_url {
                Some(url) => url.as_str().to_owned(),
                None => format!("{scheme}://{address}"),
            },
            // A proxy on the same machine passes on what comes from anywhere.
            invitation_needed: !loopback || public_url.is_some(),
            public_url,
            www: options.www,
            tls: tls.is_some(),
            log_requests: options.log_requests,
        });
        Ok(Self {
            listener,
            address,
            tls: tls.map(TlsAcceptorBox),
            router: router::router(Arc::clone(&app)),
            app,
        })
    }

    /// The address that it listens on, with the real port.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The URL that clients use, without a slash at its end.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.app.base_url
    }

    /// The URL of its token server.
    #[must_use]
    pub fn tokenserver_url(&self) -> String {
        format!("{}/1.0/sync/1.5", self.app.base_url)
    }

    /// Whether an account is only made for who has an invitation.
    #[must_use]
    pub fn invitation_needed(&self) -> bool {
        self.app.invitation_needed
    }

    /// What tells how often and how long the disk was waited for, while the server runs too.
    pub fn flushes(&self) -> impl Fn() -> Flushes + Send + 'static {
        let storage = self.app.storage.clone();
        move || storage.flushes()
    }

    /// Makes an invitation that is good for one account within `life`.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn invite(&self, life: Duration) -> Result<Zeroizing<String>, ServeError> {
        keep_invitation(&*self.app.storage, life).await
    }

    /// Answers until `shutdown` is done; then lets the requests that are under way end and closes the database.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        listen::run(
            self.listener,
            self.tls.map(|tls| tls.0),
            self.router,
            shutdown,
        )
        .await;
    }
}

/// Makes an invitation that is good for one account within `life`, and keeps its hash in the database of `data`. A server
/// may be running on the same directory.
///
/// # Errors
/// When the database cannot be opened or written.
pub async fn invite(data: PathBuf, life: Duration) -> Result<Zeroizing<String>, ServeError> {
    let storage = SqliteStorage::open(&Place::Directory(data), Limits::default(), None)
        .map_err(ServeError::Data)?;
    keep_invitation(&storage, life).await
}

async fn keep_invitation(
    storage: &dyn Storage,
    life: Duration,
) -> Result<Zeroizing<String>, ServeError> {
    let (text, hash) = accounts::make_secret().ok_or(ServeError::Random)?;
    let expires = clock::now()
        .hundredths()
        .saturating_add(life.as_secs().saturating_mul(100));
    let kept = storage
        .invite(hash, ServerTime::from_hundredths(expires))
        .await;
    kept.map_err(ServeError::Invite)?;
    Ok(text)
}
