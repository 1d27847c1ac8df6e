//! The state that all requests share.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use selvedge_core::server::Dialect;

use selvedge_host::http_server::BodyMemory;
use tokio::sync::Semaphore;

use super::cors::Origins;
use super::heartbeat::LastHeartbeat;
use super::nonces::Nonces;
use super::passwords::Passwords;
use crate::accounts::AccountsServer;
use crate::admin::{DirectoryLock, PublicUrl};
use crate::model::{Limits, SecretHash};
use crate::storage::Storage;
use crate::token::issuers::{AllowList, Issuers};
use crate::token::{Issuer, MasterSecret};

/// The state of the server.
#[derive(Debug)]
pub(crate) struct App {
    /// The dialect of the storage API.
    pub dialect: Dialect,
    /// Checks the passwords of the dialect 1.1.
    pub passwords: Passwords,
    /// Records, batches and accounts.
    pub storage: Storage,
    /// Signs and checks storage tokens.
    pub secret: MasterSecret,
    /// The accounts server, if there is one.
    pub accounts_server: Option<AccountsServer>,
    /// The other issuers whose access tokens are accepted.
    pub issuers: Issuers,
    /// The people of other issuers who need no invitation.
    pub allowed: AllowList,
    /// Requests that were accepted.
    pub nonces: Nonces,
    /// The last check of the storage.
    pub last_heartbeat: LastHeartbeat,
    /// The limits of `info/configuration`.
    pub limits: Limits,
    /// Bytes that one user may store.
    pub quota_bytes: Option<u64>,
    /// Maximum number of records of one page.
    pub max_page_records: Option<u64>,
    /// Memory for request bodies.
    pub bodies: BodyMemory,
    /// Permits for pages in temporary files.
    pub spools: Arc<Semaphore>,
    /// The URL of a reverse proxy in front of the server.
    pub public_url: Option<PublicUrl>,
    /// The directory of the web page, if there is one.
    pub www: Option<PathBuf>,
    /// The URL of the server in token replies, without a slash at its end.
    pub base_url: String,
    /// The origins whose pages may send requests; replaced when settings are reloaded.
    pub origins: RwLock<Arc<Origins>>,
    /// The origins of the server's own page, if there is one.
    pub own_origins: Origins,
    /// The hash of the token with which programs of the server's owner create accounts.
    pub local_token: Option<SecretHash>,
    /// Whether `Host` must name this machine.
    pub checks_host: bool,
    /// Whether the server speaks TLS itself.
    pub tls: bool,
    /// Whether an account needs an invitation.
    pub invitation_needed: bool,
    /// Whether each request is logged.
    pub log_requests: bool,
    /// Excludes other servers from the data directory; released last, when the storage is closed.
    pub _lock: Option<DirectoryLock>,
}

impl App {
    /// The origins that are allowed now.
    pub(super) fn origins(&self) -> Arc<Origins> {
        Arc::clone(&self.origins.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What issues storage tokens.
    pub(super) fn issuer(&self) -> Issuer<'_> {
        Issuer {
            accounts: &*self.storage.accounts,
            secret: &self.secret,
            base_url: &self.base_url,
            issuers: &self.issuers,
            allowed: &self.allowed,
        }
    }
}
