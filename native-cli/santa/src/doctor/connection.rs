//! Checks DNS, the connection, certificates and the clock.

use selvedge_core::host::Clock as _;
use selvedge_core::http::{FetchError, FetchErrorKind};
use selvedge_santa::Connection;

use super::certificate;
use super::finding::{Findings, Level};
use super::probe::Probe;
use crate::config::Config;
use crate::http_date;
use selvedge_host::SystemClock;
use selvedge_host::exit::Exit;

/// A larger difference between the clocks is a warning: tokens and certificates may appear invalid.
const SKEW_SECONDS: u64 = 300;

/// Resolves the server's name. Skipped with a proxy, which resolves it.
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
            findings.good(
                "name",
                format!("{host} has the address {}", addresses.join(", ")),
            );
            true
        }
        Err(_) => {
            let text = format!("{host} cannot be resolved: check SyncBaseURL and DNS");
            findings.add("name", Level::Fault, Exit::Offline, text);
            false
        }
    }
}

/// Connects to the server, and checks certificates and the clock.
pub(super) async fn connect(probe: &Probe<'_>, config: &Config, findings: &mut Findings) -> bool {
    const CHECK: &str = "connection";
    let url = probe.connection.address.check_url();
    let response = match probe.send(&url, None).await {
        Ok(response) => response,
        Err(error) => {
            let text = format!("{error}: {}", advice(&error));
            findings.add(CHECK, Level::Fault, Exit::Offline, text);
            return false;
        }
    };
    findings.good(
        CHECK,
        format!(
            "the server is reachable (status {} for a request without data)",
            response.status
        ),
    );
    let now = SystemClock.now();
    if let Some(der) = &response.certificate {
        certificate::examine("TLS", der, now, Exit::Failed, findings);
    }
    if let Some(leaf) = config.identity.as_ref().and_then(|one| one.chain().first()) {
        certificate::examine("client TLS", leaf, now, Exit::Usage, findings);
    }
    let date = response.date.as_deref().and_then(http_date::seconds);
    match date.map(|server| server.abs_diff(now.millis() / 1000)) {
        None => findings.warning(
            "clock",
            "the responses have no valid Date header: this machine's clock cannot be checked",
        ),
        Some(apart) if apart > SKEW_SECONDS => findings.warning(
            "clock",
            format!(
                "this machine's clock and the server's differ by {apart} seconds (limit: {SKEW_SECONDS}): set the clock"
            ),
        ),
        Some(apart) => findings.good("clock", format!("the clocks differ by {apart} seconds")),
    }
    true
}

/// How to fix a failed connection.
pub(super) fn advice(error: &FetchError) -> &'static str {
    let has = |word: &str| error.detail.contains(word);
    match error.kind {
        FetchErrorKind::Tls if has("UnknownIssuer") => {
            "set ServerAuthRootsFile to the certificate of its issuer"
        }
        FetchErrorKind::Tls if has("Expired") || has("expired") => {
            "its certificate has expired: renew it"
        }
        FetchErrorKind::Tls if has("NotValidForName") || has("not valid for name") => {
            "its certificate is for another name: check SyncBaseURL"
        }
        FetchErrorKind::Tls if has("CertificateRequired") || has("HandshakeFailure") => {
            "it may require a client certificate: set ClientAuthCertificateFile"
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
    fn each_failure_has_its_advice() {
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
