//! What of a server's answers does not conform to the protocol (spec §1.7, §2.1, §2.5).

use selvedge_core::santa::wire::{
    ClientMode, Form, Malformed, PreflightResponse, RuleDownloadResponse, SyncType,
};
use serde_json::{Map, Value};

use super::Level;
use crate::santa::rule_file::RuleFile;

/// What is to be said of an answer.
pub(super) type Said = Vec<(Level, String)>;

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

/// The fields of an answer that `read` can read, or why there are none.
fn fields(
    body: &[u8],
    read: fn(&[u8]) -> Result<(), Malformed>,
) -> Result<Map<String, Value>, Said> {
    let fault = |text: String| Err(vec![(Level::Fault, text)]);
    if body.is_empty() {
        return Ok(Map::new());
    }
    let start = body.iter().position(|byte| *byte == b'{').unwrap_or(0);
    let value = serde_json::from_slice(body.get(start..).unwrap_or_default());
    let Ok(Value::Object(fields)) = value else {
        return fault("the answer is no JSON object: every sync fails".into());
    };
    let Err(error) = read(body) else {
        return Ok(fields);
    };
    // Alone in an object, the field that is to blame is still refused.
    let is_bad = |name: &str, value: &Value| {
        let alone = serde_json::json!({ name: value }).to_string();
        read(alone.as_bytes()).is_err()
    };
    match fields.iter().find(|(name, value)| is_bad(name, value)) {
        Some((name, value)) => fault(format!(
            "the field {name} is {}, which the protocol does not allow: every sync fails",
            kind(value)
        )),
        None => fault(format!("{error}: every sync fails")),
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
pub(super) fn preflight(body: &[u8]) -> Said {
    let read = |body: &[u8]| Form::Json.read::<PreflightResponse>(body).map(drop);
    let fields = match fields(body, read) {
        Ok(fields) => fields,
        Err(said) => return said,
    };
    let mut said = Said::new();
    let mut warn = |text: String| said.push((Level::Warning, text));
    let text = |names: [&str; 2]| names.iter().find_map(|name| fields.get(*name)?.as_str());
    if let Some(mode) = text(["client_mode", "clientMode"])
        && ClientMode::from_name(mode).is_none()
    {
        warn(format!(
            "client_mode is {mode:?}, which is unknown: machines keep the mode that they are in"
        ));
    }
    let sync_type = text(["sync_type", "syncType"]);
    if let Some(kind) = sync_type
        && SyncType::from_name(kind).is_none()
    {
        warn(format!(
            "sync_type is {kind:?}, which is unknown: it counts as absent"
        ));
    }
    if sync_type.is_none() && fields.get("clean_sync") == Some(&Value::Bool(true)) {
        warn("every sync is clean, by the old field clean_sync: clients of Santa upload no events then unless SyncEnableCleanSyncEventUpload is set".into());
    }
    let number = |name: &str| fields.get(name).and_then(Value::as_u64);
    if let Some(seconds) = number("full_sync_interval").filter(|seconds| (1..60).contains(seconds))
    {
        warn(format!(
            "full_sync_interval is {seconds} seconds: clients take it as 60"
        ));
    }
    for name in LEGACY.iter().filter(|name| fields.contains_key(**name)) {
        warn(format!(
            "the field {name} is of an older version of the protocol: current clients of Santa may not read it"
        ));
    }
    said
}

/// What is to be said of a page of rules, and how many it has.
pub(super) fn rules(body: &[u8]) -> (Said, usize) {
    let read = |body: &[u8]| Form::Json.read::<RuleDownloadResponse>(body).map(drop);
    if let Err(said) = fields(body, read) {
        return (said, 0);
    }
    let message = Form::Json.read::<RuleDownloadResponse>(body);
    let (rules, mut said) = (message.unwrap_or_default().rules, Said::new());
    let bad = match RuleFile::of(&rules) {
        Ok(read) => read.bad,
        Err(error) => return (vec![(Level::Warning, error.to_string())], rules.len()),
    };
    if let Some(first) = bad.first() {
        let (count, all) = (bad.len(), rules.len());
        said.push((
            Level::Warning,
            format!(
                "clients pass over {count} of {all} rules; rule {} ({:?}): {}",
                first.number, first.identifier, first.problem
            ),
        ));
    }
    (said, rules.len())
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
            ("<html>", Some((Level::Fault, "no JSON object"))),
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
            let said = preflight(body.as_bytes());
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
    fn every_row_of_rules() {
        let good = r#"{"identifier":"EQHXZ8M8AV","policy":"ALLOWLIST","rule_type":"TEAMID"}"#;
        let rows = [
            ("".into(), None, 0),
            (r#"{"rules":null}"#.into(), None, 0),
            (format!(r#"{{"rules":[{good}],"cursor":"x"}}"#), None, 1),
            (
                format!(r#"{{"rules":[{good}],"cursor":{{"a":1}}}}"#),
                Some((Level::Fault, "the field cursor is an object")),
                0,
            ),
            (
                r#"{"rules":""}"#.into(),
                Some((Level::Fault, "the field rules is a text")),
                0,
            ),
            (
                r#"{"rules":[{"identifier":"EQHXZ8M8AV","policy":"CEL","rule_type":"TEAMID","cel_expr":"a =="}]}"#.into(),
                Some((Level::Warning, "rule 1 (\"EQHXZ8M8AV\"): its expression cannot be compiled")),
                1,
            ),
            (
                format!(r#"{{"rules":[{good},{{"identifier":"x"}}]}}"#),
                Some((Level::Warning, "pass over 1 of 2 rules; rule 2 (\"x\")")),
                2,
            ),
        ];
        for (body, expected, count) in rows {
            let (said, found) = rules(body.as_bytes());
            assert_eq!(found, count, "{body}");
            match (said.as_slice(), expected) {
                ([], None) => {}
                ([(level, text)], Some((expected, words))) => {
                    assert!(*level == expected && text.contains(words), "{body}: {text}");
                }
                (found, _) => panic!("{body}: {found:?}"),
            }
        }
    }
}
