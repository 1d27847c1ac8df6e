//! Trusted root certificates, and the client certificate (spec §1.8).

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use super::keys::Problem;
use super::secret_file;
use selvedge_host::exit::{HostError, Result};

/// The certificates of a PEM file.
///
/// # Errors
/// When a certificate cannot be parsed, or the file contains none.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Problem> {
    // Editors on Windows add a byte order mark.
    let pem = pem.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(pem);
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(certificates) if certificates.is_empty() => {
            Err("it contains no certificate in PEM format".into())
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("its PEM is invalid: {error}")),
    }
}

/// A client certificate and its key. The key is not shown.
#[derive(Clone)]
pub struct ClientIdentity {
    certified: Arc<CertifiedKey>,
    /// Both as one PEM text, as the HTTP client expects it.
    pem: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity(..)")
    }
}

impl ClientIdentity {
    /// From a chain that starts with the leaf, and its key in DER.
    fn new(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'_>) -> Result<Self, Problem> {
        let signing = rustls::crypto::ring::sign::any_supported_type(key)
            .map_err(|_| "the type of its key is not supported: use RSA, ECDSA or Ed25519")?;
        let pem = pem_of(&chain, key);
        let certified = CertifiedKey::new(chain, signing);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
                Ok(Self {
                    certified: Arc::new(certified),
                    pem,
                })
            }
            Err(_) => Err("its key does not match its certificate: set the right key file".into()),
        }
    }

    /// From PEM: certificate and key in one or two files.
    pub(super) fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, Problem> {
        let chain = certificates(certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(
            |_| "it contains no private key in PEM format: set selvedge.client_key_file to the file of the key",
        )?;
        Self::new(chain, &key)
    }

    /// From PKCS#12.
    pub(super) fn from_pkcs12(der: &[u8], password: &str) -> Result<Self, Problem> {
        let keys = KeyStore::from_pkcs12(der, password, Pkcs12ImportPolicy::Strict)
            .map_err(|_| "it is not a PKCS#12 file, or the password is wrong: set ClientAuthCertificatePassword or selvedge.client_password_file")?;
        let (_, chain) = keys
            .private_key_chain()
            .ok_or("it contains no key with its certificate")?;
        let certificates = chain.certs().iter();
        let certificates = certificates.map(|one| CertificateDer::from(one.as_der().to_vec()));
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(chain.key().as_der()));
        Self::new(certificates.collect(), &key)
    }

    /// The chain, starting with the leaf.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.certified.cert
    }

    /// For TLS connections without the HTTP client.
    #[must_use]
    pub fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }

    /// Certificates and key in PEM.
    pub(crate) fn pem(&self) -> &[u8] {
        &self.pem
    }
}

/// Reads a client certificate: PEM with the key in the same file or in `key_path`, or PKCS#12. The flag is true when
/// the key is world-readable.
pub(super) fn identity(
    path: &Path,
    key_path: Option<&Path>,
    password: &str,
) -> Result<(ClientIdentity, bool)> {
    let file = secret_file::read(path)?;
    let key = key_path.map(secret_file::read).transpose()?;
    let is_pem = file.bytes.windows(11).any(|bytes| bytes == b"-----BEGIN ");
    let identity = match (is_pem, &key) {
        (true, Some(key)) => ClientIdentity::from_pem(&file.bytes, &key.bytes),
        (true, None) => ClientIdentity::from_pem(&file.bytes, &file.bytes),
        (false, _) => ClientIdentity::from_pkcs12(&file.bytes, password),
    };
    let identity = identity.map_err(|detail| HostError::BadFile {
        path: path.to_owned(),
        detail,
    })?;
    let is_exposed = key.map_or(file.is_world_readable, |key| key.is_world_readable);
    Ok((identity, is_exposed))
}

fn pem_of(chain: &[CertificateDer<'_>], key: &PrivateKeyDer<'_>) -> Zeroizing<Vec<u8>> {
    let label = match key {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    let mut blocks = vec![(label, key.secret_der())];
    blocks.extend(chain.iter().map(|one| ("CERTIFICATE", one.as_ref())));
    // Allocate the final size, because a reallocation would leave a copy of the key in memory.
    let bytes: usize = blocks.iter().map(|(_, der)| der.len() * 3 / 2 + 100).sum();
    let mut pem = Zeroizing::new(Vec::with_capacity(bytes));
    for (label, der) in blocks {
        pem.extend_from_slice(format!("-----BEGIN {label}-----\n").as_bytes());
        for line in der.chunks(48) {
            let line = Zeroizing::new(<base64ct::Base64 as base64ct::Encoding>::encode_string(
                line,
            ));
            pem.extend_from_slice(line.as_bytes());
            pem.push(b'\n');
        }
        pem.extend_from_slice(format!("-----END {label}-----\n").as_bytes());
    }
    pem
}
