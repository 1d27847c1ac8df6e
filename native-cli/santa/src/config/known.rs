//! Every setting of `santa.toml`: what the reader knows is what `selvedge santa config keys` and the help list.

use std::fmt::Write as _;

use serde::Serialize;

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The table that it is in, with a dot behind it; empty at the top.
    #[serde(skip)]
    pub(super) table: &'static str,
    /// Its name there.
    #[serde(skip)]
    pub(super) key: &'static str,
    /// What its value is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What holds without it; empty where nothing does.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

impl Setting {
    /// Its name with its table's, as messages say it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}{}", self.table, self.key)
    }
}

/// The settings of a table, whose prefix ends with a dot.
pub(super) fn of_table(prefix: &str) -> impl Iterator<Item = &'static Setting> {
    SETTINGS
        .iter()
        .filter(move |setting| setting.table == prefix)
}

const fn setting(
    table: &'static str,
    key: &'static str,
    kind: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting {
        table,
        key,
        kind,
        default,
        meaning,
    }
}

const TOP: &str = "";
const PROXY: &str = "SyncProxyConfiguration.";
const OWN: &str = "selvedge.";
const PUSH: &str = "selvedge.push.";
const FCM: &str = "selvedge.fcm.";

const TEXT: &str = "text";
const TEXTS: &str = "list of texts";
const SWITCH: &str = "true or false";
const FILE: &str = "absolute path of a file";
const TABLE: &str = "table";

/// All of them, by table.
pub const SETTINGS: &[Setting] = &[
    setting(
        TOP,
        "SyncBaseURL",
        TEXT,
        "",
        "URL of the server, https; http is for this machine itself alone. Without it there is no sync.",
    ),
    setting(
        TOP,
        "MachineID",
        TEXT,
        "derived from /etc/machine-id",
        "By what the server knows this machine.",
    ),
    setting(
        TOP,
        "MachineOwner",
        TEXT,
        "",
        "User of the machine, told to the server as primary_user.",
    ),
    setting(
        TOP,
        "MachineOwnerGroups",
        TEXTS,
        "",
        "Groups of that user, told to the server.",
    ),
    setting(
        TOP,
        "ClientMode",
        "MONITOR, LOCKDOWN or STANDALONE; or 1, 2 or 3",
        "MONITOR",
        "Mode while the server sets none.",
    ),
    setting(
        TOP,
        "EnableBundles",
        SWITCH,
        "false",
        "Hash bundles of blocked programs, while the server does not say.",
    ),
    setting(
        TOP,
        "EnableTransitiveRules",
        SWITCH,
        "false",
        "Let compilers' rules make rules, while the server does not say.",
    ),
    setting(
        TOP,
        "EnableAllEventUpload",
        SWITCH,
        "false",
        "Upload every decision, while the server does not say.",
    ),
    setting(
        TOP,
        "DisableUnknownEventUpload",
        SWITCH,
        "false",
        "Do not upload ALLOW_UNKNOWN, while the server does not say; EnableAllEventUpload wins.",
    ),
    setting(
        TOP,
        "AllowedPathRegex",
        "ICU regular expression",
        "",
        "Paths that may run, while the server sets no pattern.",
    ),
    setting(
        TOP,
        "BlockedPathRegex",
        "ICU regular expression",
        "",
        "Paths that may not run, while the server sets no pattern.",
    ),
    setting(
        TOP,
        "EventDetailURL",
        TEXT,
        "",
        "Where a user reads more of an event, while the server sets none.",
    ),
    setting(
        TOP,
        "EventDetailText",
        TEXT,
        "",
        "Label of the button that leads there, while the server sets none.",
    ),
    setting(
        TOP,
        "SyncEnableProtoTransfer",
        SWITCH,
        "false",
        "Send bodies as protobuf rather than JSON.",
    ),
    setting(
        TOP,
        "SyncClientContentEncoding",
        "deflate, gzip, none or zlib",
        "deflate",
        "Content encoding of request bodies.",
    ),
    setting(
        TOP,
        "SyncEnableCleanSyncEventUpload",
        SWITCH,
        "true",
        "Upload events on clean syncs too; with false they are deleted unsent there, as Santa does.",
    ),
    setting(
        TOP,
        "SyncExtraHeaders",
        "table of texts",
        "",
        "Headers of every request. Their values count as secrets: the file must not be readable for everybody.",
    ),
    setting(
        TOP,
        "SyncProxyConfiguration",
        TABLE,
        "",
        "Proxy on the way to the server; the environment's is not used.",
    ),
    setting(
        TOP,
        "ServerAuthRootsData",
        "certificates in PEM",
        "the system's",
        "The only roots that are trusted for the server.",
    ),
    setting(
        TOP,
        "ServerAuthRootsFile",
        FILE,
        "the system's",
        "File of the only roots that are trusted for the server; wins over ServerAuthRootsData.",
    ),
    setting(
        TOP,
        "ClientAuthCertificateFile",
        FILE,
        "",
        "Client certificate: PKCS#12, or PEM with its key in the same file or in selvedge.client_key_file.",
    ),
    setting(
        TOP,
        "ClientAuthCertificatePassword",
        TEXT,
        "",
        "Password of the PKCS#12 file; selvedge.client_password_file is the safer way.",
    ),
    setting(
        TOP,
        "ClientAuthCertificateCN",
        TEXT,
        "",
        "Not supported: it searches a keychain. Refused where ClientAuthCertificateFile is not set.",
    ),
    setting(
        TOP,
        "ClientAuthCertificateIssuerCN",
        TEXT,
        "",
        "Not supported: it searches a keychain. Refused where ClientAuthCertificateFile is not set.",
    ),
    setting(
        TOP,
        "StaticRules",
        "list of tables",
        "",
        "Rules of this machine, with the names of the protocol: identifier, rule_type, policy, custom_msg, custom_url, cel_expr. They are counted, and no server changes them.",
    ),
    setting(
        TOP,
        "EnablePushNotifications",
        SWITCH,
        "true",
        "Listen to push messages, if [selvedge.push] or [selvedge.fcm] is set.",
    ),
    setting(
        TOP,
        "EnableNATS",
        SWITCH,
        "true",
        "Older name of EnablePushNotifications.",
    ),
    setting(
        TOP,
        "AllowedSantaCommands",
        TEXTS,
        "all",
        "Commands that push messages may give: ping, kill, event_upload, binary_upload.",
    ),
    setting(
        TOP,
        "FCMProject",
        TEXT,
        "",
        "Does nothing here: set selvedge.fcm.token_file.",
    ),
    setting(
        TOP,
        "FCMEntity",
        TEXT,
        "",
        "Does nothing here: set selvedge.fcm.token_file.",
    ),
    setting(
        TOP,
        "FCMAPIKey",
        TEXT,
        "",
        "Does nothing here: set selvedge.fcm.token_file.",
    ),
    setting(
        TOP,
        "selvedge",
        TABLE,
        "",
        "Settings that Santa itself does not have.",
    ),
    setting(
        PROXY,
        "HTTPSProxy",
        "host, or http or https URL",
        "",
        "The proxy.",
    ),
    setting(
        PROXY,
        "HTTPSPort",
        "0 to 65535",
        "that of the URL",
        "Its port.",
    ),
    setting(
        PROXY,
        "HTTPSEnable",
        "true, false, 1 or 0",
        "true",
        "Whether it is used.",
    ),
    setting(
        PROXY,
        "ExceptionsList",
        TEXTS,
        "",
        "Hosts that are reached directly.",
    ),
    setting(
        PROXY,
        "HTTPProxy",
        TEXT,
        "",
        "Ignored: requests to other machines are https.",
    ),
    setting(PROXY, "HTTPPort", "number", "", "Ignored, as HTTPProxy is."),
    setting(PROXY, "HTTPEnable", SWITCH, "", "Ignored, as HTTPProxy is."),
    setting(
        OWN,
        "socket",
        "absolute path",
        "santa.sock in the profile's directory",
        "Socket of the daemon.",
    ),
    setting(
        OWN,
        "socket_group",
        "name of a group",
        "",
        "Group whose members may use the socket.",
    ),
    setting(
        OWN,
        "agent_uid",
        "user id",
        "",
        "User who may post events and stop the daemon, beside root.",
    ),
    setting(
        OWN,
        "user",
        "name of a user",
        "",
        "User that a daemon becomes when root starts it; it must not be root.",
    ),
    setting(
        OWN,
        "spread_percent",
        "0 to 50",
        "10",
        "By how many per cent the time between two syncs varies at random.",
    ),
    setting(
        OWN,
        "most_rules",
        "number",
        "1000000",
        "Maximum number of rules in one sync; with more, the sync fails and nothing changes.",
    ),
    setting(
        OWN,
        "allow_standalone",
        SWITCH,
        "false",
        "Take the mode STANDALONE; with false LOCKDOWN takes its paths. Not every server knows it.",
    ),
    setting(
        OWN,
        "santa_version",
        "numbers with dots",
        "2026.5.0",
        "Version of Santa that servers are told; they decide by it what they send.",
    ),
    setting(
        OWN,
        "log_files",
        "list of absolute paths",
        "",
        "Logs that a server may ask for.",
    ),
    setting(
        OWN,
        "logs_to_any_host",
        SWITCH,
        "false",
        "Let logs go to another host than the server's.",
    ),
    setting(
        OWN,
        "log_bytes",
        "0 to 1073741824",
        "33554432",
        "Maximum size of all logs together.",
    ),
    setting(
        OWN,
        "machine_id_file",
        FILE,
        "",
        "File that holds the machine's id; MachineID wins over it.",
    ),
    setting(
        OWN,
        "machine_id_key",
        TEXT,
        "",
        "Key in that file whose value is the id; without it, its first line is.",
    ),
    setting(
        OWN,
        "client_key_file",
        FILE,
        "",
        "Private key of ClientAuthCertificateFile, in PEM.",
    ),
    setting(
        OWN,
        "client_password_file",
        FILE,
        "",
        "File that holds the password of the PKCS#12 file.",
    ),
    setting(
        OWN,
        "headers_file",
        FILE,
        "",
        "More headers of every request, a line `Name: value` each.",
    ),
    setting(
        OWN,
        "push",
        TABLE,
        "",
        "A NATS server that tells this machine when to sync.",
    ),
    setting(
        OWN,
        "fcm",
        TABLE,
        "",
        "Push messages by Firebase Cloud Messaging, as of 2018.",
    ),
    setting(
        PUSH,
        "server",
        "URL, tls:// or nats://",
        "",
        "The NATS server; without it there is no push.",
    ),
    setting(
        PUSH,
        "credentials_file",
        FILE,
        "",
        "JWT and key of a NATS user.",
    ),
    setting(
        PUSH,
        "roots_file",
        FILE,
        "those of the sync server",
        "The only roots that are trusted for the NATS server.",
    ),
    setting(
        PUSH,
        "tls_first",
        SWITCH,
        "false",
        "Begin TLS before the server says anything.",
    ),
    setting(
        PUSH,
        "subjects",
        TEXTS,
        "",
        "Subjects to listen to: santa.tag.NAME and santa.host.NAME.",
    ),
    setting(
        PUSH,
        "device_id",
        TEXT,
        "",
        "Listen for commands on santa.host.DEVICE_ID.commands.",
    ),
    setting(
        PUSH,
        "hmac_key_file",
        FILE,
        "",
        "Key that signs commands, in hexadecimal digits; without it commands are refused.",
    ),
    setting(
        PUSH,
        "hmac_scheme",
        "message or parts",
        "message",
        "What the signatures are made of: the message without its signature, or its parts.",
    ),
    setting(
        FCM,
        "token_file",
        FILE,
        "",
        "Token that messages come for; without it there is no such push.",
    ),
    setting(
        FCM,
        "connect_url",
        "URL",
        "Google's",
        "Where messages come from.",
    ),
    setting(
        FCM,
        "ack_url",
        "URL",
        "Google's",
        "Where messages are acknowledged.",
    ),
];

/// All settings as text, a paragraph each.
#[must_use]
pub fn listing() -> String {
    let mut text = String::new();
    let mut table = TOP;
    for setting in SETTINGS {
        if setting.table != table {
            table = setting.table;
            // Writing to a string does not fail.
            let _ = writeln!(text, "\n[{}]", table.trim_end_matches('.'));
        }
        let default = match setting.default {
            "" => String::new(),
            default => format!("; default: {default}"),
        };
        let _ = writeln!(
            text,
            "{} ({}{default})\n    {}",
            setting.name(),
            setting.kind,
            setting.meaning
        );
    }
    text
}

/// What stands below the help of the daemon.
#[must_use]
pub fn help(example: &str) -> String {
    format!(
        "Example:\n  {example}\n\nSettings of santa.toml, which `selvedge santa config keys` lists too:\n\n{}",
        listing()
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use super::super::Config;
    use super::*;

    fn default_of(name: &str) -> &'static str {
        let found = SETTINGS.iter().find(|setting| setting.name() == name);
        found
            .unwrap_or_else(|| panic!("{name} is not listed"))
            .default
    }

    #[test]
    fn every_setting_is_listed_once_and_explained() {
        let mut names = HashSet::new();
        for setting in SETTINGS {
            assert!(names.insert(setting.name()), "{}", setting.name());
            assert!(
                !setting.kind.is_empty() && setting.meaning.ends_with('.'),
                "{setting:?}"
            );
        }
        let text = listing();
        for name in names {
            assert!(text.contains(&format!("{name} (")), "{name}");
        }
    }

    #[test]
    fn defaults_are_those_of_the_reader() {
        let config = Config::parse(Path::new("santa.toml"), "", false).unwrap();
        for (name, value) in [
            ("selvedge.santa_version", config.santa_version.clone()),
            ("selvedge.spread_percent", config.spread_percent.to_string()),
            ("selvedge.most_rules", config.most_rules.to_string()),
            ("selvedge.log_bytes", config.most_log_bytes.to_string()),
            (
                "selvedge.allow_standalone",
                config.allows_standalone.to_string(),
            ),
            (
                "selvedge.logs_to_any_host",
                config.logs_to_any_host.to_string(),
            ),
            (
                "SyncEnableCleanSyncEventUpload",
                config.uploads_on_clean.to_string(),
            ),
            ("EnablePushNotifications", config.push_enabled.to_string()),
        ] {
            assert_eq!(default_of(name), value, "{name}");
        }
    }
}
