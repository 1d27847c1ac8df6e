//! What of a server's answers does not conform to the protocol (spec §1.5, §1.7, §2.1).

use selvedge_santa::wire::{
    ClientMode, FileAccessAction, Form, Malformed, PreflightResponse, RuleDownloadResponse,
    SyncType,
};
use serde_json::{Map, Value};

use super::{Level, Said, settings};

/// What is said of a body that is not there.
pub(super) const UNREADABLE: &str = "the answer cannot be unpacked, or is larger than 64 MiB";

/// Names that a current client still reads.
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

/// Reads an answer to preflight.
///
/// # Errors
/// What is wrong with it, where it cannot be read: every sync fails then.
pub(super) fn read_preflight(form: Form, body: &[u8]) -> Result<PreflightResponse, String> {
    read(form, body, |form, body| form.read(body))
}

/// Reads a page of rules.
///
/// # Errors
/// As [`read_preflight`].
pub(super) fn read_rules(form: Form, body: &[u8]) -> Result<RuleDownloadResponse, String> {
    read(form, body, |form, body| form.read(body))
}

fn read<M>(
    form: Form,
    body: &[u8],
    read: impl Fn(Form, &[u8]) -> Result<M, Malformed>,
) -> Result<M, String> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'<') {
        return Err("the answer is a web page: check SyncBaseURL, and what stands before the server; every sync fails".into());
    }
    // A protobuf message may begin with a bracket only by a group, which no message has.
    if form == Form::Protobuf && first == Some(&b'{') {
        return Err("the answer is JSON rather than protobuf: every sync fails".into());
    }
    let error = match read(form, body) {
        Ok(message) => return Ok(message),
        Err(error) => error,
    };
    if form == Form::Protobuf {
        return Err(format!("{error}: every sync fails"));
    }
    let Some(fields) = object(body) else {
        return Err("the answer is no JSON object: every sync fails".into());
    };
    // Alone in an object, the field that is to blame is still refused.
    let is_bad = |name: &str, value: &Value| {
        let alone = serde_json::json!({ name: value }).to_string();
        read(form, alone.as_bytes()).is_err()
    };
    Err(
        match fields.iter().find(|(name, value)| is_bad(name, value)) {
            Some((name, value)) => format!(
                "the field {name} is {}, which the protocol does not allow: every sync fails",
                kind(value)
            ),
            None => format!("{error}: every sync fails"),
        },
    )
}

/// The fields of an answer in strict JSON.
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
        Value::Number(_) => "a number of that kind",
        Value::String(_) => "a text",
        Value::Array(_) => "a list of that kind",
        Value::Object(_) => "an object",
    }
}

/// What is to be said of an answer to preflight.
pub(super) fn preflight(form: Form, body: &[u8], allows_standalone: bool) -> Said {
    let response = match read_preflight(form, body) {
        Ok(response) => response,
        Err(text) => return vec![(Level::Fault, text)],
    };
    let mut said = settings::judge(&response, allows_standalone);
    if response.sync_type.is_none() && response.clean_sync == Some(true) {
        said.push((Level::Warning, "every sync is clean, by the old field clean_sync: clients of Santa upload no events then unless SyncEnableCleanSyncEventUpload is set".into()));
    }
    if form == Form::Json && !body.is_empty() {
        said.extend(names(body));
    }
    said
}

/// What is to be said of names in JSON, which protobuf does not have.
fn names(body: &[u8]) -> Said {
    let Some(fields) = object(body) else {
        let text = "the answer is no strict JSON: Santa reads it, others may not";
        return vec![(Level::Warning, text.into())];
    };
    let mut said = Said::new();
    let mut warn = |text: String| said.push((Level::Warning, text));
    let text = |names: [&str; 2]| names.iter().find_map(|name| fields.get(*name)?.as_str());
    if let Some(mode) = text(["client_mode", "clientMode"])
        && mode.parse::<i32>().is_err()
        && ClientMode::from_name(mode).is_none()
    {
        warn(format!(
            "client_mode is {mode:?}, which is unknown: machines keep the mode that they are in"
        ));
    }
    if let Some(kind) = text(["sync_type", "syncType"])
        && kind.parse::<i32>().is_err()
        && kind != "SYNC_TYPE_UNSPECIFIED"
        && SyncType::from_name(kind).is_none()
    {
        warn(format!(
            "sync_type is {kind:?}, which is unknown: it counts as absent"
        ));
    }
    if let Some(action) = text(["override_file_access_action", "overrideFileAccessAction"])
        && action.parse::<i32>().is_err()
        && action != "FILE_ACCESS_ACTION_UNSPECIFIED"
        && FileAccessAction::from_name(action).is_none()
    {
        warn(format!(
            "override_file_access_action is {action:?}, which is unknown: machines keep what they have"
        ));
    }
    for name in LEGACY.iter().filter(|name| fields.contains_key(**name)) {
        warn(format!(
            "the field {name} is of an older version of the protocol: current clients of Santa may not read it"
        ));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_preflight() {
        let rows = [
            ("", None),
            ("{}", None),
            (")]}'\n{\"batch_size\":7}", None),
            (
                r#"{"client_mode":"MONITOR","sync_type":"NORMAL","clean_sync":false}"#,
                None,
            ),
            ("[]", Some((Level::Fault, "no JSON object"))),
            ("<html>", Some((Level::Fault, "a web page"))),
            (
                r#"{"zzz":1,"batch_size":"many"}"#,
                Some((Level::Fault, "the field batch_size is a text")),
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
            let said = preflight(Form::Json, body.as_bytes(), false);
            match (said.as_slice(), expected) {
                ([], None) => {}
                ([(level, text)], Some((expected, words))) => {
                    assert!(*level == expected && text.contains(words), "{body}: {text}");
                }
                (found, _) => panic!("{body}: {found:?}"),
            }
        }
    }

    #[test]
    fn every_row_of_answers_that_cannot_be_read() {
        let rows = [
            (
                Form::Json,
                "\n <!DOCTYPE html><html>",
                "the answer is a web page",
            ),
            (Form::Protobuf, "<html>", "the answer is a web page"),
            (
                Form::Protobuf,
                r#"{"rules":[]}"#,
                "the answer is JSON rather than protobuf",
            ),
            (Form::Protobuf, "\u{7}\u{7}", "the message cannot be read"),
            (Form::Json, "nothing", "the answer is no JSON object"),
            (
                Form::Json,
                r#"{"cursor":{"a":1}}"#,
                "the field cursor is an object",
            ),
            (Form::Json, r#"{"rules":""}"#, "the field rules is a text"),
        ];
        for (form, body, expected) in rows {
            let said = read_rules(form, body.as_bytes()).unwrap_err();
            assert!(said.contains(expected), "{body}: {said}");
        }
        for body in ["", r#"{"rules":null}"#] {
            assert!(read_rules(Form::Json, body.as_bytes()).is_ok(), "{body}");
        }
        assert!(read_rules(Form::Protobuf, b"").is_ok());
    }

    #[test]
    fn settings_are_judged_in_protobuf_too() {
        let response = PreflightResponse {
            allowed_path_regex: Some("[".into()),
            ..PreflightResponse::default()
        };
        let said = preflight(Form::Protobuf, &Form::Protobuf.write(&response), true);
        assert!(matches!(said.as_slice(), [(Level::Fault, _)]), "{said:?}");
    }
}
