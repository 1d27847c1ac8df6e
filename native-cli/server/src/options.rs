//! The settings of a server.

use std::net::SocketAddr;
use std::path::PathBuf;

use selvedge_core::server::Dialect;

use crate::accounts::Registration;
use crate::model::{DEFAULT_QUOTA_BYTES, Limits};
use crate::storage::Location;

/// The settings of a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address to listen on; port 0 selects a free port.
    pub listen: SocketAddr,
    /// The dialect of the storage API.
    pub dialect: Dialect,
    /// Where the server keeps its data.
    pub data: Location,
    /// The file with the master secret. By default `master-secret` in the data directory, or a random secret of this process
    /// for [`Location::Memory`]. A missing file is created.
    pub master_secret_file: Option<PathBuf>,
    /// The URL of a reverse proxy in front of this server.
    pub public_url: Option<String>,
    /// A certificate chain and its key, as PEM files.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Who may register at the accounts server of this process; without it there is no accounts server.
    pub accounts: Option<Registration>,
    /// The URLs of accounts servers whose access tokens are accepted, such as `https://accounts.firefox.com`.
    pub issuers: Vec<String>,
    /// The audience that their tokens must name; by default it is only logged, because Mozilla's tokens name Mozilla's own
    /// token server.
    pub audience: Option<String>,
    /// The e-mail addresses of people at these issuers who get an account without an invitation. Mozilla's issuer does not
    /// tell the address.
    pub allow_emails: Vec<String>,
    /// The ids of such people at their issuers.
    pub allow_uids: Vec<String>,
    /// The limits of `info/configuration`.
    pub limits: Limits,
    /// Bytes that one user may store, open batches included; `None` for no limit.
    pub quota_bytes: Option<u64>,
    /// Maximum number of records of one page of a download; `None` for no maximum.
    pub max_page_records: Option<u64>,
    /// The origins whose pages may send requests, besides the server's own page: `scheme://host[:port]`, or `*` for all.
    pub allow_origins: Vec<String>,
    /// A file with more of them, one per line; empty lines and lines that begin with `#` are ignored.
    /// [`Reload`](crate::Reload) reads it again.
    pub allow_origins_file: Option<PathBuf>,
    /// The directory of the web page, see [`www::find`](crate::www::find); without one there is no page.
    pub www: Option<PathBuf>,
    /// Whether each request is logged to stderr: status, method, path and time, no secrets.
    pub log_requests: bool,
}

impl Default for Options {
    /// In memory, on a free port of the loopback address.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            dialect: Dialect::V1_5,
            data: Location::Memory,
            master_secret_file: None,
            public_url: None,
            tls: None,
            accounts: None,
            issuers: Vec::new(),
            audience: None,
            allow_emails: Vec::new(),
            allow_uids: Vec::new(),
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
