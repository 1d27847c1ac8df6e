//! What the server reads again while it runs, at SIGHUP: its certificate and the file of allowed origins. Files of the page
//! and invitations are read whenever they are asked for.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, Weak};

use tokio_rustls::TlsAcceptor;

use super::app::App;
use super::cors::Origins;
use super::serve_error::ServeError;
use selvedge_host::http_server::Certificate;

/// Where the allowed origins are from.
#[derive(Debug, Clone)]
pub(super) struct OriginSettings {
    /// Those of the command line.
    pub(super) named: Vec<String>,
    /// The file with more of them.
    pub(super) file: Option<PathBuf>,
    /// Those of the server's own page.
    pub(super) own: Origins,
}

impl OriginSettings {
    /// Reads the file and puts all together.
    ///
    /// # Errors
    /// When the file cannot be read, or a text is no origin.
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

/// Reads settings again. It does not keep the server's data open.
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

    /// Reads everything again, and returns what the operator should know. What cannot be read stays as it is.
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

    /// Speaks TLS with the certificate, where there is one.
    pub(super) fn acceptor(&self) -> Result<Option<TlsAcceptor>, ServeError> {
        let acceptor = self.certificate.as_ref().map(Certificate::acceptor);
        acceptor.transpose().map_err(ServeError::Tls)
    }
}
