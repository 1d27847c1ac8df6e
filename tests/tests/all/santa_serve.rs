//! Tests the server over HTTP: encodings and formats, consistent pages while the configuration changes, tokens, errors,
//! the event log, and compatibility with moroz's configuration.
#![allow(
    clippy::unwrap_used,
    reason = "the whole file is test code, including helpers that clippy does not recognize"
)]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use selvedge_santa::wire::{
    EventUploadRequest, EventUploadResponse, Form, PreflightRequest, PreflightResponse,
    RuleDownloadRequest, RuleDownloadResponse, SyncType,
};
use selvedge_santa::{Encoding, Status};
use selvedge_santa_host::serve::{
    Agreement, Running, ServeConfig, ServeError, Source, XsrfOptions, start,
};
use selvedge_tests::{Moroz, SantaMachine};
use serde_json::Value;
use tempfile::TempDir;

/// An HTTP response.
struct HttpResponse {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl HttpResponse {
    fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        let (_, value) = fields.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    fn error(&self) -> String {
        let json: Value = serde_json::from_slice(&self.body).unwrap();
        json["error"].as_str().unwrap().to_owned()
    }
}

/// Sends a raw HTTP request.
fn send(to: SocketAddr, line: &str, headers: &str, body: &[u8]) -> HttpResponse {
    let mut stream = TcpStream::connect(to).unwrap();
    let timeout = Some(Duration::from_secs(60));
    stream.set_read_timeout(timeout).unwrap();
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    HttpResponse {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head,
        body: bytes[end + 4..].to_vec(),
    }
}

const JSON: &str = "Content-Type: application/json\r\n";

fn post(to: &Running, path: &str, headers: &str, body: &[u8]) -> HttpResponse {
    send(to.address(), &format!("POST {path}"), headers, body)
}

/// `count` rules for files whose SHA-256 begins with `first`.
fn rules(first: char, count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        write!(text, "[[rules]]\nidentifier = \"{first}{number:063x}\"\n").unwrap();
    }
    text
}

struct TestServer {
    dir: TempDir,
    server: Running,
}

impl TestServer {
    async fn new(toml: &str, change: impl FnOnce(&mut ServeConfig)) -> Self {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("rules.toml"), toml).unwrap();
        let mut config = ServeConfig::new(Source::Path(dir.path().join("rules.toml")));
        config.page_size = 10;
        config.event_log = Some(dir.path().join("events.jsonl"));
        change(&mut config);
        let server = start(config).await.unwrap();
        Self { dir, server }
    }

    fn machine(&self, id: &str) -> SantaMachine {
        SantaMachine {
            store: self.dir.path().join(id),
            url: self.server.url(),
            id: id.into(),
            killed: None,
        }
    }

    fn page(&self, cursor: &str) -> HttpResponse {
        let request = RuleDownloadRequest {
            cursor: cursor.into(),
            machine_id: "M".into(),
        };
        post(
            &self.server,
            "/v1/santa/ruledownload/M",
            JSON,
            &Form::Json.write(&request),
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_encodings_and_formats_are_accepted_under_both_paths() {
    let test = TestServer::new("batch_size = 7\n", |_| {}).await;
    let request = PreflightRequest {
        request_clean_sync: true,
        ..PreflightRequest::default()
    };
    for path in ["/v1/santa/preflight/M", "/preflight/M"] {
        for form in [Form::Json, Form::Protobuf] {
            for encoding in [
                Encoding::Deflate,
                Encoding::Zlib,
                Encoding::Gzip,
                Encoding::Plain,
            ] {
                let mut headers = format!("Content-Type: {}\r\n", form.content_type());
                if let Some(name) = encoding.header() {
                    write!(headers, "Content-Encoding: {name}\r\n").unwrap();
                }
                let body = encoding.pack(form.write(&request));
                let answer = post(&test.server, path, &headers, &body);
                assert_eq!(answer.status, 200, "{form:?} {encoding:?}");
                assert_eq!(answer.header("content-type"), Some(form.content_type()));
                let message: PreflightResponse = form.read(&answer.body).unwrap();
                assert_eq!(message.batch_size, Some(7));
                assert_eq!(message.sync_type, Some(SyncType::Clean));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_requests_are_refused_with_a_message() {
    let test = TestServer::new("", |_| {}).await;
    let large = Encoding::Gzip.pack(vec![b' '; 33 << 20]);
    let long = format!("/preflight/{}", "x".repeat(300));
    let rows: &[(&str, &str, &[u8], u16)] = &[
        ("POST /preflight/M", JSON, b"[", 400),
        (
            "POST /preflight/M",
            JSON,
            br#"{"binary_rule_count":"x"}"#,
            400,
        ),
        (
            "POST /preflight/M",
            "Content-Type: text/html\r\n",
            b"{}",
            415,
        ),
        (
            "POST /preflight/M",
            "Content-Type: application/json\r\nContent-Encoding: br\r\n",
            b"{}",
            415,
        ),
        (
            "POST /preflight/M",
            "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
            b"{}",
            400,
        ),
        (
            "POST /preflight/M",
            "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
            &large,
            413,
        ),
        ("POST /preflight/%00", JSON, b"{}", 400),
        ("POST /preflight/%FF", JSON, b"{}", 400),
        (&format!("POST {long}"), JSON, b"{}", 400),
        ("POST /logupload/M", JSON, b"{}", 404),
        ("POST /xsrf/M", "", b"", 404),
        ("POST /v1/santa/preflight/M/", JSON, b"{}", 404),
        ("GET /v1/santa/preflight/M", "", b"", 405),
        ("POST /ruledownload/M", JSON, br#"{"cursor":"x"}"#, 410),
        (
            "POST /ruledownload/M",
            JSON,
            br#"{"cursor":"0123456789abcdef-1"}"#,
            410,
        ),
        ("POST /ruledownload/M", JSON, br#"{"cursor":{"a":1}}"#, 400),
    ];
    for (line, headers, body, status) in rows {
        let answer = send(test.server.address(), line, headers, body);
        assert_eq!(answer.status, *status, "{line:.40} {headers}");
        assert!(answer.error().contains(' '), "{line:.40}");
    }
    // Invalid requests do not add machines to the status.
    assert_eq!(test.server.state().status().machine_count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_is_consistent_while_the_rules_change() {
    let test = TestServer::new(&rules('a', 25), |_| {}).await;
    let read = |answer: HttpResponse| -> RuleDownloadResponse {
        assert_eq!(answer.status, 200);
        Form::Json.read(&answer.body).unwrap()
    };
    let mut page = read(test.page(""));
    let mut downloaded = page.rules.clone();
    std::fs::write(test.dir.path().join("rules.toml"), rules('b', 5)).unwrap();
    // Another machine has already received the change.
    let fresh = read(test.page(""));
    assert_eq!((fresh.rules.len(), fresh.cursor.as_str()), (5, ""));
    while !page.cursor.is_empty() {
        page = read(test.page(&page.cursor));
        downloaded.extend(page.rules.clone());
    }
    assert_eq!(downloaded.len(), 25);
    assert!(
        downloaded
            .iter()
            .all(|rule| rule.identifier.starts_with('a'))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_uploads_do_not_block_other_requests() {
    let test = TestServer::new("", |_| {}).await;
    let mut slow = Vec::new();
    // More than the maximum number of concurrent decompressions, each with the maximum size.
    for _ in 0..80 {
        let mut stream = TcpStream::connect(test.server.address()).unwrap();
        let head = format!(
            "POST /preflight/slow HTTP/1.1\r\nHost: x\r\n{JSON}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
            8 << 20
        );
        stream.write_all(head.as_bytes()).unwrap();
        // The server sends 100 Continue when it starts to read the body.
        let mut answer = [0; 25];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"{").unwrap();
        slow.push(stream);
    }
    let body = Form::Json.write(&PreflightRequest::default());
    let answer = post(&test.server, "/preflight/M", JSON, &body);
    assert_eq!(answer.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_valid_in_the_configured_header_until_it_expires() {
    let named = XsrfOptions {
        header: Some("X-Client-Xsrf".into()),
        ..XsrfOptions::default()
    };
    let test = TestServer::new("", |config| config.xsrf = Some(named)).await;
    let path = "/v1/santa/preflight/M";
    assert_eq!(post(&test.server, path, JSON, b"{}").status, 403);
    let given = post(&test.server, "/v1/santa/xsrf/M", "", b"");
    assert_eq!(given.header("x-xsrf-token-header"), Some("X-Client-Xsrf"));
    let token = given.header("x-xsrf-token").unwrap();
    for (header, status) in [("X-Client-Xsrf", 200), ("X-XSRF-TOKEN", 403)] {
        let headers = format!("{JSON}{header}: {token}\r\n");
        assert_eq!(post(&test.server, path, &headers, b"{}").status, status);
    }
    let machine = test.machine("M");
    assert_eq!(machine.sync().await.status(), Status::Success);
    let life = Duration::ZERO;
    let expired = |config: &mut ServeConfig| config.xsrf = Some(XsrfOptions { header: None, life });
    let test = TestServer::new("", expired).await;
    assert_eq!(test.machine("M").sync().await.status(), Status::Preflight);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_logged_before_the_response_and_bundles_are_requested() {
    let test = TestServer::new("enable_bundles = true\n", |_| {}).await;
    let text = r#"{"events":[{"file_sha256":"ab","decision":"BLOCK_BINARY","execution_time":1.5,"file_bundle_hash":"cd"}]}"#;
    let request: EventUploadRequest = serde_json::from_str(text).unwrap();
    for _ in 0..2 {
        let path = "/v1/santa/eventupload/M";
        let answer = post(&test.server, path, JSON, &Form::Json.write(&request));
        let answer: EventUploadResponse = Form::Json.read(&answer.body).unwrap();
        assert_eq!(answer.event_upload_bundle_binaries, ["cd"]);
        let log = std::fs::read_to_string(test.dir.path().join("events.jsonl")).unwrap();
        let line: Value = serde_json::from_str(log.trim_end()).unwrap();
        assert_eq!(line["machine_id"], "M");
        assert_eq!(line["execution"]["file_sha256"], "ab");
    }
    let status = test.server.state().status();
    assert_eq!((status.events, status.repeated_events), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_shows_which_machines_have_the_configured_rules() {
    let test = TestServer::new(&rules('a', 25), |_| {}).await;
    for id in ["current", "behind"] {
        let report = test.machine(id).sync().await;
        assert_eq!(report.status(), Status::Success, "{report:?}");
    }
    std::fs::write(test.dir.path().join("rules.toml"), rules('a', 26)).unwrap();
    test.machine("current").sync().await;
    let shown = send(test.server.address(), "GET /", "", b"");
    let shown: Value = serde_json::from_slice(&shown.body).unwrap();
    assert_eq!(shown["machine_count"], 2);
    assert_eq!(shown["rules"]["rules"], 26);
    assert_eq!(shown["machines"]["current"]["agreement"], "agrees");
    assert_eq!(shown["machines"]["current"]["rules_received"], 26);
    assert_eq!(shown["machines"]["behind"]["agreement"], "behind");
    // A rule that is removed from the file remains on the machine, and the status shows this.
    std::fs::write(test.dir.path().join("rules.toml"), rules('a', 3)).unwrap();
    test.machine("current").sync().await;
    let status = test.server.state().status();
    assert_eq!(status.machines["current"].agreement, Agreement::Differs);
    assert_eq!(status.agreement[&Agreement::Behind], 1);
    std::fs::write(
        test.dir.path().join("rules.toml"),
        format!("clean_sync = true\n{}", rules('a', 3)),
    )
    .unwrap();
    test.machine("current").sync().await;
    let status = test.server.state().status();
    assert_eq!(status.machines["current"].agreement, Agreement::Agrees);
    test.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_has_the_same_effect_with_moroz() {
    let rows = "client_mode = \"LOCKDOWN\"\nbatch_size = 3\nfull_sync_interval = 900\n\
                blocked_path_regex = \"^/tmp/.*\"\nenable_bundles = true\n\
                [[rules]]\nrule_type = \"TEAMID\"\npolicy = \"ALLOWLIST\"\nidentifier = \"EQHXZ8M8AV\"\ncustom_msg = \"yes\"\n";
    let toml = format!("{rows}{}", rules('a', 30));
    let Some(moroz) = Moroz::start(&toml) else {
        return;
    };
    let test = TestServer::new(&toml, |_| {}).await;
    let ours = test.machine("M");
    let theirs = SantaMachine {
        store: test.dir.path().join("theirs"),
        url: moroz.url(),
        ..ours.clone()
    };
    let mut settings = Vec::new();
    for machine in [&ours, &theirs] {
        let report = machine.sync().await;
        assert_eq!(report.status(), Status::Success, "{report:?}");
        let state = selvedge_santa::SyncState::load(&machine.open()).await;
        settings.push(state.unwrap().settings);
    }
    assert_eq!(ours.rules().await, theirs.rules().await);
    let [ours, theirs] = &settings[..] else {
        panic!("{settings:?}");
    };
    assert_eq!(ours.client_mode, theirs.client_mode);
    assert_eq!(ours.blocked_path_regex, theirs.blocked_path_regex);
    assert_eq!(ours.allowed_path_regex, theirs.allowed_path_regex);
    assert_eq!(ours.enable_bundles, theirs.enable_bundles);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_invalid_options_does_not_start() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("rules.toml");
    let config = |path: &Path| ServeConfig::new(Source::Path(path.to_owned()));
    assert!(matches!(
        start(config(&path)).await,
        Err(ServeError::Configuration(_))
    ));
    std::fs::write(&path, "client_mode = \"WAT\"").unwrap();
    let error = start(config(&path)).await.unwrap_err().to_string();
    assert!(
        error.contains("rules.toml:1: error: client_mode must be one of"),
        "{error}"
    );
    std::fs::write(&path, "").unwrap();
    let open = ServeConfig {
        listen: SocketAddr::from(([0, 0, 0, 0], 0)),
        ..config(&path)
    };
    assert!(matches!(start(open).await, Err(ServeError::Unprotected(_))));
    let header = XsrfOptions {
        header: Some("Content-Length".into()),
        ..XsrfOptions::default()
    };
    let taken = ServeConfig {
        xsrf: Some(header),
        ..config(&path)
    };
    assert!(matches!(start(taken).await, Err(ServeError::Header(_))));
}
