//! The checks that need the server, one after the other.

use selvedge_core::host::Clock as _;
use selvedge_core::http::{FetchError, FetchErrorKind};
use selvedge_core::santa::wire::{
    ClientMode, Form, PreflightRequest, PreflightResponse, RuleDownloadRequest,
};
use selvedge_core::santa::{Connection, Encoding, Endpoint, RuleCounts, RuleStore as _, RulesHash};

use super::probe::{Heard, Probe, Sent, raw_deflate};
use super::{Findings, Level, answers, certificate};
use crate::exit::Exit;
use crate::host::SystemClock;
use crate::santa::config::Config;
use crate::santa::facts::Facts;
use crate::santa::store::SantaStore;
use crate::santa::{fetch, http_date};

/// Clocks that differ by more make tokens, signatures and certificates invalid.
const SKEW_SECONDS: u64 = 300;

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

/// Whether the server's name leads anywhere; behind a proxy that is the proxy's affair.
async fn name(config: &Config, connection: &Connection, findings: &mut Findings) -> bool {
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
async fn reach(probe: &Probe<'_>, config: &Config, findings: &mut Findings) -> bool {
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
        certificate::examine("TLS", der, now, findings);
    }
    if let Some(leaf) = config.identity.as_ref().and_then(|one| one.chain().first()) {
        certificate::examine("client TLS", leaf, now, findings);
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
fn advice(error: &FetchError) -> &'static str {
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

/// What a preflight of a sync tells.
async fn request(
    config: &Config,
    connection: &Connection,
    facts: &Facts,
    store: Option<&SantaStore>,
) -> PreflightRequest {
    let machine = config.machine(connection.address.machine(), facts);
    let (counts, rules_hash) = match store {
        Some(store) => known(&store.clone().with_configured(&config.static_rules)).await,
        None => (RuleCounts::default(), RulesHash::default().finish()),
    };
    PreflightRequest {
        serial_number: machine.serial_number,
        hostname: machine.hostname,
        os_version: machine.os_version,
        os_build: machine.os_build,
        model_identifier: machine.model_identifier,
        santa_version: machine.santa_version,
        primary_user: machine.primary_user,
        primary_user_groups: machine.primary_user_groups,
        client_mode: Some(match machine.client_mode {
            Some(ClientMode::Lockdown | ClientMode::Standalone) => ClientMode::Lockdown,
            _ => ClientMode::Monitor,
        }),
        binary_rule_count: counts.binary,
        certificate_rule_count: counts.certificate,
        compiler_rule_count: counts.compiler,
        transitive_rule_count: counts.transitive,
        teamid_rule_count: counts.teamid,
        signingid_rule_count: counts.signingid,
        cdhash_rule_count: counts.cdhash,
        machine_id: connection.address.machine().into(),
        rules_hash,
        ..PreflightRequest::default()
    }
}

/// The counts and the hash of a store's rules. A store that cannot be read is told of by every other command.
async fn known(store: &SantaStore) -> (RuleCounts, String) {
    let mut hash = RulesHash::default();
    let mut after = None;
    while let Ok(page) = store.rules(after.as_ref(), 500).await {
        page.iter().for_each(|rule| hash.add(rule));
        match page.into_iter().last() {
            Some(rule) => after = Some(rule.key),
            None => break,
        }
    }
    (store.counts().await.unwrap_or_default(), hash.finish())
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
    if matches!(&heard, Ok(heard) if heard.status == 403) {
        let asked = probe
            .ask_for_token(&connection.address.url(Endpoint::Xsrf))
            .await;
        match asked {
            Ok((200, true)) => findings.good("XSRF", "the server gives a token against forged requests"),
            Ok((200, false)) => findings.warning("XSRF", "the server answers xsrf without the header X-XSRF-TOKEN"),
            Ok((status, _)) => findings.warning(
                "XSRF",
                format!("the server refuses with 403 and gives no token (xsrf: {status}): it does not want this machine; check the id, the extra headers and the client certificate"),
            ),
            Err(error) => findings.warning("XSRF", format!("xsrf: {error}")),
        }
        if probe.token.is_some() {
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
            findings.fault(CHECK, refusal(&heard));
            // In another encoding it may be taken.
            (!matches!(heard.status, 301..=308 | 401 | 403 | 404 | 405)).then_some(None)
        }
    }
}

/// What a status other than 200 means.
fn refusal(heard: &Heard) -> String {
    let status = heard.status;
    match (status, &heard.location) {
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
                findings.good(CHECK, format!("the first page has {count} rules"));
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
