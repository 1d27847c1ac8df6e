//! Validates events before they are sent to a server: the same rules for agents on the socket and for people (spec
//! §2.3, §5.4).
//!
//! An invalid event is rejected completely, with the reason: if it were stored, it would be dropped later, or the
//! server would reject the batch that contains it.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::occurrence::{MAX_PATH_BYTES, Occurrence};
use super::wire::{
    AuditEvent, Certificate, Decision, Entitlement, EntitlementInfo, Event, FileAccessEvent,
    Process, StandaloneModeRuleCreation,
};

/// The first second of the year 10000: a later value is not a time in seconds.
const END_OF_TIME: f64 = 253_402_300_800.0;

/// Maximum length of a quoted name or value, in characters.
const MAX_QUOTED_CHARS: usize = 60;

/// Why an event is rejected.
///
/// ```
/// use selvedge_santa::{InvalidEvent, Occurrence};
///
/// let event = serde_json::json!({"file_sha256": "ab".repeat(32), "decision": "BLOCK_TEAM_ID"});
/// let error = Occurrence::read(event).unwrap_err();
/// assert_eq!(error.to_string(), "decision \"BLOCK_TEAM_ID\" is unknown");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEvent {
    /// It is not a JSON object.
    #[error("it is not a JSON object")]
    NoObject,
    /// The protocol has no field of this name.
    #[error("the field {0} is unknown")]
    UnknownField(String),
    /// A field's value has another type, or is out of its range.
    #[error("the field {0} has the wrong type")]
    WrongType(String),
    /// A required field is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A value is not among those that the protocol defines for this field.
    #[error("{field} {value} is unknown")]
    UnknownValue {
        /// The field.
        field: &'static str,
        /// The value, as JSON.
        value: String,
    },
    /// A hash is invalid.
    #[error("{field} must be {digits} hexadecimal digits")]
    BadHash {
        /// The field.
        field: &'static str,
        /// The number of digits of such a hash.
        digits: usize,
    },
    /// A time is invalid.
    #[error("{0} must be seconds since 1970, before the year 10000")]
    BadTime(&'static str),
    /// A path exceeds the maximum length of all systems.
    #[error("{field} has {bytes} bytes; the maximum is {MAX_PATH_BYTES}")]
    LongPath {
        /// The field.
        field: &'static str,
        /// The actual length.
        bytes: usize,
    },
    /// It is not a known kind of audit event.
    #[error("it contains no known kind of audit event")]
    UnknownAudit,
}

type Result<T> = core::result::Result<T, InvalidEvent>;

impl Occurrence {
    /// Reads an event from an agent or a person: an execution with the field names of the protocol, or one of
    /// `{"execution": …}`, `{"file_access": …}` and `{"audit": …}`.
    ///
    /// # Errors
    /// When the event cannot be sent to a server.
    pub fn read(value: Value) -> Result<Self> {
        let Value::Object(mut fields) = value else {
            return Err(InvalidEvent::NoObject);
        };
        if fields.len() == 1 {
            if let Some(event) = fields.remove("execution") {
                return execution(event);
            }
            if let Some(event) = fields.remove("file_access") {
                return file_access(event);
            }
            if let Some(event) = fields.remove("audit") {
                return audit(event);
            }
        }
        execution(Value::Object(fields))
    }
}

fn execution(value: Value) -> Result<Occurrence> {
    let mut event: Event = message(&value)?;
    each::<Certificate>(&value, &["signing_chain", "signingChain"])?;
    if let Some(info) = field(&value, &["entitlementInfo", "entitlement_info"]) {
        let _info: EntitlementInfo = message(info)?;
        each::<Entitlement>(info, &["entitlements"])?;
    }
    if event.signing_status.is_none() {
        known_or_none(
            &value,
            "signingStatus",
            &["signingStatus", "signing_status"],
            "SIGNING_STATUS_UNSPECIFIED",
        )?;
    }
    digest(&mut event.file_sha256, "file_sha256", 64)?;
    optional_digest(&mut event.cdhash, "cdhash", 40)?;
    event.signing_chain.iter_mut().try_for_each(certificate)?;
    let decision = decision(&value, event.decision)?;
    if decision != Decision::BundleBinary || event.execution_time != 0.0 {
        time(event.execution_time, "execution_time")?;
    }
    path(
        event.file_path.len().saturating_add(event.file_name.len()),
        "file_path with file_name",
    )?;
    Ok(Occurrence::Execution(Box::new(event)))
}

fn file_access(value: Value) -> Result<Occurrence> {
    let mut event: FileAccessEvent = message(&value)?;
    for process in items(&value, &["process_chain", "processChain"]) {
        let _process: Process = message(process)?;
        each::<Certificate>(process, &["signing_chain", "signingChain"])?;
    }
    for process in &mut event.process_chain {
        optional_digest(&mut process.file_sha256, "file_sha256", 64)?;
        optional_digest(&mut process.cdhash, "cdhash", 40)?;
        process.signing_chain.iter_mut().try_for_each(certificate)?;
        path(process.file_path.len(), "file_path")?;
    }
    decision(&value, event.decision)?;
    time(event.access_time, "access_time")?;
    path(event.target.len(), "target")?;
    Ok(Occurrence::FileAccess(Box::new(event)))
}

fn audit(value: Value) -> Result<Occurrence> {
    let event: AuditEvent = message(&value)?;
    let names = [
        "standalone_mode_rule_creation",
        "standaloneModeRuleCreation",
    ];
    let (Some(made), Some(value)) = (&event.standalone_mode_rule_creation, field(&value, &names))
    else {
        return Err(InvalidEvent::UnknownAudit);
    };
    let _made: StandaloneModeRuleCreation = message(value)?;
    decision(value, made.decision)?;
    if made.identifier.is_empty() {
        return Err(InvalidEvent::Missing("identifier"));
    }
    Ok(Occurrence::Audit(Box::new(event)))
}

/// Reads a message and checks that every field is known and has the correct type.
fn message<M: Serialize + DeserializeOwned>(value: &Value) -> Result<M> {
    let Value::Object(fields) = value else {
        return Err(InvalidEvent::NoObject);
    };
    let whole = M::deserialize(value);
    let written = match &whole {
        Ok(message) => serde_json::to_value(message).unwrap_or_default(),
        Err(_) => Value::Null,
    };
    for (name, value) in fields {
        // A field that is written again with its name was read.
        if written.get(name).is_some() {
            continue;
        }
        if !is_known::<M>(name) {
            return Err(InvalidEvent::UnknownField(quoted(name)));
        }
        if whole.is_err() && M::deserialize(&alone(name, value.clone())).is_err() {
            return Err(InvalidEvent::WrongType(quoted(name)));
        }
    }
    whole.map_err(|_| InvalidEvent::WrongType("of the event".to_string()))
}

/// Whether a message has a field with this name: an unknown field accepts any value, and no known field accepts both of
/// these.
fn is_known<M: DeserializeOwned>(name: &str) -> bool {
    [json!(1.5), json!({})]
        .into_iter()
        .any(|value| M::deserialize(&alone(name, value)).is_err())
}

fn alone(name: &str, value: Value) -> Value {
    let mut fields = Map::new();
    fields.insert(name.to_string(), value);
    Value::Object(fields)
}

fn field<'a>(value: &'a Value, names: &[&str]) -> Option<&'a Value> {
    let found = names.iter().find_map(|name| value.get(*name));
    found.filter(|value| !value.is_null())
}

fn items<'a>(value: &'a Value, names: &[&str]) -> impl Iterator<Item = &'a Value> {
    let list = field(value, names).and_then(Value::as_array);
    list.into_iter().flatten().filter(|item| item.is_object())
}

/// Checks the messages of a list.
fn each<M: Serialize + DeserializeOwned>(value: &Value, names: &[&str]) -> Result<()> {
    items(value, names).try_for_each(|item| message::<M>(item).map(drop))
}

/// A decision, which must be present and known.
fn decision<T>(value: &Value, read: Option<T>) -> Result<T> {
    match (read, field(value, &["decision"])) {
        (Some(decision), _) => Ok(decision),
        (None, None) => Err(InvalidEvent::Missing("decision")),
        (None, Some(value)) => Err(unknown("decision", value)),
    }
}

/// An enumeration that was read as `None`: it must be absent, or have the zero value.
fn known_or_none(value: &Value, shown: &'static str, names: &[&str], zero: &str) -> Result<()> {
    match field(value, names) {
        None => Ok(()),
        Some(value) if value.as_str() == Some(zero) || value.as_f64() == Some(0.0) => Ok(()),
        Some(value) => Err(unknown(shown, value)),
    }
}

fn unknown(field: &'static str, value: &Value) -> InvalidEvent {
    InvalidEvent::UnknownValue {
        field,
        value: quoted(&value.to_string()),
    }
}

fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_string(),
    }
}

/// Checks a hash, and converts it to the protocol's form.
fn digest(text: &mut str, field: &'static str, digits: usize) -> Result<()> {
    let is_hash = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hash {
        return Err(InvalidEvent::BadHash { field, digits });
    }
    text.make_ascii_lowercase();
    Ok(())
}

fn optional_digest(text: &mut str, field: &'static str, digits: usize) -> Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    digest(text, field, digits)
}

fn certificate(certificate: &mut Certificate) -> Result<()> {
    optional_digest(&mut certificate.sha256, "sha256 in signing_chain", 64)
}

fn time(seconds: f64, field: &'static str) -> Result<()> {
    if seconds > 0.0 && seconds < END_OF_TIME {
        Ok(())
    } else {
        Err(InvalidEvent::BadTime(field))
    }
}

const fn path(bytes: usize, field: &'static str) -> Result<()> {
    if bytes > MAX_PATH_BYTES {
        Err(InvalidEvent::LongPath { field, bytes })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// The error message for an event; empty if it is valid.
    fn error_of(value: Value) -> String {
        Occurrence::read(value)
            .err()
            .map_or_else(String::new, |error| error.to_string())
    }

    fn execution_with(changes: Value) -> Value {
        let mut event = json!({
            "file_sha256": "Ab".repeat(32), "file_path": "/opt", "file_name": "x",
            "decision": "BLOCK_BINARY", "execution_time": 1_767_225_600.25,
        });
        for (name, value) in changes.as_object().unwrap() {
            event[name] = value.clone();
        }
        event
    }

    #[test]
    fn every_row_of_executions() {
        let long = "a".repeat(MAX_PATH_BYTES);
        let rows = [
            (json!({}), ""),
            (
                json!({"execution_time": "1767225600.25", "pid": "7", "static_rule": true}),
                "",
            ),
            (json!({"decision": 9, "pid": null, "signing_chain": []}), ""),
            (
                json!({"decision": "BUNDLE_BINARY", "execution_time": 0}),
                "",
            ),
            (json!({"signingStatus": "SIGNING_STATUS_UNSPECIFIED"}), ""),
            (
                json!({"entitlement_info": {"entitlements": [{"key": "a", "value": "1"}]}}),
                "",
            ),
            (
                json!({"cdhash": "AB".repeat(20), "signing_chain": [{"sha256": "CD".repeat(32), "cn": "A"}]}),
                "",
            ),
            (json!({"decision": null}), "decision is missing"),
            (
                json!({"decision": "BLOCK_TEAM_ID"}),
                "decision \"BLOCK_TEAM_ID\" is unknown",
            ),
            (
                json!({"decision": "block_binary"}),
                "decision \"block_binary\" is unknown",
            ),
            (json!({"decision": 99}), "decision 99 is unknown"),
            (json!({"decision": 0}), "decision 0 is unknown"),
            (
                json!({"decision": {}}),
                "the field decision has the wrong type",
            ),
            (
                json!({"file_sha256": "zz"}),
                "file_sha256 must be 64 hexadecimal digits",
            ),
            (
                json!({"file_sha256": "g".repeat(64)}),
                "file_sha256 must be 64 hexadecimal digits",
            ),
            (
                json!({"file_sha256": null}),
                "file_sha256 must be 64 hexadecimal digits",
            ),
            (
                json!({"file_sha256": 7}),
                "the field file_sha256 has the wrong type",
            ),
            (
                json!({"cdhash": "ab"}),
                "cdhash must be 40 hexadecimal digits",
            ),
            (
                json!({"execution_time": 0}),
                "execution_time must be seconds since 1970, before the year 10000",
            ),
            (
                json!({"execution_time": -1}),
                "execution_time must be seconds since 1970, before the year 10000",
            ),
            (
                json!({"execution_time": 1_767_225_600_250_u64}),
                "execution_time must be seconds since 1970, before the year 10000",
            ),
            (
                json!({"execution_time": "soon"}),
                "the field execution_time has the wrong type",
            ),
            (json!({"pid": "x"}), "the field pid has the wrong type"),
            (
                json!({"pid": 3_000_000_000_u64}),
                "the field pid has the wrong type",
            ),
            (
                json!({"logged_in_users": [7]}),
                "the field logged_in_users has the wrong type",
            ),
            (
                json!({"signingStatus": "SIGNED"}),
                "signingStatus \"SIGNED\" is unknown",
            ),
            (
                json!({"signing_chain": [{"sha256": "ab"}]}),
                "sha256 in signing_chain must be 64 hexadecimal digits",
            ),
            (
                json!({"signing_chain": [{"common_name": "A"}]}),
                "the field common_name is unknown",
            ),
            (
                json!({"entitlementInfo": {"filtered": true}}),
                "the field filtered is unknown",
            ),
            (
                json!({"executing_usr": "a"}),
                "the field executing_usr is unknown",
            ),
            (
                json!({"file_path": long}),
                "file_path with file_name has 4097 bytes; the maximum is 4096",
            ),
        ];
        for (changes, expected) in rows {
            let event = execution_with(changes.clone());
            assert_eq!(error_of(event.clone()), expected, "{changes}");
            assert_eq!(error_of(json!({"execution": event})), expected, "{changes}");
        }
        for value in [json!(5), json!([]), json!({"execution": []})] {
            assert_eq!(error_of(value), "it is not a JSON object");
        }
        assert_eq!(
            error_of(json!({"sha256": "c".repeat(64)})),
            "the field sha256 is unknown"
        );
    }

    #[test]
    fn hashes_are_written_as_the_protocol_does() {
        let Ok(Occurrence::Execution(event)) =
            Occurrence::read(execution_with(json!({"cdhash": "AB".repeat(20)})))
        else {
            panic!("expected an execution");
        };
        assert_eq!(event.file_sha256, "ab".repeat(32));
        assert_eq!(event.cdhash, "ab".repeat(20));
    }

    #[test]
    fn every_row_of_file_accesses_and_audits() {
        let denied = "FILE_ACCESS_DECISION_DENIED";
        let process = json!({"file_path": "/bin/cat", "file_sha256": "AB".repeat(32), "pid": 7});
        let rows = [
            (
                json!({"file_access": {"decision": denied, "access_time": 1.5, "process_chain": [process]}}),
                "",
            ),
            (
                json!({"file_access": {"decision": 3, "accessTime": 1.5, "ruleName": "keys"}}),
                "",
            ),
            (json!({"file_access": {}}), "decision is missing"),
            (
                json!({"file_access": {"decision": "DENIED", "access_time": 1.5}}),
                "decision \"DENIED\" is unknown",
            ),
            (
                json!({"file_access": {"decision": denied}}),
                "access_time must be seconds since 1970, before the year 10000",
            ),
            (
                json!({"file_access": {"decision": denied, "access_time": 1.5, "path": "/a"}}),
                "the field path is unknown",
            ),
            (
                json!({"file_access": {"decision": denied, "access_time": 1.5, "process_chain": [{"file_sha256": "x"}]}}),
                "file_sha256 must be 64 hexadecimal digits",
            ),
            (
                json!({"file_access": {"decision": denied, "access_time": 1.5, "process_chain": [{"name": "x"}]}}),
                "the field name is unknown",
            ),
            (
                json!({"file_access": {"decision": denied, "access_time": 1.5, "process_chain": 7}}),
                "the field process_chain has the wrong type",
            ),
            (
                json!({"audit": {"standalone_mode_rule_creation": {"decision": "ALLOW_BINARY", "identifier": "ab", "timestamp": 7}}}),
                "",
            ),
            (
                json!({"audit": {"standalone_mode_rule_creation": {"identifier": "ab"}}}),
                "decision is missing",
            ),
            (
                json!({"audit": {"standalone_mode_rule_creation": {"decision": "ALLOW_BINARY"}}}),
                "identifier is missing",
            ),
            (
                json!({"audit": {"standalone_mode_rule_creation": {"decision": "YES", "identifier": "ab"}}}),
                "decision \"YES\" is unknown",
            ),
            (
                json!({"audit": {}}),
                "it contains no known kind of audit event",
            ),
            (
                json!({"audit": {"other": {}}}),
                "the field other is unknown",
            ),
        ];
        for (event, expected) in rows {
            assert_eq!(error_of(event.clone()), expected, "{event}");
        }
    }

    #[test]
    fn every_valid_event_has_a_wire_form() {
        let events = [
            execution_with(json!({})),
            json!({"file_access": {"decision": 1, "access_time": 1}}),
            json!({"audit": {"standalone_mode_rule_creation": {"decision": 2, "identifier": "ab"}}}),
        ];
        let mut request = super::super::wire::EventUploadRequest::default();
        let added: Vec<bool> = events
            .into_iter()
            .map(|event| Occurrence::read(event).unwrap().add_to(&mut request))
            .collect();
        assert_eq!(added, [true; 3]);
    }

    #[test]
    fn long_values_are_truncated_in_messages() {
        let value = "é".repeat(1000);
        let error_of = error_of(execution_with(json!({"decision": value})));
        assert!(
            error_of.chars().count() < 100 && error_of.contains('…'),
            "{error_of}"
        );
    }
}
