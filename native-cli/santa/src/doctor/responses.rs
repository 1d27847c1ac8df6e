//! Finds violations of the protocol in a server's responses (spec §1.5, §1.7, §2.1).

use selvedge_santa::wire::{
    ClientMode, FileAccessAction, Form, Malformed, PreflightResponse, RuleDownloadResponse,
    SyncType,
};
use serde_json::{Map, Value};

use super::finding::{Level, Messages};
use super::settings;

/// The message for a body that cannot be decompressed.
pub(super) const UNREADABLE: &str =
    "the response cannot be decompressed, or exceeds the maximum of 64 MiB";

/// Old names of fields that this client still reads.
const LEGACY: [&str; 8] = [
    "whitelist_regex",
    "blacklist_regex",
    "bundles_enabled",
    "enabled_transitive_whitelisting",
    "transitive_whitelisting_enabled",
    "fcm_full_sync_interval",
    "fcm_global_rule_sync_deadline",
    "upload_logs_url",
];

/// Parses a response of preflight.
///
/// # Errors
/// The problem, if it cannot be parsed. Every sync fails then.
pub(super) fn parse_preflight(form: Form, body: &[u8]) -> Result<PreflightResponse, String> {
    read(form, body, |form, body| form.read(body))
}

/// Parses a response of ruledownload.
///
/// # Errors
/// Like [`parse_preflight`].
pub(super) fn parse_rules(form: Form, body: &[u8]) -> Result<RuleDownloadResponse, String> {
    read(form, body, |form, body| form.read(body))
}

fn read<M>(
    form: Form,
    body: &[u8],
    read: impl Fn(Form, &[u8]) -> Result<M, Malformed>,
) -> Result<M, String> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'<') {
        return Err("the response is a web page: check SyncBaseURL, and any proxy in front of the server; every sync fails".into());
    }
    // In protobuf, a leading brace would be a group, which no message has.
    if form == Form::Protobuf && first == Some(&b'{') {
        return Err("the response is JSON instead of protobuf: every sync fails".into());
    }
    let error = match read(form, body) {
        Ok(message) => return Ok(message),
        Err(error) => error,
    };
    if form == Form::Protobuf {
        return Err(format!("{error}: every sync fails"));
    }
    let Some(fields) = object(body) else {
        return Err("the response is not a JSON object: every sync fails".into());
    };
    // Find the invalid field by parsing each field alone.
    let is_bad = |name: &str, value: &Value| {
        let alone = serde_json::json!({ name: value }).to_string();
        read(form, alone.as_bytes()).is_err()
    };
    Err(
        match fields.iter().find(|(name, value)| is_bad(name, value)) {
            Some((name, value)) => format!(
                "the field {name} is {}, which the protocol does not allow here: every sync fails",
                kind(value)
            ),
            None => format!("{error}: every sync fails"),
        },
    )
}

/// The fields of a response in strict JSON.
fn object(body: &[u8]) -> Option<Map<String, Value>> {
    let start = body.iter().position(|byte| *byte == b'{')?;
    match serde_json::from_slice(body.get(start..)?) {
        Ok(Value::Object(fields)) => Some(fields),
        _ => None,
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The findings for a response of preflight.
pub(super) fn preflight(form: Form, body: &[u8], allows_standalone: bool) -> Messages {
    let response = match parse_preflight(form, body) {
        Ok(response) => response,
        Err(text) => return vec![(Level::Fault, text)],
    };
    let mut messages = settings::check(&response, allows_standalone);
    if response.sync_type.is_none() && response.clean_sync == Some(true) {
        messages.push((Level::Warning, "every sync is clean because of the old field clean_sync: clients then upload no events unless SyncEnableCleanSyncEventUpload is set".into()));
    }
    if form == Form::Json && !body.is_empty() {
        messages.extend(names(body));
    }
    messages
}

/// The findings for names in JSON, which protobuf does not have.
fn names(body: &[u8]) -> Messages {
    let Some(fields) = object(body) else {
        let text = "the response is not strict JSON: Santa reads it, other clients may not";
        return vec![(Level::Warning, text.into())];
    };
    let mut messages = Messages::new();
    let mut warn = |text: String| messages.push((Level::Warning, text));
    let text = |names: [&str; 2]| names.iter().find_map(|name| fields.get(*name)?.as_str());
    if let Some(mode) = text(["client_mode", "clientMode"])
        && mode.parse::<i32>().is_err()
        && ClientMode::from_name(mode).is_none()
    {
        warn(format!(
            "client_mode is {mode:?}, which is unknown: machines keep their mode"
        ));
    }
    if let Some(kind) = text(["sync_type", "syncType"])
        && kind.parse::<i32>().is_err()
        && kind != "SYNC_TYPE_UNSPECIFIED"
        && SyncType::from_name(kind).is_none()
    {
        warn(format!(
            "sync_type is {kind:?}, which is unknown: it is ignored"
        ));
    }
    if let Some(action) = text(["override_file_access_action", "overrideFileAccessAction"])
        && action.parse::<i32>().is_err()
        && action != "FILE_ACCESS_ACTION_UNSPECIFIED"
        && FileAccessAction::from_name(action).is_none()
    {
        warn(format!(
            "override_file_access_action is {action:?}, which is unknown: machines keep their setting"
        ));
    }
    for name in LEGACY.iter().filter(|name| fields.contains_key(**name)) {
        warn(format!(
            "the field {name} belongs to an older version of the protocol: current clients may ignore it"
        ));
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_of_a_preflight_response_is_found() {
        let rows = [
            ("", None),
            ("{}", None),
            (")]}'\n{\"batch_size\":7}", None),
            (
                r#"{"client_mode":"MONITOR","sync_type":"NORMAL","clean_sync":false}"#,
                None,
            ),
            ("[]", Some((Level::Fault, "not a JSON object"))),
            ("<html>", Some((Level::Fault, "a web page"))),
            (
                r#"{"zzz":1,"batch_size":"many"}"#,
                Some((Level::Fault, "the field batch_size is a string")),
            ),
            (
                r#"{"enable_bundles":1}"#,
                Some((Level::Fault, "the field enable_bundles is a number")),
            ),
            (
                r#"{"remount_usb_mode":5}"#,
                Some((Level::Fault, "the field remount_usb_mode is a number")),
            ),
            (
                r#"{"allowed_path_regex":5}"#,
                Some((Level::Fault, "the field allowed_path_regex is a number")),
            ),
            (
                r#"{"override_file_access_action":"auditonly"}"#,
                Some((
                    Level::Warning,
                    "override_file_access_action is \"auditonly\"",
                )),
            ),
            (
                r#"{"client_mode":"lockdown"}"#,
                Some((Level::Warning, "client_mode is \"lockdown\"")),
            ),
            (
                r#"{"sync_type":"CLEANISH"}"#,
                Some((Level::Warning, "sync_type is \"CLEANISH\"")),
            ),
            (
                r#"{"clean_sync":true}"#,
                Some((Level::Warning, "every sync is clean")),
            ),
            (r#"{"clean_sync":true,"sync_type":"CLEAN"}"#, None),
            (
                r#"{"full_sync_interval":30}"#,
                Some((Level::Warning, "full_sync_interval is 30")),
            ),
            (
                r#"{"whitelist_regex":""}"#,
                Some((Level::Warning, "the field whitelist_regex")),
            ),
        ];
        for (body, expected) in rows {
            let messages = preflight(Form::Json, body.as_bytes(), false);
            match (messages.as_slice(), expected) {
                ([], None) => {}
                ([(level, text)], Some((expected, words))) => {
                    assert!(*level == expected && text.contains(words), "{body}: {text}");
                }
                (found, _) => panic!("{body}: {found:?}"),
            }
        }
    }

    #[test]
    fn each_invalid_response_is_explained() {
        let rows = [
            (
                Form::Json,
                "\n <!DOCTYPE html><html>",
                "the response is a web page",
            ),
            (Form::Protobuf, "<html>", "the response is a web page"),
            (
                Form::Protobuf,
                r#"{"rules":[]}"#,
                "the response is JSON instead of protobuf",
            ),
            (Form::Protobuf, "\u{7}\u{7}", "the message cannot be read"),
            (Form::Json, "nothing", "the response is not a JSON object"),
            (
                Form::Json,
                r#"{"cursor":{"a":1}}"#,
                "the field cursor is an object",
            ),
            (Form::Json, r#"{"rules":""}"#, "the field rules is a string"),
        ];
        for (form, body, expected) in rows {
            let messages = parse_rules(form, body.as_bytes()).unwrap_err();
            assert!(messages.contains(expected), "{body}: {messages}");
        }
        for body in ["", r#"{"rules":null}"#] {
            assert!(parse_rules(Form::Json, body.as_bytes()).is_ok(), "{body}");
        }
        assert!(parse_rules(Form::Protobuf, b"").is_ok());
    }

    #[test]
    fn settings_in_protobuf_are_checked_too() {
        let response = PreflightResponse {
            allowed_path_regex: Some("[".into()),
            ..PreflightResponse::default()
        };
        let messages = preflight(Form::Protobuf, &Form::Protobuf.write(&response), true);
        assert!(
            matches!(messages.as_slice(), [(Level::Fault, _)]),
            "{messages:?}"
        );
    }
}
