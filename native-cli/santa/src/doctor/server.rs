//! The checks that need the server, one after the other.

use selvedge_santa::wire::{ClientMode, PreflightRequest};
use selvedge_santa::{Connection, Endpoint};

use super::preflight_request::request;
use super::probe::Probe;
use super::reach::{advice, name, reach};
use super::ways::Way;
use super::{Findings, Level, answers, pages, ways};
use crate::config::Config;
use crate::fetch;
use crate::host_info::HostInfo;
use crate::store::SantaStore;
use selvedge_host::exit::Exit;

pub(super) async fn examine(
    config: &Config,
    connection: &Connection,
    host_info: &HostInfo,
    store: Option<&SantaStore>,
    findings: &mut Findings,
) {
    if !name(config, connection, findings).await {
        return;
    }
    let client = match fetch::client(config) {
        Ok(client) => client,
        Err(error) => {
            let text = format!(
                "the certificates or the proxy cannot be used: {}",
                error.detail
            );
            findings.add("configuration", Level::Fault, Exit::Usage, text);
            return;
        }
    };
    let mut probe = Probe {
        client,
        connection,
        token: None,
    };
    if !reach(&probe, config, findings).await {
        return;
    }
    let mut request = request(config, connection, host_info, store).await;
    let next = preflight(&mut probe, &request, findings).await;
    if next == Next::Stop {
        return;
    }
    let taken = ways::examine(&probe, &request, findings).await;
    let Some(taken) = taken.first() else {
        return;
    };
    let said = answers::preflight(taken.way.form, &taken.body, config.allows_standalone);
    for (level, text) in said {
        findings.server("answers", level, text);
    }
    slashes(&probe, &request, taken.way, findings).await;
    standalone(&probe, &mut request, taken.way, config, findings).await;
    pages::examine(&probe, taken.way, config.most_rules, findings).await;
}

/// Whether another form or encoding may do better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
}

/// Preflight as a sync sends it.
async fn preflight(
    probe: &mut Probe<'_>,
    request: &PreflightRequest,
    findings: &mut Findings,
) -> Next {
    const CHECK: &str = "preflight";
    let connection = probe.connection;
    let way = Way {
        form: connection.form,
        encoding: connection.encoding,
    };
    let url = connection.address.url(Endpoint::Preflight);
    let own = || way.send(way.form.write(request));
    let mut heard = probe.send(&url, Some(own())).await;
    if let Ok(first) = &heard {
        let is_wanted = first.status == 403;
        token(probe, is_wanted, findings).await;
        if is_wanted && probe.token.is_some() {
            heard = probe.send(&url, Some(own())).await;
        }
    }
    let heard = match heard {
        Ok(heard) => heard,
        Err(error) => {
            let text = format!("{error}: {}", advice(&error));
            findings.add(CHECK, Level::Fault, Exit::Offline, text);
            return Next::Stop;
        }
    };
    if heard.status != 200 {
        findings.fault(CHECK, refusal(heard.status, heard.location.as_deref()));
        // In another form or encoding it may be taken.
        return match heard.status {
            301..=308 | 401 | 403 | 404 | 405 => Next::Stop,
            _ => Next::GoOn,
        };
    }
    let read = match &heard.body {
        Some(body) => answers::read_preflight(way.form, body).map(drop),
        None => Err(answers::UNREADABLE.to_owned()),
    };
    match (read, heard.content_type) {
        (Ok(()), _) => findings.good(CHECK, "the server takes this machine's preflight"),
        (Err(text), Some(content_type)) => {
            findings.fault(CHECK, format!("{text} (Content-Type: {content_type})"));
        }
        (Err(text), None) => findings.fault(CHECK, text),
    }
    Next::GoOn
}

/// Whether the server gives a token against forged requests. One that it does not want is not held.
async fn token(probe: &mut Probe<'_>, is_wanted: bool, findings: &mut Findings) {
    const CHECK: &str = "XSRF";
    let url = probe.connection.address.url(Endpoint::Xsrf);
    let asked = probe.ask_for_token(&url).await;
    if !is_wanted {
        probe.token = None;
    }
    match (asked, is_wanted) {
        (Ok((200, true)), _) => {
            findings.good(CHECK, "the server gives a token against forged requests");
        }
        (Ok((200, false)), true) => findings.warning(
            CHECK,
            "the server answers xsrf without the header X-XSRF-TOKEN",
        ),
        (Ok((status, _)), false) => findings.good(
            CHECK,
            format!("the server gives no token (xsrf: {status}), and wants none"),
        ),
        (Ok((status, _)), true) => findings.warning(
            CHECK,
            format!("the server refuses with 403 and gives no token (xsrf: {status}): it does not want this machine"),
        ),
        (Err(error), _) => findings.warning(CHECK, format!("xsrf: {error}")),
    }
}

/// What a status other than 200 means.
fn refusal(status: u16, location: Option<&str>) -> String {
    match (status, location) {
        (300..=399, Some(location)) => format!("the server redirects ({status}) to {location}, which is not followed: set SyncBaseURL accordingly"),
        (300..=399, None) => format!("the server redirects ({status}), which is not followed"),
        (401, _) => "the server wants to know who asks (401): set SyncExtraHeaders or ClientAuthCertificateFile".into(),
        (403, _) => "the server does not take this machine (403): check its id, SyncExtraHeaders and ClientAuthCertificateFile".into(),
        (404 | 405, _) => format!("there is no preflight at this URL ({status}): check the path of SyncBaseURL, and that the server knows the machine"),
        (415, _) => "the server does not take this type of body (415)".into(),
        (200..=299, _) => format!("the server answers with {status} rather than 200, which counts as a failure"),
        _ => format!("the server answers with status {status}"),
    }
}

/// A client that joins URLs carelessly sends two slashes; this one does not.
async fn slashes(probe: &Probe<'_>, request: &PreflightRequest, way: Way, findings: &mut Findings) {
    let url = probe.connection.address.url(Endpoint::Preflight);
    let doubled = url.replace("/preflight/", "//preflight/");
    let sent = way.send(way.form.write(request));
    let text = match probe.send(&doubled, Some(sent)).await {
        Ok(heard) if heard.status == 200 => "the server takes doubled slashes".to_owned(),
        Ok(heard) => format!(
            "the server answers doubled slashes with {}; this client never sends them",
            heard.status
        ),
        Err(_) => return,
    };
    findings.good("slashes", text);
}

/// Whether the server takes the mode STANDALONE. Afterwards it is told the true mode again.
async fn standalone(
    probe: &Probe<'_>,
    request: &mut PreflightRequest,
    way: Way,
    config: &Config,
    findings: &mut Findings,
) {
    const CHECK: &str = "STANDALONE";
    let url = probe.connection.address.url(Endpoint::Preflight);
    let own = request.client_mode.replace(ClientMode::Standalone);
    let sent = way.send(way.form.write(request));
    let heard = probe.send(&url, Some(sent)).await;
    request.client_mode = own;
    let sent = way.send(way.form.write(request));
    let again = probe.send(&url, Some(sent)).await;
    match heard {
        Ok(heard) if heard.status == 200 => findings.good(CHECK, "the server takes the mode STANDALONE"),
        Ok(heard) if config.allows_standalone => findings.fault(
            CHECK,
            format!("the server refuses the mode STANDALONE ({}): set selvedge.allow_standalone = false", heard.status),
        ),
        Ok(heard) => findings.good(
            CHECK,
            format!("the server refuses the mode STANDALONE ({}), which is not told here: LOCKDOWN takes its paths", heard.status),
        ),
        Err(error) => findings.warning(CHECK, error.to_string()),
    }
    if !again.is_ok_and(|heard| heard.status == 200) {
        findings.warning(
            CHECK,
            "the server could not be told the true mode again: sync once",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_advice() {
        for (status, location, expected) in [
            (
                301,
                Some("https://other/"),
                "redirects (301) to https://other/",
            ),
            (302, None, "redirects (302), which is not followed"),
            (401, None, "set SyncExtraHeaders"),
            (403, None, "check its id"),
            (404, None, "check the path of SyncBaseURL"),
            (405, None, "check the path of SyncBaseURL"),
            (415, None, "this type of body"),
            (204, None, "with 204 rather than 200"),
            (500, None, "with status 500"),
        ] {
            let text = refusal(status, location);
            assert!(text.contains(expected), "{status}: {text}");
        }
    }
}
