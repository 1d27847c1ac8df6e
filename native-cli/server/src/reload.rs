//! Reloads the certificate and the file of allowed origins while the server runs, at SIGHUP. Files of the web page and
//! invitations are read at each request.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, Weak};

use selvedge_host::http_server::Certificate;
use tokio_rustls::TlsAcceptor;

use crate::http::{App, Origins};
use crate::serve_error::ServeError;

/// The sources of allowed origins.
#[derive(Debug, Clone)]
pub(super) struct OriginSettings {
    /// Those of the settings.
    pub(super) named: Vec<String>,
    /// The file with more of them.
    pub(super) file: Option<PathBuf>,
    /// Those of the server's own page.
    pub(super) own: Origins,
}

impl OriginSettings {
    /// Reads the file and returns all origins.
    ///
    /// # Errors
    /// When the file cannot be read, or a text is not an origin.
    pub(super) fn read(&self) -> Result<Origins, ServeError> {
        let text = match &self.file {
            None => String::new(),
            Some(file) => fs::read_to_string(file).map_err(|source| ServeError::OriginsFile {
                file: file.clone(),
                source,
            })?,
        };
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut origins = Origins::parse(self.named.iter().map(String::as_str).chain(lines))?;
        origins.extend(&self.own);
        Ok(origins)
    }
}

/// Reloads settings. It does not keep the server's data open.
#[derive(Debug, Clone)]
pub struct Reload {
    certificate: Option<Certificate>,
    origins: OriginSettings,
    app: Weak<App>,
}

impl Reload {
    pub(super) fn new(
        certificate: Option<Certificate>,
        origins: OriginSettings,
        app: &Arc<App>,
    ) -> Self {
        Self {
            certificate,
            origins,
            app: Arc::downgrade(app),
        }
    }

    /// Reloads everything, and returns warnings for the operator. What cannot be read stays as it is.
    ///
    /// # Errors
    /// The first thing that could not be read.
    pub fn run(&self) -> Result<Vec<String>, ServeError> {
        let certificate = self.certificate.as_ref().map_or(Ok(()), |certificate| {
            certificate.reload().map_err(ServeError::Tls)
        });
        let origins = self.origins.read();
        if let (Ok(origins), Some(app)) = (&origins, self.app.upgrade()) {
            let mut current = app.origins.write().unwrap_or_else(PoisonError::into_inner);
            *current = Arc::new(origins.clone());
        }
        certificate?;
        origins?;
        Ok(self
            .certificate
            .iter()
            .filter_map(Certificate::warning)
            .collect())
    }

    /// TLS with the certificate, if there is one.
    pub(super) fn acceptor(&self) -> Result<Option<TlsAcceptor>, ServeError> {
        let acceptor = self.certificate.as_ref().map(Certificate::acceptor);
        acceptor.transpose().map_err(ServeError::Tls)
    }
}
