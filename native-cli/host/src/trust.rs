//! Which servers a TLS connection trusts: those of the system, those of a file, and a server's own certificate where that
//! very certificate is trusted.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;
use selvedge_core::http::{FetchError, FetchErrorKind};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The certificates of a PEM file, which may begin with a byte order mark.
///
/// # Errors
/// What is wrong with it.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = pem.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(pem);
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(certificates) if certificates.is_empty() => {
            Err("the file has no certificate in PEM (-----BEGIN CERTIFICATE-----)".into())
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("its PEM is damaged: {error}")),
    }
}

/// TLS that trusts the system's certificates and these.
///
/// # Errors
/// When one of these is not a certificate, or there is no certificate.
pub(super) fn client_config(extra: &[CertificateDer<'static>]) -> Result<ClientConfig, FetchError> {
    let unusable = |error: Error| FetchError::new(FetchErrorKind::Tls, error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let inner = Verifier::new_with_extra_roots(extra.iter().cloned(), Arc::clone(&provider))
        .map_err(unusable)?;
    let verifier = TrustingVerifier {
        inner,
        extra: extra.to_vec(),
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// The system's verifier; what it refuses is accepted where the server's certificate is itself among the trusted ones,
/// is for this name, and is valid now. So the certificate that `openssl req -x509` makes works as it does for curl: it says
/// of itself that it is a certificate authority, and verifiers that follow the web's rules refuse such a one for a server.
#[derive(Debug)]
struct TrustingVerifier {
    inner: Verifier,
    extra: Vec<CertificateDer<'static>>,
}

impl TrustingVerifier {
    fn is_trusted(&self, certificate: &CertificateDer<'_>) -> bool {
        let is_same = |one: &CertificateDer<'_>| one.as_ref() == certificate.as_ref();
        self.extra.iter().any(is_same)
            || rustls_native_certs::load_native_certs()
                .certs
                .iter()
                .any(is_same)
    }
}

/// Whether a certificate is for a name and valid at a time.
fn check_itself(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<(), Error> {
    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let validity = parsed.validity();
    if seconds < validity.not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    if seconds > validity.not_after.timestamp() {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

impl ServerCertVerifier for TrustingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match judged {
            Err(Error::InvalidCertificate(_)) if self.is_trusted(end_entity) => {
                check_itself(end_entity, server_name, now)?;
                Ok(ServerCertVerified::assertion())
            }
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// What a person can do about an error of TLS, where its own words do not say it.
pub(super) fn advice(detail: &str) -> Option<&'static str> {
    if detail.contains("CaUsedAsEndEntity") {
        Some(
            "the server's certificate is that of a certificate authority (CA:TRUE): trust it by --ca FILE, or make one with \
             CA:FALSE (openssl req -x509 … -addext basicConstraints=critical,CA:FALSE)",
        )
    } else if detail.contains("UnknownIssuer") {
        Some("its issuer is not trusted: use --ca FILE to trust the certificates in a file")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::*;

    /// A certificate for localhost that is valid for a day, as `openssl req -x509` makes it or with CA:FALSE.
    fn self_signed(is_ca: bool) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
        if is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let now = SystemTime::now();
        params.not_before = (now - Duration::from_secs(86_400)).into();
        params.not_after = (now + Duration::from_secs(86_400)).into();
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    fn judge(
        extra: &[CertificateDer<'static>],
        certificate: &CertificateDer<'_>,
        name: &'static str,
        after_seconds: i64,
    ) -> Result<(), Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = TrustingVerifier {
            inner: Verifier::new_with_extra_roots(extra.iter().cloned(), provider).unwrap(),
            extra: extra.to_vec(),
        };
        let name = ServerName::try_from(name).unwrap();
        let now = UnixTime::now()
            .as_secs()
            .saturating_add_signed(after_seconds);
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
        verifier
            .verify_server_cert(certificate, &[], &name, &[], now)
            .map(drop)
    }

    #[test]
    fn a_servers_own_certificate_is_trusted_where_it_is_named_itself() {
        const TWO_DAYS: i64 = 2 * 86_400;
        for is_ca in [true, false] {
            let certificate = self_signed(is_ca);
            let own = [certificate.clone()];
            assert_eq!(judge(&own, &certificate, "localhost", 0), Ok(()), "{is_ca}");
            for (name, after) in [
                ("other.example", 0),
                ("localhost", TWO_DAYS),
                ("localhost", -TWO_DAYS),
            ] {
                let judged = judge(&own, &certificate, name, after);
                assert!(
                    matches!(judged, Err(Error::InvalidCertificate(_))),
                    "{is_ca} {name} {after} {judged:?}"
                );
            }
            // Another certificate of the same name and kind.
            let other = [self_signed(is_ca)];
            assert!(judge(&other, &certificate, "localhost", 0).is_err());
        }
    }

    #[test]
    fn what_is_no_certificate_is_said() {
        assert!(certificates(b"").unwrap_err().contains("no certificate"));
        let damaged = b"-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n";
        assert!(certificates(damaged).unwrap_err().contains("damaged"));
    }
}
