//! Checks the validity period of certificates.

use selvedge_core::time::LocalTime;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::finding::{Findings, Level};
use selvedge_host::exit::Exit;
use selvedge_host::moment;

/// A certificate that expires within this time is a warning.
const RENEWAL_SECONDS: i64 = 14 * 86_400;

/// The relevant fields of a certificate. Times are in seconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Certificate {
    subject: String,
    issuer: String,
    from: i64,
    until: i64,
}

fn read(der: &[u8]) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = certificate.validity();
    Some(Certificate {
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        from: validity.not_before.timestamp(),
        until: validity.not_after.timestamp(),
    })
}

/// Adds a finding for a certificate. `exit` is the exit code of a fault.
pub(super) fn examine(
    check: &'static str,
    der: &[u8],
    now: LocalTime,
    exit: Exit,
    findings: &mut Findings,
) {
    match read(der) {
        Some(certificate) => {
            let (level, text) = check_validity(&certificate, now);
            findings.add(check, level, exit, text);
        }
        None => findings.warning(check, "the certificate cannot be parsed"),
    }
}

fn check_validity(certificate: &Certificate, now: LocalTime) -> (Level, String) {
    let seconds = i64::try_from(now.millis() / 1000).unwrap_or(i64::MAX);
    let subject = match certificate.subject.as_str() {
        "" => "the certificate",
        subject => subject,
    };
    let issuer = &certificate.issuer;
    let at = |seconds: i64| {
        let seconds = u64::try_from(seconds).unwrap_or_default();
        moment::local(LocalTime::from_millis(seconds.saturating_mul(1000)))
    };
    let (from, until) = (at(certificate.from), at(certificate.until));
    if seconds < certificate.from {
        return (
            Level::Fault,
            format!("{subject} is not valid before {from}: check this machine's clock"),
        );
    }
    if seconds > certificate.until {
        return (
            Level::Fault,
            format!("{subject} expired at {until}: renew it"),
        );
    }
    if certificate.until - seconds < RENEWAL_SECONDS {
        (
            Level::Warning,
            format!("{subject} expires soon, at {until}: renew it"),
        )
    } else {
        (
            Level::Good,
            format!("{subject}, issued by {issuer}, is valid until {until}"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_depends_on_the_validity_period() {
        let day = 86_400;
        let certificate = Certificate {
            subject: "CN=a".into(),
            issuer: "CN=b".into(),
            from: 100 * day,
            until: 200 * day,
        };
        for (today, expected) in [
            (99, Level::Fault),
            (100, Level::Good),
            (185, Level::Good),
            (187, Level::Warning),
            (201, Level::Fault),
        ] {
            let now = LocalTime::default().plus_seconds(today * 86_400);
            assert_eq!(check_validity(&certificate, now).0, expected, "{today}");
        }
        assert_eq!(read(b"nothing"), None);
    }
}
