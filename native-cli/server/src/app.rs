//! What all requests share.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use selvedge_core::server::Dialect;

use super::basic::Passwords;
use super::cors::Origins;
use super::health::LastBeat;
use super::limits::Limits;
use super::lock::DirectoryLock;
use super::nonces::Nonces;
use super::public_url::PublicUrl;
use super::storage::{SecretHash, Storage};
use super::token::MasterSecret;
use selvedge_host::http_server::BodyMemory;

/// The server behind its sockets.
#[derive(Debug)]
pub(super) struct App {
    /// What clients are spoken to in.
    pub dialect: Dialect,
    /// Checks the passwords of the dialect 1.1.
    pub passwords: Passwords,
    /// Records, batches and accounts.
    pub storage: StorageObject,
    /// Signs and checks storage tokens.
    pub secret: MasterSecret,
    /// Requests that were taken.
    pub nonces: Nonces,
    /// When the storage was last seen to work.
    pub last_beat: LastBeat,
    /// The limits of `info/configuration`.
    pub limits: Limits,
    /// Bytes that one user may store.
    pub quota_bytes: Option<u64>,
    /// Records of one page, whatever a client asks for.
    pub max_page_records: Option<u64>,
    /// Room for request bodies.
    pub bodies: BodyMemory,
    /// Where clients find the server, if they do not reach it directly.
    pub public_url: Option<PublicUrl>,
    /// The directory of the page, if there is one.
    pub www: Option<PathBuf>,
    /// The URL that token answers begin with, without a slash at its end.
    pub base_url: String,
    /// The origins whose pages may talk to the server; replaced when settings are read again.
    pub origins: RwLock<Arc<Origins>>,
    /// The origins of the server's own page, where there is one.
    pub own_origins: Origins,
    /// The hash of the token by which programs of the server's owner make accounts.
    pub local_token: Option<SecretHash>,
    /// Whether a request must name this machine as its host.
    pub checks_host: bool,
    /// Whether the server speaks TLS itself.
    pub tls: bool,
    /// Whether an account needs an invitation.
    pub invitation_needed: bool,
    /// Whether each request is a line in the log.
    pub log_requests: bool,
    /// Keeps other servers off the data directory; given up last, when the storage is closed.
    pub _lock: Option<DirectoryLock>,
}

impl App {
    /// The origins that are allowed now.
    pub(super) fn origins(&self) -> Arc<Origins> {
        Arc::clone(&self.origins.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Any storage.
#[derive(Clone)]
pub(super) struct StorageObject(pub Arc<dyn Storage>);

impl std::fmt::Debug for StorageObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Storage")
    }
}

impl std::ops::Deref for StorageObject {
    type Target = dyn Storage;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}
