use std::path::Path;

use selvedge_host::exit::Result;
use selvedge_santa::wire::{ClientMode, Form};
use selvedge_santa::{BadAddress, Encoding};

use super::*;
use crate::host_info::HostInfo;

fn parse(text: &str) -> Result<Config> {
    Config::parse(Path::new("santa.toml"), text, false)
}

fn problem(text: &str, is_world_readable: bool) -> String {
    Config::parse(Path::new("santa.toml"), text, is_world_readable)
        .unwrap_err()
        .to_string()
}

#[test]
fn defaults_follow_the_protocol() {
    let config = parse("").unwrap();
    assert_eq!(
        (config.form, config.encoding),
        (Form::Json, Encoding::Deflate)
    );
    assert!(config.uploads_on_clean && config.push_enabled && !config.allows_standalone);
    assert_eq!(config.connection("M"), Err(BadAddress::Empty));
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn keys_of_santa_are_parsed() {
    let config = parse(
        r#"
        SyncBaseURL = "https://sync.example.net/v1/santa"
        MachineID = "M"
        MachineOwner = "alice"
        MachineOwnerGroups = ["eng"]
        ClientMode = 2
        EnableBundles = true
        AllowedPathRegex = "^/opt/"
        SyncEnableProtoTransfer = true
        SyncClientContentEncoding = "GZIP"
        SyncEnableCleanSyncEventUpload = false
        EnableNATS = false
        AllowedSantaCommands = ["ping"]
        [SyncExtraHeaders]
        Authorization = "Bearer a"
        Host = "x"
        Number = 5
        [[StaticRules]]
        identifier = "EQHXZ8M8AV"
        policy = "ALLOWLIST"
        rule_type = "TEAMID"
        [selvedge]
        agent_uid = 200
        spread_percent = 0
        allow_standalone = true
        santa_version = "2025.1"
        "#,
    )
    .unwrap();
    let connection = config.connection("M").unwrap();
    assert_eq!(
        (connection.form, connection.encoding),
        (Form::Protobuf, Encoding::Gzip)
    );
    assert_eq!(
        connection.extra_headers.iter().collect::<Vec<_>>(),
        [("Authorization", "Bearer a")]
    );
    assert_eq!(config.own.client_mode, Some(ClientMode::Lockdown));
    assert_eq!(
        (
            config.own.enable_bundles,
            config.own.allowed_path_regex.as_deref()
        ),
        (Some(true), Some("^/opt/"))
    );
    assert!(!config.uploads_on_clean && !config.push_enabled && config.allows_standalone);
    assert_eq!(config.static_rules.len(), 1);
    assert_eq!((config.agent_uid, config.spread_percent), (Some(200), 0));
    let machine = config.machine("M", &HostInfo::default());
    assert_eq!(
        (
            machine.serial_number.as_str(),
            machine.santa_version.as_str()
        ),
        ("M", "2025.1")
    );
    let reserved =
        "the header Host of SyncExtraHeaders is not sent: its name is reserved or invalid";
    assert_eq!(config.warnings, [reserved]);
}

#[test]
fn invalid_values_are_reported() {
    for (text, expected) in [
        ("SyncBaseURL", "invalid TOML in line 1"),
        ("SyncBaseURL = 5", "SyncBaseURL must be a string"),
        ("ClientMode = 'lockdown'", "ClientMode must be MONITOR"),
        ("ClientMode = 4", "ClientMode must be MONITOR"),
        (
            "ServerAuthRootsFile = 'roots.pem'",
            "ServerAuthRootsFile must be an absolute path",
        ),
        (
            "ServerAuthRootsData = 'nothing'",
            "ServerAuthRootsData: it contains no certificate",
        ),
        (
            "ClientAuthCertificateCN = 'x'",
            "set ClientAuthCertificateFile",
        ),
        (
            "[selvedge]\nsanta_version = '2026.beta'",
            "selvedge.santa_version must consist of",
        ),
        (
            "[selvedge]\nspread_percent = 51",
            "selvedge.spread_percent must be",
        ),
        (
            "[selvedge]\nlog_files = ['x.log']",
            "selvedge.log_files must be absolute",
        ),
        (
            "[selvedge.push]\nhmac_scheme = 'x'",
            "selvedge.push.hmac_scheme must be",
        ),
        ("StaticRules = 5", "StaticRules must be a list"),
    ] {
        let found = problem(text, false);
        assert!(found.contains(expected), "{text}: {found}");
    }
}

#[test]
fn a_world_readable_secret_is_refused() {
    for text in [
        "[SyncExtraHeaders]\nAuthorization = 'hunter2'",
        "ClientAuthCertificatePassword = 'hunter2'",
        "[SyncProxyConfiguration]\nHTTPSProxy = 'http://u:hunter2@p'",
        "FCMProject = 'p'\nFCMEntity = 'e'\nFCMAPIKey = 'hunter2'",
    ] {
        let found = problem(text, true);
        assert!(
            found.contains("all users of this machine can read this file"),
            "{found}"
        );
        assert!(!found.contains("hunter2"), "{found}");
        let shown = format!("{:?}", parse(text).unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    assert!(Config::parse(Path::new("santa.toml"), "MachineOwner = 'alice'", true).is_ok());
}

#[test]
fn the_error_of_invalid_toml_does_not_quote_the_line() {
    let found = problem("A = 1\nClientAuthCertificatePassword = 'hunter2", false);
    assert!(
        found.contains("line 2") && !found.contains("hunter2"),
        "{found}"
    );
}

#[test]
fn unknown_keys_are_reported_in_every_table() {
    let config = parse(
        "SyncBaseUrl = 'https://x'\n[selvedge]\nspread = 1\n[selvedge.push]\nserver = 'nats://x'\nsubject = ['a']",
    )
    .unwrap();
    assert_eq!(config.warnings.len(), 3, "{:?}", config.warnings);
    assert!(
        config
            .warnings
            .iter()
            .any(|text| text.contains("did you mean SyncBaseURL?"))
    );
    assert!(
        config
            .warnings
            .iter()
            .any(|text| text.contains("did you mean selvedge.push.subjects?"))
    );
}

#[test]
fn an_empty_base_url_counts_as_absent() {
    assert_eq!(parse("SyncBaseURL = ''").unwrap().base_url, None);
}

#[test]
fn the_key_of_commands_must_be_hexadecimal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let text = format!(
        "[selvedge.push]\nserver = 'nats://x'\nhmac_key_file = '{}'",
        path.display()
    );
    for (content, is_good) in [
        ("00112233445566778899aabbccddeeff\n", true),
        ("0011", false),
        ("xy", false),
        ("001", false),
    ] {
        std::fs::write(&path, content).unwrap();
        assert_eq!(parse(&text).is_ok(), is_good, "{content}");
    }
}
