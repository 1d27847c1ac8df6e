//! Why a server does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::admin::{AdminError, NoPublicUrl};
use crate::http::{InvalidOrigin, www};

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Requests would cross a network without encryption.
    #[error(
        "{0} can be reached from other machines: give --tls-cert and --tls-key, or --public-url of a reverse proxy that \
         speaks TLS, or listen on 127.0.0.1"
    )]
    Unprotected(SocketAddr),
    /// The public URL is invalid.
    #[error(
        "the public URL must be http:// or https:// with a host, and without user, query and fragment"
    )]
    PublicUrl,
    /// A URL for clients is invalid.
    #[error(transparent)]
    Url(#[from] NoPublicUrl),
    /// The URL of an issuer is invalid.
    #[error(
        "the issuer {0:?} must be https://, or http:// on this machine, with a host, and without user, query and fragment"
    )]
    Issuer(String),
    /// An origin to allow is invalid.
    #[error(transparent)]
    Origin(#[from] InvalidOrigin),
    /// The file of allowed origins cannot be read.
    #[error("cannot read the origins in {}: {source}", .file.display())]
    OriginsFile {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The server cannot listen on the address.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
    /// The data directory cannot be used.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The master secret cannot be read or created.
    #[error("cannot use the master secret {}: {source}", .file.display())]
    Secret {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The token of local programs cannot be read or created.
    #[error("cannot use the token of local programs in {}: {source}", .directory.display())]
    LocalToken {
        /// The data directory.
        directory: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// There is no web page to serve.
    #[error(transparent)]
    Www(#[from] www::NoPage),
    /// The system has no random bytes.
    #[error("the system has no random bytes")]
    Random,
    /// The certificate or its key cannot be read.
    #[error("cannot use the TLS certificate: {0}")]
    Tls(#[source] io::Error),
}
