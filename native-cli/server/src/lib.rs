//! The embedded server: the Storage API 1.5 (spec §3) on SQLite, with a small token server (spec §1.9) in front of it; or
//! the older dialect 1.1 (spec §3.10), with users who have names and passwords, on the same storage.
//!
//! Any number of users, each known by a token that was minted with the server's master secret: by itself, for accounts
//! that were made on it, or by a separate token server that has the same secret.
//!
//! Two choices the protocol leaves open: a GET without `limit` is one reply of the whole collection, for some clients do not
//! look for a next page; and a write that comes within the hundredth of the user's one before waits for its turn.

mod accounts;
pub mod announcement;
mod app;
mod auth;
mod basic;
mod body;
pub mod clock;
mod collection;
mod conditions;
mod cors;
mod denial;
mod dialect;
mod encoder;
mod health;
mod host_check;
mod info;
mod key_id;
mod known_bad;
pub mod limits;
mod local_token;
mod lock;
mod nodes;
mod nonce_file;
mod nonces;
mod parts;
mod public_url;
mod query;
mod raw_records;
mod record;
mod reload;
mod reply;
mod router;
mod secret;
mod serve_error;
mod signed_for;
pub mod storage;
pub mod token;
mod token_error;
mod tokenserver;
mod users;
pub mod www;

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use axum::Router;
use selvedge_core::server::Dialect;
use selvedge_core::time::ServerTime;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use self::app::{App, StorageObject};
use self::basic::Passwords;
use self::cors::Origins;
use self::health::LastBeat;
use self::limits::Limits;
use self::nonces::Nonces;
use self::public_url::PublicUrl;
use self::serve_error::{data_error, lock_directory, open_storage};
use self::storage::sqlite::Place;
use self::storage::{Flushes, Storage};
use selvedge_host::http_server::{self, BodyMemory, Certificate};

pub use self::cors::NoOrigin;
pub use self::reload::Reload;
pub use self::serve_error::ServeError;
pub use self::users::{NewNode, UserError, add_user, change_password, move_user};

/// Bytes that one user may store unless the operator says otherwise: the reference server's figure.
pub const DEFAULT_QUOTA_BYTES: u64 = 2_097_152_000;

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
    /// Bytes that one user may store, open batches included; `None` for any number.
    pub quota_bytes: Option<u64>,
    /// The most records of one page of a download; `None` leaves it to the client.
    pub max_page_records: Option<u64>,
    /// The origins whose pages may talk to the server, beside the server's own page: `scheme://host[:port]`, or `*` for
    /// every one.
    pub allow_origins: Vec<String>,
    /// A file with more of them, one a line; empty lines and lines that begin with `#` are ignored. [`Reload`] reads it
    /// again.
    pub allow_origins_file: Option<PathBuf>,
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
            quota_bytes: Some(DEFAULT_QUOTA_BYTES),
            max_page_records: None,
            allow_origins: Vec::new(),
            allow_origins_file: None,
            www: None,
            log_requests: false,
        }
    }
}

/// A server that listens already and answers once it runs.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    reload: Reload,
    warnings: Vec<String>,
    app: Arc<App>,
    router: Router,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
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
        let certificate = match &options.tls {
            Some((chain, key)) => Some(Certificate::read(chain, key).map_err(ServeError::Tls)?),
            None => None,
        };
        let mut warnings: Vec<String> = certificate
            .iter()
            .filter_map(Certificate::warning)
            .collect();
        let lock = match &options.data {
            Place::Directory(directory) => Some(lock_directory(directory).await?),
            Place::Memory => None,
        };
        let storage = open_storage(&options.data, options.limits.clone(), options.quota_bytes)?;
        let storage = StorageObject(Arc::new(storage));
        let secret_file = match (&options.master_secret_file, &options.data) {
            (Some(file), _) => Some(file.clone()),
            (None, Place::Directory(directory)) => Some(directory.join("master-secret")),
            (None, Place::Memory) => None,
        };
        let secret = match secret_file {
            Some(file) => {
                let read = secret::read_or_make(&file);
                let read = read.map_err(|source| ServeError::Secret { file, source })?;
                warnings.extend(read.warning);
                read.secret
            }
            None => secret::make().map_err(|_| ServeError::Random)?,
        };
        let local_token = match &options.data {
            Place::Directory(directory) => {
                let token = local_token::read_or_make(directory);
                let named = |source| ServeError::LocalToken {
                    directory: directory.clone(),
                    source,
                };
                Some(token.map_err(named)?)
            }
            Place::Memory => None,
        };
        let failed = |error| ServeError::Listen(options.listen, error);
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let scheme = if certificate.is_some() {
            "https"
        } else {
            "http"
        };
        let base_url = match &public_url {
            Some(url) => url.as_str().to_owned(),
            None => http_server::base_url(scheme, address),
        };
        let own_origins = match options.www {
            Some(_) => own_origins(scheme, address, public_url.as_ref()),
            None => Vec::new(),
        };
        let own_origins = Origins::parse(own_origins.iter().map(String::as_str))?;
        let origins = reload::OriginSettings {
            named: options.allow_origins,
            file: options.allow_origins_file,
            own: own_origins.clone(),
        };
        let app = Arc::new(App {
            dialect: options.dialect,
            passwords: Passwords::new(options.dialect).ok_or(ServeError::Random)?,
            storage,
            secret,
            nonces: match &options.data {
                Place::Directory(directory) => {
                    Nonces::open(&directory.join("nonces"), clock::seconds())
                        .map_err(|source| data_error(&options.data, source))?
                }
                Place::Memory => Nonces::default(),
            },
            last_beat: LastBeat::default(),
            bodies: BodyMemory::for_requests_of(options.limits.max_request_bytes),
            limits: options.limits,
            quota_bytes: options.quota_bytes,
            max_page_records: options.max_page_records,
            base_url,
            origins: RwLock::new(Arc::new(origins.read()?)),
            own_origins,
            local_token,
            // Elsewhere the certificate or the proxy decides about names.
            checks_host: loopback && public_url.is_none(),
            // A proxy on the same machine passes on what comes from anywhere. What is kept on disk is worth asking who
            // fills it.
            invitation_needed: !loopback || public_url.is_some() || options.data != Place::Memory,
            public_url,
            www: options.www,
            tls: certificate.is_some(),
            log_requests: options.log_requests,
            _lock: lock,
        });
        let reload = Reload::new(certificate, origins, &app);
        Ok(Self {
            listener,
            address,
            tls: reload.acceptor()?,
            reload,
            warnings,
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

    /// What the operator should know: sentences, without secrets.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Reads certificates and settings again while the server runs. It does not keep the server's data open.
    #[must_use]
    pub fn reload(&self) -> Reload {
        self.reload.clone()
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
        // The storage is closed when the router lets go of it.
        drop(self.app);
        http_server::run(self.listener, self.tls, self.router, shutdown).await;
    }
}

/// The origins of the server's own page: a browser may reach it under another of this machine's names than the one that
/// token answers tell.
fn own_origins(scheme: &str, address: SocketAddr, public: Option<&PublicUrl>) -> Vec<String> {
    match public {
        Some(url) => vec![url.origin().to_owned()],
        None if address.ip().is_loopback() => ["localhost", "127.0.0.1", "[::1]"]
            .map(|host| format!("{scheme}://{host}:{}", address.port()))
            .to_vec(),
        None => vec![http_server::base_url(scheme, address)],
    }
}

/// Makes an invitation that is good for one account within `life`, and keeps its hash in the database of `data`. A server
/// may be running on the same directory.
///
/// # Errors
/// When the database cannot be opened or written.
pub async fn invite(data: PathBuf, life: Duration) -> Result<Zeroizing<String>, ServeError> {
    let storage = open_storage(&Place::Directory(data), Limits::default(), None)?;
    keep_invitation(&storage, life).await
}

/// The token in a data directory by which programs of its owner make accounts without an invitation.
///
/// # Errors
/// When no server ever ran there, or the file cannot be read.
pub fn local_token(data: &Path) -> std::io::Result<Zeroizing<String>> {
    local_token::read(&data.join(local_token::FILE))
}

/// Copies the database of `data` to a new file while a server may be running. Returns its bytes.
///
/// # Errors
/// When there is no database, the file exists, or one of them cannot be read or written.
pub fn backup(data: &Path, file: &Path) -> Result<u64, ServeError> {
    storage::sqlite::backup::backup(data, file).map_err(|source| ServeError::Backup {
        file: file.to_owned(),
        source,
    })
}

/// Makes the database of `data` as small as it can be. Returns its bytes before and after.
///
/// # Errors
/// When a server runs on `data`, there is no database, or it cannot be written.
pub async fn compact(data: &Path) -> Result<(u64, u64), ServeError> {
    let failed = |source| data_error(&Place::Directory(data.to_owned()), source);
    // A directory that is missing is not made.
    std::fs::metadata(data).map_err(failed)?;
    let _lock = lock_directory(data).await?;
    let compacted = storage::sqlite::backup::compact(data).map_err(failed)?;
    Ok((compacted.before, compacted.after))
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
