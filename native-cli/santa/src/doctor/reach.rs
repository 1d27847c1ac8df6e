//! Whether a connection can be made, and what it shows of the server.

use selvedge_core::host::Clock as _;
use selvedge_core::http::{FetchError, FetchErrorKind};
use selvedge_santa::Connection;

use super::probe::Probe;
use super::{Findings, Level, certificate};
use crate::config::Config;
use crate::http_date;
use selvedge_host::SystemClock;
use selvedge_host::exit::Exit;

/// Clocks that differ by more make tokens, signatures and certificates invalid.
const SKEW_SECONDS: u64 = 300;

/// Whether the server's name leads anywhere; behind a proxy that is the proxy's affair.
pub(super) async fn name(
    config: &Config,
    connection: &Connection,
    findings: &mut Findings,
) -> bool {
    let host = connection.address.host();
    if config.proxy.is_some() || connection.address.is_loopback() {
        return true;
    }
    match tokio::net::lookup_host((host, 443)).await {
        Ok(addresses) => {
            let addresses: Vec<String> = addresses.map(|found| found.ip().to_string()).collect();
            findings.good("name", format!("{host} is at {}", addresses.join(", ")));
            true
        }
        Err(_) => {
            let text = format!("{host} has no address: check SyncBaseURL and the name service");
            findings.add("name", Level::Fault, Exit::Offline, text);
            false
        }
    }
}

/// Whether a connection can be made, and by which certificates.
pub(super) async fn reach(probe: &Probe<'_>, config: &Config, findings: &mut Findings) -> bool {
    const CHECK: &str = "connection";
    let url = probe.connection.address.check_url();
    let heard = match probe.send(&url, None).await {
        Ok(heard) => heard,
        Err(error) => {
            let text = format!("{error}: {}", advice(&error));
            findings.add(CHECK, Level::Fault, Exit::Offline, text);
            return false;
        }
    };
    findings.good(
        CHECK,
        format!(
            "the server answers, with status {} when it is asked by nobody",
            heard.status
        ),
    );
    let now = SystemClock.now();
    if let Some(der) = &heard.certificate {
        certificate::examine("TLS", der, now, Exit::Failed, findings);
    }
    if let Some(leaf) = config.identity.as_ref().and_then(|one| one.chain().first()) {
        certificate::examine("client TLS", leaf, now, Exit::Usage, findings);
    }
    let date = heard.date.as_deref().and_then(http_date::seconds);
    match date.map(|server| server.abs_diff(now.millis() / 1000)) {
        None => findings.warning(
            "clock",
            "the server's answers have no readable date: this machine's clock cannot be checked",
        ),
        Some(apart) if apart > SKEW_SECONDS => findings.warning(
            "clock",
            format!(
                "this machine's clock and the server's are {apart} seconds apart: set the clock"
            ),
        ),
        Some(apart) => findings.good("clock", format!("the clocks are {apart} seconds apart")),
    }
    true
}

/// What to do when no connection comes about.
pub(super) fn advice(error: &FetchError) -> &'static str {
    let says = |word: &str| error.detail.contains(word);
    match error.kind {
        FetchErrorKind::Tls if says("UnknownIssuer") => {
            "name the certificate of its issuer by ServerAuthRootsFile"
        }
        FetchErrorKind::Tls if says("Expired") || says("expired") => {
            "its certificate expired: renew it"
        }
        FetchErrorKind::Tls if says("NotValidForName") || says("not valid for name") => {
            "its certificate is for another name: check SyncBaseURL"
        }
        FetchErrorKind::Tls if says("CertificateRequired") || says("HandshakeFailure") => {
            "it may want a client certificate: set ClientAuthCertificateFile"
        }
        FetchErrorKind::Tls => "check ServerAuthRootsFile and the server's certificate",
        FetchErrorKind::Timeout => "check the network and its firewalls",
        _ => "check SyncBaseURL, its port, the network and the proxy",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_its_advice() {
        use FetchErrorKind::{Offline, Timeout, Tls};

        for (kind, detail, expected) in [
            (
                Tls,
                "invalid peer certificate: UnknownIssuer",
                "ServerAuthRootsFile",
            ),
            (Tls, "invalid peer certificate: Expired", "renew it"),
            (
                Tls,
                "invalid peer certificate: certificate not valid for name",
                "for another name",
            ),
            (
                Tls,
                "received fatal alert: CertificateRequired",
                "a client certificate",
            ),
            (Tls, "something else", "check ServerAuthRootsFile"),
            (Timeout, "", "firewalls"),
            (Offline, "", "check SyncBaseURL"),
        ] {
            let text = advice(&FetchError::new(kind, detail));
            assert!(text.contains(expected), "{detail}: {text}");
        }
    }
}
