//! Certificates from PEM files, which can be read again while the server runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The mark that some editors put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A certificate chain and its key, and the files that they are from.
#[derive(Debug, Clone)]
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: Arc<Current>,
}

/// What new connections get.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

impl Certificate {
    /// Reads both files.
    ///
    /// # Errors
    /// When one cannot be read, holds none, or they do not belong together; the text names the file.
    pub fn read(chain: &Path, key: &Path) -> io::Result<Self> {
        let current = Current(RwLock::new(Arc::new(read(chain, key)?)));
        Ok(Self {
            chain: chain.to_owned(),
            key: key.to_owned(),
            current: Arc::new(current),
        })
    }

    /// Reads both files again; connections that are open keep the certificate that they have.
    ///
    /// # Errors
    /// As [`Self::read`]; then the certificate stays as it is.
    pub fn reload(&self) -> io::Result<()> {
        let new = Arc::new(read(&self.chain, &self.key)?);
        *self
            .current
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// Speaks TLS with whatever certificate is the current one.
    ///
    /// # Errors
    /// When the TLS library lacks what it needs.
    pub fn acceptor(&self) -> io::Result<TlsAcceptor> {
        let resolver = Arc::clone(&self.current);
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// What the operator should know of the certificate.
    pub fn warning(&self) -> Option<String> {
        let current = self
            .current
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let leaf = current.cert.first()?;
        is_authority(leaf).then(|| {
            format!(
                "the certificate in {} is that of a certificate authority (CA:TRUE), as `openssl req -x509` creates it by \
                 default; Firefox and most clients on rustls refuse it for a server (selvedge accepts it with --ca): create it \
                 with -addext basicConstraints=critical,CA:FALSE, or sign one with your own CA",
                self.chain.display()
            )
        })
    }
}

fn read(chain_file: &Path, key_file: &Path) -> io::Result<CertifiedKey> {
    let pem = read_text(chain_file)?;
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| named(chain_file, &error))?;
    if chain.is_empty() {
        return Err(named(chain_file, &"no certificate in PEM format"));
    }
    let pem = zeroize::Zeroizing::new(read_text(key_file)?);
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| named(key_file, &error))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider())
        .map_err(|error| named(chain_file, &error))
}

/// A file without the byte order mark that it may begin with.
fn read_text(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = fs::read(path).map_err(|error| named(path, &error))?;
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(bytes)
}

fn named(path: &Path, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{}: {error}", path.display()),
    )
}

fn is_authority(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, certificate)| certificate.is_ca())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/");

    fn fixture(name: &str) -> Vec<u8> {
        fs::read(format!("{FIXTURES}{name}")).unwrap()
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, mark: &[u8]| {
            let path = directory.path().join(name);
            fs::write(&path, [mark, &fixture(name)].concat()).unwrap();
            path
        };
        for (first, second) in [
            (&b""[..], &b""[..]),
            (BYTE_ORDER_MARK, b""),
            (BYTE_ORDER_MARK, BYTE_ORDER_MARK),
        ] {
            let (chain, key) = (
                write("localhost.crt", first),
                write("localhost.key", second),
            );
            Certificate::read(&chain, &key).unwrap();
        }
    }

    #[test]
    fn what_is_no_certificate_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let (chain, key) = (
            directory.path().join("chain.pem"),
            directory.path().join("key.pem"),
        );
        for (chain_bytes, key_bytes, culprit) in [
            (Vec::new(), fixture("localhost.key"), "chain.pem"),
            (b"text".to_vec(), fixture("localhost.key"), "chain.pem"),
            (
                fixture("localhost.key"),
                fixture("localhost.key"),
                "chain.pem",
            ),
            (fixture("localhost.crt"), Vec::new(), "key.pem"),
            (
                fixture("localhost.crt"),
                fixture("localhost.crt"),
                "key.pem",
            ),
        ] {
            fs::write(&chain, chain_bytes).unwrap();
            fs::write(&key, key_bytes).unwrap();
            let error = Certificate::read(&chain, &key).unwrap_err().to_string();
            assert!(error.contains(culprit), "{error}");
        }
    }

    #[test]
    fn a_certificate_that_cannot_be_read_again_stays() {
        let directory = tempfile::tempdir().unwrap();
        let (chain, key) = (
            directory.path().join("chain.pem"),
            directory.path().join("key.pem"),
        );
        fs::write(&chain, fixture("localhost.crt")).unwrap();
        fs::write(&key, fixture("localhost.key")).unwrap();
        let certificate = Certificate::read(&chain, &key).unwrap();
        let current = || Arc::clone(&certificate.current.0.read().unwrap());
        let before = current();
        fs::write(&chain, "broken").unwrap();
        assert!(certificate.reload().is_err());
        assert!(Arc::ptr_eq(&before, &current()));
        fs::write(&chain, fixture("localhost.crt")).unwrap();
        certificate.reload().unwrap();
        assert!(!Arc::ptr_eq(&before, &current()));
    }
}
