//! A server from its settings to its end.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use axum::Router;
use selvedge_host::http_server::{self, BodyMemory, Certificate};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use crate::accounts::AccountsServer;
use crate::admin::{
    AdminError, PublicUrl, create_invitation, data_error, lock_directory, open_storage,
};
use crate::http::{App, LastHeartbeat, MAX_SPOOLS, Nonces, Origins, Passwords, router};
use crate::model::Bounds;
use crate::options::Options;
use crate::reload::{self, Reload};
use crate::serve_error::ServeError;
use crate::storage::records::Flushes;
use crate::storage::{Location, wall_clock};
use crate::token::issuers::{AllowList, Issuers};
use crate::token::{local_token, master_secret_file};

/// A server that listens, and answers once [`Server::run`] is called.
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
    /// When something that `options` name cannot be used, or the address is not loopback and there is neither TLS nor a public
    /// URL.
    pub async fn bind(options: Options) -> Result<Self, ServeError> {
        let loopback = options.listen.ip().is_loopback();
        if !loopback && options.tls.is_none() && options.public_url.is_none() {
            return Err(ServeError::Unprotected(options.listen));
        }
        let public_url = match &options.public_url {
            Some(text) => Some(PublicUrl::parse(text).ok_or(ServeError::PublicUrl)?),
            None => None,
        };
        if let Some(url) = options.issuers.iter().find(|url| !is_issuer(url)) {
            return Err(ServeError::Issuer(url.clone()));
        }
        let certificate = match &options.tls {
            Some((chain, key)) => Some(Certificate::read(chain, key).map_err(ServeError::Tls)?),
            None => None,
        };
        let mut warnings: Vec<String> = certificate
            .iter()
            .filter_map(Certificate::warning)
            .collect();
        let lock = match &options.data {
            Location::Directory(directory) => Some(lock_directory(directory).await?),
            Location::Memory => None,
        };
        let bounds = Bounds {
            limits: options.limits.clone(),
            quota_bytes: options.quota_bytes,
        };
        let storage = open_storage(&options.data, bounds)?;
        let secret_file = match (&options.master_secret_file, &options.data) {
            (Some(file), _) => Some(file.clone()),
            (None, Location::Directory(directory)) => Some(directory.join("master-secret")),
            (None, Location::Memory) => None,
        };
        let secret = match secret_file {
            Some(file) => {
                let read = master_secret_file::read_or_make(&file);
                let read = read.map_err(|source| ServeError::Secret { file, source })?;
                warnings.extend(read.warning);
                read.secret
            }
            None => master_secret_file::make().map_err(|_| ServeError::Random)?,
        };
        let local_token = match &options.data {
            Location::Directory(directory) => {
                let token = local_token::read_or_make(directory);
                let named = |source| ServeError::LocalToken {
                    directory: directory.clone(),
                    source,
                };
                Some(token.map_err(named)?)
            }
            Location::Memory => None,
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
            accounts_server: options.accounts.map(|registration| {
                let accounts = Arc::clone(&storage.accounts);
                let sealing_key = secret.derive_other("selvedge/v1/signing_keys");
                AccountsServer::new(accounts, registration, base_url.clone(), sealing_key)
            }),
            storage,
            issuers: Issuers::new(&options.issuers, options.audience),
            allowed: AllowList::new(&options.allow_emails, &options.allow_uids),
            secret,
            nonces: match &options.data {
                Location::Directory(directory) => {
                    Nonces::open(&directory.join("nonces"), wall_clock::seconds())
                        .map_err(|source| data_error(&options.data, source))?
                }
                Location::Memory => Nonces::default(),
            },
            last_heartbeat: LastHeartbeat::default(),
            bodies: BodyMemory::for_requests_of(options.limits.max_request_bytes),
            spools: Arc::new(Semaphore::new(MAX_SPOOLS)),
            limits: options.limits,
            quota_bytes: options.quota_bytes,
            max_page_records: options.max_page_records,
            base_url,
            origins: RwLock::new(Arc::new(origins.read()?)),
            own_origins,
            local_token,
            // Otherwise the certificate or the proxy checks the name.
            checks_host: loopback && public_url.is_none(),
            // A proxy on the same machine forwards requests from anywhere, and a server with data on disk must not be
            // filled by everyone.
            invitation_needed: !loopback
                || public_url.is_some()
                || options.data != Location::Memory,
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
            router: router(Arc::clone(&app)),
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

    /// Whether an account needs an invitation.
    #[must_use]
    pub fn invitation_needed(&self) -> bool {
        self.app.invitation_needed
    }

    /// Reads the statistics of flushes to disk, also while the server runs.
    pub fn flushes(&self) -> impl Fn() -> Flushes + Send + 'static {
        let records = Arc::clone(&self.app.storage.records);
        move || records.flushes()
    }

    /// Warnings for the operator: sentences, without secrets.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Reloads certificates and settings while the server runs. It does not keep the server's data open.
    #[must_use]
    pub fn reload(&self) -> Reload {
        self.reload.clone()
    }

    /// Creates an invitation for one account, valid for `lifetime`.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn invite(&self, lifetime: Duration) -> Result<Zeroizing<String>, AdminError> {
        create_invitation(&*self.app.storage.accounts, lifetime).await
    }

    /// Answers requests until `shutdown` is done; then completes the current requests and closes the database.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        // The storage is closed when the router is dropped.
        drop(self.app);
        http_server::run(self.listener, self.tls, self.router, shutdown).await;
    }
}

/// Whether tokens of an issuer at this URL can be checked: by TLS, or on this machine.
fn is_issuer(text: &str) -> bool {
    let is_loopback = |host: &str| {
        let address = host.trim_matches(['[', ']']);
        host == "localhost"
            || address
                .parse()
                .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    };
    PublicUrl::parse(text)
        .is_some_and(|url| url.as_str().starts_with("https://") || is_loopback(&url.host))
}

/// The origins of the server's own page: a browser may use another name of this machine than the token replies.
fn own_origins(scheme: &str, address: SocketAddr, public: Option<&PublicUrl>) -> Vec<String> {
    match public {
        Some(url) => vec![url.origin().to_owned()],
        None if address.ip().is_loopback() => ["localhost", "127.0.0.1", "[::1]"]
            .map(|host| format!("{scheme}://{host}:{}", address.port()))
            .to_vec(),
        None => vec![http_server::base_url(scheme, address)],
    }
}
