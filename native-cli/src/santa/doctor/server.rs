//! The checks that need the server, one after the other.

use selvedge_core::santa::wire::{
    ClientMode, Form, PreflightRequest, PreflightResponse, RuleDownloadRequest,
};
use selvedge_core::santa::{Connection, Encoding, Endpoint};

use super::probe::{Probe, Sent, raw_deflate};
use super::reach::{advice, name, reach};
use super::told::request;
use super::{Findings, Level, answers};
use crate::exit::Exit;
use crate::santa::config::Config;
use crate::santa::facts::Facts;
use crate::santa::fetch;
use crate::santa::store::SantaStore;

pub(super) async fn examine(
    config: &Config,
    connection: &Connection,
    facts: &Facts,
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
    let mut request = request(config, connection, facts, store).await;
    let Some(body) = preflight(&mut probe, &request, findings).await else {
        return;
    };
    let encodings = encodings(&probe, &request, findings).await;
    form(&probe, &request, findings).await;
    for (level, text) in body
        .map(|body| answers::preflight(&body))
        .unwrap_or_default()
    {
        findings.add("answers", level, Exit::BadData, text);
    }
    let Some(encoding) = encodings.first().copied() else {
        return;
    };
    slashes(&probe, &request, encoding, findings).await;
    standalone(&probe, &mut request, encoding, config, findings).await;
    rules(&probe, encoding, findings).await;
}

/// Preflight as a sync sends it. `None` ends the examination; the answer's body is there when it was in JSON.
async fn preflight(
    probe: &mut Probe<'_>,
    request: &PreflightRequest,
    findings: &mut Findings,
) -> Option<Option<Vec<u8>>> {
    const CHECK: &str = "preflight";
    let connection = probe.connection;
    let url = connection.address.url(Endpoint::Preflight);
    let own = || Sent {
        content_type: connection.form.content_type(),
        content_encoding: connection.encoding.header(),
        body: connection.encoding.pack(connection.form.write(request)),
    };
    let mut heard = probe.send(&url, Some(own())).await;
    if let Ok(first) = &heard {
        let is_wanted = first.status == 403;
        token(probe, is_wanted, findings).await;
        if is_wanted && probe.token.is_some() {
            heard = probe.send(&url, Some(own())).await;
        }
    }
    match heard {
        Err(error) => {
            findings.add(
                CHECK,
                Level::Fault,
                Exit::Offline,
                format!("{error}: {}", advice(&error)),
            );
            None
        }
        Ok(heard) if heard.status == 200 => {
            if heard.body.is_none() {
                findings.add(
                    CHECK,
                    Level::Fault,
                    Exit::BadData,
                    "the answer cannot be unpacked, or is larger than 64 MiB",
                );
            } else {
                findings.good(CHECK, "the server takes this machine's preflight");
            }
            Some(heard.body.filter(|_| connection.form == Form::Json))
        }
        Ok(heard) => {
            findings.fault(CHECK, refusal(heard.status, heard.location.as_deref()));
            // In another encoding it may be taken.
            (!matches!(heard.status, 301..=308 | 401 | 403 | 404 | 405)).then_some(None)
        }
    }
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

/// Which encodings the server takes, the configured one first.
async fn encodings(
    probe: &Probe<'_>,
    request: &PreflightRequest,
    findings: &mut Findings,
) -> Vec<Encoding> {
    const CHECK: &str = "encodings";
    let url = probe.connection.address.url(Endpoint::Preflight);
    let message = Form::Json.write(request);
    let configured = probe.connection.encoding;
    let takes = async |sent: Sent<'_>| {
        let heard = probe.send(&url, Some(sent)).await;
        heard.is_ok_and(|heard| heard.status == 200)
    };
    let mut taken = Vec::new();
    for encoding in [
        Encoding::Deflate,
        Encoding::Gzip,
        Encoding::Plain,
        Encoding::Zlib,
    ] {
        if takes(Sent::json(message.clone(), encoding)).await {
            taken.push(encoding);
        }
    }
    let raw = Sent {
        content_type: "application/json",
        content_encoding: Some("deflate"),
        body: raw_deflate(message),
    };
    let takes_raw = takes(raw).await;
    let names: Vec<&str> = taken.iter().map(|one| setting(*one)).collect();
    let mut list = names.join(", ");
    if takes_raw {
        list += "; it also reads deflate without zlib's frame, which Santa does not send";
    }
    match (taken.contains(&configured), names.first()) {
        (true, _) => findings.good(CHECK, format!("the server takes {list}")),
        (false, Some(name)) => findings.fault(
            CHECK,
            format!("the server does not take {}, but {list}: set SyncClientContentEncoding = \"{name}\"", setting(configured)),
        ),
        (false, None) => findings.fault(CHECK, "the server takes no JSON in any encoding"),
    }
    taken.sort_by_key(|encoding| *encoding != configured);
    taken
}

const fn setting(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Deflate => "deflate",
        Encoding::Gzip => "gzip",
        Encoding::Plain => "none",
        Encoding::Zlib => "zlib",
    }
}

/// Whether the server takes protobuf, and whether that fits the configuration.
async fn form(probe: &Probe<'_>, request: &PreflightRequest, findings: &mut Findings) {
    let encoding = probe.connection.encoding;
    let sent = Sent {
        content_type: Form::Protobuf.content_type(),
        content_encoding: encoding.header(),
        body: encoding.pack(Form::Protobuf.write(request)),
    };
    let url = probe.connection.address.url(Endpoint::Preflight);
    let body = match probe.send(&url, Some(sent)).await {
        Ok(heard) if heard.status == 200 => heard.body,
        _ => None,
    };
    let is_taken = body.is_some_and(|body| {
        body.first() != Some(&b'{') && Form::Protobuf.read::<PreflightResponse>(&body).is_ok()
    });
    match (is_taken, probe.connection.form) {
        (true, _) => findings.good("form", "the server takes protobuf"),
        (false, Form::Json) => findings.good("form", "the server takes no protobuf; JSON is used"),
        (false, Form::Protobuf) => findings.fault(
            "form",
            "the server takes no protobuf: set SyncEnableProtoTransfer = false",
        ),
    }
}

/// A client that joins URLs carelessly sends two slashes; this one does not.
async fn slashes(
    probe: &Probe<'_>,
    request: &PreflightRequest,
    encoding: Encoding,
    findings: &mut Findings,
) {
    let url = probe.connection.address.url(Endpoint::Preflight);
    let doubled = url.replace("/preflight/", "//preflight/");
    let sent = Sent::json(Form::Json.write(request), encoding);
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
    encoding: Encoding,
    config: &Config,
    findings: &mut Findings,
) {
    const CHECK: &str = "STANDALONE";
    let url = probe.connection.address.url(Endpoint::Preflight);
    let own = request.client_mode.replace(ClientMode::Standalone);
    let heard = probe
        .send(&url, Some(Sent::json(Form::Json.write(request), encoding)))
        .await;
    request.client_mode = own;
    let again = probe
        .send(&url, Some(Sent::json(Form::Json.write(request), encoding)))
        .await;
    match heard {
        Ok(heard) if heard.status == 200 => findings.good(CHECK, "the server takes the mode STANDALONE"),
        Ok(heard) if config.allows_standalone => findings.fault(
            CHECK,
            format!("the server refuses the mode STANDALONE ({}): set selvedge.allow_standalone = false", heard.status),
        ),
        Ok(heard) => findings.good(
            CHECK,
            format!("the server refuses the mode STANDALONE ({}), which is not told here: LOCKDOWN takes its place", heard.status),
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

/// The first page of rules.
async fn rules(probe: &Probe<'_>, encoding: Encoding, findings: &mut Findings) {
    const CHECK: &str = "rules";
    let request = RuleDownloadRequest {
        machine_id: probe.connection.address.machine().into(),
        ..RuleDownloadRequest::default()
    };
    let url = probe.connection.address.url(Endpoint::RuleDownload);
    let sent = Sent::json(Form::Json.write(&request), encoding);
    let heard = match probe.send(&url, Some(sent)).await {
        Ok(heard) => heard,
        Err(error) => return findings.fault(CHECK, error.to_string()),
    };
    match (heard.status, &heard.body) {
        (200, Some(body)) => {
            let (said, count) = answers::rules(body);
            if said.is_empty() {
                findings.good(CHECK, format!("rules on the first page: {count}"));
            }
            for (level, text) in said {
                findings.add(CHECK, level, Exit::BadData, text);
            }
        }
        (200, None) => findings.add(
            CHECK,
            Level::Fault,
            Exit::BadData,
            "the answer cannot be unpacked, or is larger than 64 MiB",
        ),
        (status, _) => findings.fault(
            CHECK,
            format!("ruledownload is answered with status {status}: ask the server's operator"),
        ),
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
