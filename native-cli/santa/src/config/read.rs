//! Parses all keys of a configuration.

use std::path::Path;

use selvedge_santa::wire::{ClientMode, Form};
use selvedge_santa::{Encoding, ExtraHeaders, Settings};
use toml::{Table, Value};
use zeroize::Zeroizing;

use super::fault::Fault;
use super::keys::{Keys, Problem};
use super::model::Config;
use super::{proxy, push, secret_file, static_rules, trust};
use crate::dotted_version::is_dotted;

/// The version of Santa whose protocol this client implements. Servers send fields according to it.
const SANTA_VERSION: &str = "2026.5.0";

/// The default variation of the sync interval, so that machines that started together do not sync together.
const SPREAD_PERCENT: u32 = 10;

/// The default maximum of the total size of logs: 32 MiB.
const LOG_BYTES: u32 = 32 << 20;

/// Warnings and secrets found while a configuration is parsed.
#[derive(Default)]
struct Notes {
    warnings: Vec<String>,
    /// Keys whose values are secrets.
    secrets: Vec<&'static str>,
}

/// Settings of `[selvedge]` that other keys need.
#[derive(Default)]
struct Own {
    client_key_file: Option<std::path::PathBuf>,
    client_password_file: Option<std::path::PathBuf>,
    headers_file: Option<std::path::PathBuf>,
}

pub(super) fn config(path: &Path, table: &Table, is_world_readable: bool) -> Result<Config, Fault> {
    let mut notes = Notes::default();
    let mut keys = Keys::new(table, "");
    let mut config = empty(path);
    let empty_table = Table::new();
    let own = selvedge(
        keys.table("selvedge")?.unwrap_or(&empty_table),
        &mut config,
        &mut notes,
    )?;

    config.base_url = keys.text("SyncBaseURL")?;
    if let Some(id) = keys.text("MachineID")? {
        config.machine_id = Some(id);
    }
    config.owner = keys.text("MachineOwner")?.unwrap_or_default();
    config.owner_groups = keys.texts("MachineOwnerGroups")?.unwrap_or_default();
    config.own = settings(&mut keys)?;
    config.form = match keys.boolean("SyncEnableProtoTransfer")? {
        Some(true) => Form::Protobuf,
        _ => Form::Json,
    };
    let encoding = keys.text("SyncClientContentEncoding")?;
    config.encoding = Encoding::from_setting(encoding.as_deref().unwrap_or_default());
    config.uploads_on_clean = keys
        .boolean("SyncEnableCleanSyncEventUpload")?
        .unwrap_or(true);
    headers(&mut keys, &own, &mut config, &mut notes)?;
    if let Some(table) = keys.table("SyncProxyConfiguration")? {
        config.proxy = proxy::read(table, &mut notes.warnings)?;
        if config
            .proxy
            .as_ref()
            .is_some_and(proxy::ProxySettings::has_password)
        {
            notes.secrets.push("SyncProxyConfiguration");
        }
    }
    tls(&mut keys, &own, &mut config, &mut notes)?;
    config.static_rules = static_rules::read(keys.value("StaticRules"), &mut notes.warnings)?;
    let is_on = keys.boolean("EnablePushNotifications")?;
    config.push_enabled = is_on.or(keys.boolean("EnableNATS")?).unwrap_or(true);
    config.allowed_commands = keys.texts("AllowedSantaCommands")?;
    unused_fcm(&mut keys, &mut notes)?;
    if let Some(nats) = &mut config.nats
        && nats.roots.is_none()
    {
        nats.roots.clone_from(&config.roots);
    }
    notes.warnings.extend(keys.unknown());

    if let Some(key) = notes.secrets.first().filter(|_| is_world_readable) {
        return Err(Fault::Table(format!(
            "all users of this machine can read this file, and {key} contains a secret: run `chmod o= {}`",
            path.display()
        )));
    }
    config.warnings = notes.warnings;
    Ok(config)
}

/// The defaults.
fn empty(path: &Path) -> Config {
    Config {
        path: path.to_owned(),
        warnings: Vec::new(),
        base_url: None,
        machine_id: None,
        owner: String::new(),
        owner_groups: Vec::new(),
        own: Settings::default(),
        form: Form::Json,
        encoding: Encoding::Deflate,
        extra_headers: ExtraHeaders::default(),
        proxy: None,
        uploads_on_clean: true,
        roots: None,
        identity: None,
        static_rules: Vec::new(),
        push_enabled: true,
        allowed_commands: None,
        nats: None,
        fcm: None,
        santa_version: SANTA_VERSION.into(),
        allows_standalone: false,
        socket: None,
        socket_group: None,
        agent_uid: None,
        user: None,
        spread_percent: SPREAD_PERCENT,
        max_rules: 1_000_000,
        log_files: Vec::new(),
        logs_to_any_host: false,
        max_log_bytes: LOG_BYTES as usize,
    }
}

/// Parses `[selvedge]`.
fn selvedge(table: &Table, config: &mut Config, notes: &mut Notes) -> Result<Own, Fault> {
    let mut keys = Keys::new(table, "selvedge.");
    config.socket = keys.path("socket")?;
    config.socket_group = keys.text("socket_group")?;
    config.agent_uid = keys.number("agent_uid", u32::MAX - 1)?;
    config.user = keys.text("user")?;
    let spread = keys.number("spread_percent", 50)?;
    config.spread_percent = spread.unwrap_or(config.spread_percent);
    let max_rules = keys.number("most_rules", u32::MAX)?;
    config.max_rules = max_rules.map_or(config.max_rules, |max| max as usize);
    config.allows_standalone = keys.boolean("allow_standalone")?.unwrap_or(false);
    if let Some(version) = keys.text("santa_version")? {
        if !is_dotted(&version) {
            return Err(Fault::Table(
                "selvedge.santa_version must consist of integers with dots, like 2026.5.0".into(),
            ));
        }
        config.santa_version = version;
    }
    let files = keys.texts("log_files")?.unwrap_or_default();
    if files.iter().any(|path| !Path::new(path).is_absolute()) {
        return Err(Fault::Table(
            "selvedge.log_files must be absolute paths".into(),
        ));
    }
    config.log_files = files.into_iter().map(Into::into).collect();
    config.logs_to_any_host = keys.boolean("logs_to_any_host")?.unwrap_or(false);
    let max_bytes = keys.number("log_bytes", 1 << 30)?;
    config.max_log_bytes = max_bytes.map_or(config.max_log_bytes, |max| max as usize);
    let id_file = keys.path("machine_id_file")?;
    let id_key = keys.text("machine_id_key")?;
    if let Some(path) = id_file {
        config.machine_id = crate::id_file::read(&path, id_key.as_deref())?;
    }
    let own = Own {
        client_key_file: keys.path("client_key_file")?,
        client_password_file: keys.path("client_password_file")?,
        headers_file: keys.path("headers_file")?,
    };
    if let Some(table) = keys.table("push")? {
        config.nats = push::nats(table, &mut notes.warnings)?;
    }
    if let Some(table) = keys.table("fcm")? {
        config.fcm = push::fcm(table, &mut notes.warnings)?;
    }
    notes.warnings.extend(keys.unknown());
    Ok(own)
}

/// Parses the settings that apply unless the server sets them.
fn settings(keys: &mut Keys<'_>) -> Result<Settings, Problem> {
    let mode = match keys.value("ClientMode") {
        None => None,
        Some(Value::Integer(number)) => i32::try_from(*number).ok().and_then(mode_of),
        Some(Value::String(name)) => ClientMode::from_name(name),
        Some(_) => None,
    };
    if keys.value("ClientMode").is_some() && mode.is_none() {
        return Err("ClientMode must be MONITOR, LOCKDOWN or STANDALONE, or 1, 2 or 3".into());
    }
    Ok(Settings {
        client_mode: mode,
        enable_bundles: keys.boolean("EnableBundles")?,
        enable_transitive_rules: keys.boolean("EnableTransitiveRules")?,
        enable_all_event_upload: keys.boolean("EnableAllEventUpload")?,
        disable_unknown_event_upload: keys.boolean("DisableUnknownEventUpload")?,
        allowed_path_regex: keys.text("AllowedPathRegex")?,
        blocked_path_regex: keys.text("BlockedPathRegex")?,
        event_detail_url: keys.text("EventDetailURL")?,
        event_detail_text: keys.text("EventDetailText")?,
        ..Settings::default()
    })
}

const fn mode_of(number: i32) -> Option<ClientMode> {
    match number {
        1 => Some(ClientMode::Monitor),
        2 => Some(ClientMode::Lockdown),
        3 => Some(ClientMode::Standalone),
        _ => None,
    }
}

/// Reads a secret from a file. Adds a warning when the file is world-readable.
fn secret(path: &Path, notes: &mut Notes) -> Result<Zeroizing<String>, Fault> {
    let (text, is_exposed) = secret_file::read_line(path)?;
    exposed(path, is_exposed, notes);
    Ok(text)
}

fn exposed(path: &Path, is_exposed: bool, notes: &mut Notes) {
    if is_exposed {
        notes.warnings.push(push::exposed(path));
    }
}

/// Parses `SyncExtraHeaders` and `selvedge.headers_file`. Their values are often credentials, so all are treated as
/// secrets. Values that are not strings are ignored, as in Santa.
fn headers(
    keys: &mut Keys<'_>,
    own: &Own,
    config: &mut Config,
    notes: &mut Notes,
) -> Result<(), Fault> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    if let Some(table) = keys.table("SyncExtraHeaders")? {
        let texts = table
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        pairs.extend(texts);
        if !pairs.is_empty() {
            notes.secrets.push("SyncExtraHeaders");
        }
    }
    if let Some(path) = &own.headers_file {
        let file = secret_file::read(path)?;
        exposed(path, file.is_world_readable, notes);
        let lines = String::from_utf8_lossy(&file.bytes);
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let pair = line.split_once(':');
            let (name, value) = pair.ok_or_else(|| {
                Fault::Table("selvedge.headers_file must contain lines like `Name: value`".into())
            })?;
            pairs.push((name.trim().into(), value.trim().into()));
        }
    }
    config.extra_headers = ExtraHeaders::new(pairs);
    for name in config.extra_headers.dropped() {
        notes.warnings.push(format!(
            "the header {} of SyncExtraHeaders is not sent: its name is reserved or invalid",
            name.escape_debug()
        ));
    }
    Ok(())
}

/// Parses the trusted root certificates and the client certificate.
fn tls(
    keys: &mut Keys<'_>,
    own: &Own,
    config: &mut Config,
    notes: &mut Notes,
) -> Result<(), Fault> {
    let data = keys.text("ServerAuthRootsData")?;
    let file = keys.path("ServerAuthRootsFile")?;
    config.roots = match (file, data) {
        (Some(path), _) => {
            let file = secret_file::read(&path)?;
            let problem = |detail| format!("ServerAuthRootsFile ({}): {detail}", path.display());
            Some(trust::certificates(&file.bytes).map_err(problem)?)
        }
        (None, Some(pem)) => {
            let problem = |detail| format!("ServerAuthRootsData: {detail}");
            Some(trust::certificates(pem.as_bytes()).map_err(problem)?)
        }
        (None, None) => None,
    };
    let certificate = keys.path("ClientAuthCertificateFile")?;
    let mut password = keys
        .text("ClientAuthCertificatePassword")?
        .map(Zeroizing::new);
    if password.is_some() {
        notes.secrets.push("ClientAuthCertificatePassword");
    }
    for name in ["ClientAuthCertificateCN", "ClientAuthCertificateIssuerCN"] {
        if keys.text(name)?.is_some() && certificate.is_none() {
            return Err(Fault::Table(format!(
                "{name} searches a keychain, which is not supported: set ClientAuthCertificateFile"
            )));
        }
    }
    let Some(path) = certificate else {
        return Ok(());
    };
    if let Some(path) = &own.client_password_file {
        password = Some(secret(path, notes)?);
    }
    let password = password.as_ref().map_or("", |password| password.as_str());
    let (identity, is_exposed) = trust::identity(&path, own.client_key_file.as_deref(), password)?;
    exposed(
        own.client_key_file.as_ref().unwrap_or(&path),
        is_exposed,
        notes,
    );
    config.identity = Some(identity);
    Ok(())
}

/// Warns about settings of Firebase registration, which is not supported. `[selvedge.fcm]` replaces them.
fn unused_fcm(keys: &mut Keys<'_>, notes: &mut Notes) -> Result<(), Problem> {
    for name in ["FCMProject", "FCMEntity", "FCMAPIKey"] {
        if keys.text(name)?.is_some() {
            let warning = format!("the setting {name} is ignored: set selvedge.fcm.token_file");
            notes.warnings.push(warning);
        }
    }
    if keys.text("FCMAPIKey")?.is_some() {
        notes.secrets.push("FCMAPIKey");
    }
    Ok(())
}
