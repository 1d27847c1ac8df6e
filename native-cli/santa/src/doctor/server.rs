//! Runs the checks that need the server.

use selvedge_santa::wire::{ClientMode, PreflightRequest};
use selvedge_santa::{Connection, Endpoint};

use super::body_formats::BodyFormat;
use super::connection::{advice, connect, name};
use super::finding::{Findings, Level};
use super::preflight_request::request;
use super::probe::Probe;
use super::{body_formats, responses, rule_pages};
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
    if !connect(&probe, config, findings).await {
        return;
    }
    let mut request = request(config, connection, host_info, store).await;
    let next = preflight(&mut probe, &request, findings).await;
    if next == Next::Stop {
        return;
    }
    let accepted = body_formats::examine(&probe, &request, findings).await;
    let Some(accepted) = accepted.first() else {
        return;
    };
    let messages = responses::preflight(
        accepted.format.form,
        &accepted.body,
        config.allows_standalone,
    );
    for (level, text) in messages {
        findings.server("answers", level, text);
    }
    slashes(&probe, &request, accepted.format, findings).await;
    standalone(&probe, &mut request, accepted.format, config, findings).await;
    rule_pages::examine(&probe, accepted.format, config.max_rules, findings).await;
}

/// Whether the checks of other formats and encodings make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Continue,
    Stop,
}

/// Sends preflight as a sync does.
async fn preflight(
    probe: &mut Probe<'_>,
    request: &PreflightRequest,
    findings: &mut Findings,
) -> Next {
    const CHECK: &str = "preflight";
    let connection = probe.connection;
    let format = BodyFormat {
        form: connection.form,
        encoding: connection.encoding,
    };
    let url = connection.address.url(Endpoint::Preflight);
    let own = || format.encode(format.form.write(request));
    let mut response = probe.send(&url, Some(own())).await;
    if let Ok(first) = &response {
        let is_required = first.status == 403;
        token(probe, is_required, findings).await;
        if is_required && probe.token.is_some() {
            response = probe.send(&url, Some(own())).await;
        }
    }
    let response = match response {
        Ok(response) => response,
        Err(error) => {
            let text = format!("{error}: {}", advice(&error));
            findings.add(CHECK, Level::Fault, Exit::Offline, text);
            return Next::Stop;
        }
    };
    if response.status != 200 {
        findings.fault(
            CHECK,
            refusal(response.status, response.location.as_deref()),
        );
        // The server may accept another format or encoding.
        return match response.status {
            301..=308 | 401 | 403 | 404 | 405 => Next::Stop,
            _ => Next::Continue,
        };
    }
    let read = match &response.body {
        Some(body) => responses::parse_preflight(format.form, body).map(drop),
        None => Err(responses::UNREADABLE.to_owned()),
    };
    match (read, response.content_type) {
        (Ok(()), _) => findings.good(CHECK, "the server accepts this machine's preflight"),
        (Err(text), Some(content_type)) => {
            findings.fault(CHECK, format!("{text} (Content-Type: {content_type})"));
        }
        (Err(text), None) => findings.fault(CHECK, text),
    }
    Next::Continue
}

/// Requests an XSRF token. It is used only if the server requires it.
async fn token(probe: &mut Probe<'_>, is_required: bool, findings: &mut Findings) {
    const CHECK: &str = "XSRF";
    let url = probe.connection.address.url(Endpoint::Xsrf);
    let asked = probe.request_token(&url).await;
    if !is_required {
        probe.token = None;
    }
    match (asked, is_required) {
        (Ok((200, true)), _) => {
            findings.good(CHECK, "the server issues XSRF tokens");
        }
        (Ok((200, false)), true) => findings.warning(
            CHECK,
            "the response of xsrf has no header X-XSRF-TOKEN",
        ),
        (Ok((status, _)), false) => findings.good(
            CHECK,
            format!("the server does not require an XSRF token (xsrf: {status})"),
        ),
        (Ok((status, _)), true) => findings.warning(
            CHECK,
            format!("the server rejects preflight with 403 and issues no XSRF token (xsrf: {status}): it does not accept this machine"),
        ),
        (Err(error), _) => findings.warning(CHECK, format!("xsrf: {error}")),
    }
}

/// The message for a status other than 200.
fn refusal(status: u16, location: Option<&str>) -> String {
    match (status, location) {
        (300..=399, Some(location)) => format!("the server redirects ({status}) to {location}, and redirects are not followed: set SyncBaseURL accordingly"),
        (300..=399, None) => format!("the server redirects ({status}), and redirects are not followed: check SyncBaseURL"),
        (401, _) => "the server requires authentication (401): set SyncExtraHeaders or ClientAuthCertificateFile".into(),
        (403, _) => "the server does not accept this machine (403): check its id, SyncExtraHeaders and ClientAuthCertificateFile".into(),
        (404 | 405, _) => format!("this URL has no preflight ({status}): check the path of SyncBaseURL, and that the machine is registered on the server"),
        (415, _) => "the server does not accept this type of body (415)".into(),
        (200..=299, _) => format!("the server responds with status {status} instead of 200, which counts as a failure"),
        _ => format!("the server responds with status {status}"),
    }
}

/// Checks paths with two slashes, which some clients send. This client does not.
async fn slashes(
    probe: &Probe<'_>,
    request: &PreflightRequest,
    format: BodyFormat,
    findings: &mut Findings,
) {
    let url = probe.connection.address.url(Endpoint::Preflight);
    let doubled = url.replace("/preflight/", "//preflight/");
    let sent = format.encode(format.form.write(request));
    let text = match probe.send(&doubled, Some(sent)).await {
        Ok(response) if response.status == 200 => "the server accepts doubled slashes".to_owned(),
        Ok(response) => format!(
            "the server responds to doubled slashes with status {}; this client never sends them",
            response.status
        ),
        Err(_) => return,
    };
    findings.good("slashes", text);
}

/// Checks whether the server accepts the mode STANDALONE. Afterwards, the actual mode is sent again.
async fn standalone(
    probe: &Probe<'_>,
    request: &mut PreflightRequest,
    format: BodyFormat,
    config: &Config,
    findings: &mut Findings,
) {
    const CHECK: &str = "STANDALONE";
    let url = probe.connection.address.url(Endpoint::Preflight);
    let own = request.client_mode.replace(ClientMode::Standalone);
    let sent = format.encode(format.form.write(request));
    let response = probe.send(&url, Some(sent)).await;
    request.client_mode = own;
    let sent = format.encode(format.form.write(request));
    let again = probe.send(&url, Some(sent)).await;
    match response {
        Ok(response) if response.status == 200 => findings.good(CHECK, "the server accepts the mode STANDALONE"),
        Ok(response) if config.allows_standalone => findings.fault(
            CHECK,
            format!("the server rejects the mode STANDALONE ({}): set selvedge.allow_standalone = false", response.status),
        ),
        Ok(response) => findings.good(
            CHECK,
            format!("the server rejects the mode STANDALONE ({}); this machine uses LOCKDOWN instead", response.status),
        ),
        Err(error) => findings.warning(CHECK, error.to_string()),
    }
    if !again.is_ok_and(|response| response.status == 200) {
        findings.warning(
            CHECK,
            "the actual mode could not be sent to the server again: sync once",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_advice() {
        for (status, location, expected) in [
            (
                301,
                Some("https://other/"),
                "redirects (301) to https://other/",
            ),
            (302, None, "redirects (302), and redirects are not followed"),
            (401, None, "set SyncExtraHeaders"),
            (403, None, "check its id"),
            (404, None, "check the path of SyncBaseURL"),
            (405, None, "check the path of SyncBaseURL"),
            (415, None, "this type of body"),
            (204, None, "with status 204 instead of 200"),
            (500, None, "with status 500"),
        ] {
            let text = refusal(status, location);
            assert!(text.contains(expected), "{status}: {text}");
        }
    }
}
