//! An event on a machine, and its place in an upload (spec §2.3, §2.4).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};

use super::settings::Settings;
use super::wire::{AuditEvent, Decision, Event, EventUploadRequest, FileAccessEvent};

/// Maximum length of a path, in bytes, on any system; longer ones are not uploaded.
pub(super) const MAX_PATH_BYTES: usize = 4096;

/// An event as an agent stores it. Hosts store its JSON.
///
/// ```
/// use selvedge_santa::Occurrence;
///
/// let text = r#"{"execution":{"file_sha256":"ab","decision":"BLOCK_BINARY"}}"#;
/// let occurrence: Occurrence = serde_json::from_str(text)?;
/// assert_eq!(occurrence.key(), "ab");
/// assert_eq!(serde_json::to_string(&occurrence)?, text);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occurrence {
    /// An execution of a program, allowed or blocked.
    Execution(Box<Event>),
    /// An access to a file, allowed or denied.
    FileAccess(Box<FileAccessEvent>),
    /// An action of the agent itself.
    Audit(Box<AuditEvent>),
}

impl Occurrence {
    /// While an event with the same key is stored, no other is stored; and an event is sent immediately only once every
    /// ten minutes.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Execution(event) => event.file_sha256.clone(),
            Self::FileAccess(event) => {
                let process = event.process_chain.first();
                let sha256 = process.map_or("", |process| process.file_sha256.as_str());
                format!("{}|{}|{sha256}", event.rule_version, event.rule_name)
            }
            Self::Audit(event) => match &event.standalone_mode_rule_creation {
                Some(made) => format!("{}:audit", made.identifier),
                None => ":audit".to_string(),
            },
        }
    }

    /// Adds it to an upload and returns whether it did. Events without a wire form are permanently omitted: decisions
    /// that are not sent to servers, such as one by a transitive rule, and paths that are too long.
    #[must_use]
    pub fn add_to(self, request: &mut EventUploadRequest) -> bool {
        match self {
            Self::Execution(mut event) => {
                let path_bytes = event.file_path.len().saturating_add(event.file_name.len());
                let Some(decision) = event.decision.filter(|_| path_bytes <= MAX_PATH_BYTES) else {
                    return false;
                };
                // It was not executed, so it has no execution time.
                if decision == Decision::BundleBinary {
                    event.execution_time = 0.0;
                }
                request.events.push(*event);
            }
            Self::FileAccess(event) if event.decision.is_some() => {
                request.file_access_events.push(*event);
            }
            Self::Audit(event) if event.standalone_mode_rule_creation.is_some() => {
                request.audit_events.push(*event);
            }
            Self::FileAccess(_) | Self::Audit(_) => return false,
        }
        true
    }
}

impl Decision {
    /// Whether it allowed an execution.
    #[must_use]
    pub const fn is_allow(self) -> bool {
        matches!(
            self,
            Self::AllowUnknown
                | Self::AllowBinary
                | Self::AllowCertificate
                | Self::AllowScope
                | Self::AllowTeamId
                | Self::AllowSigningId
                | Self::AllowCdHash
                | Self::AllowPlatform
        )
    }
}

impl Settings {
    /// Whether an execution with this decision is stored for the server: every execution if all are requested;
    /// otherwise blocked executions, and those that LOCKDOWN would block, unless these are disabled.
    #[must_use]
    pub fn keeps(&self, decision: Decision) -> bool {
        let wants_all = self.enable_all_event_upload == Some(true);
        let wants_unknown = self.disable_unknown_event_upload != Some(true);
        wants_all || (decision == Decision::AllowUnknown && wants_unknown) || !decision.is_allow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn the_settings_select_which_executions_are_stored() {
        let settings = |all, no_unknown| Settings {
            enable_all_event_upload: all,
            disable_unknown_event_upload: no_unknown,
            ..Settings::default()
        };
        // The decision; then whether it is stored by default, when all are requested, when unknown ones are disabled,
        // and with both settings.
        let rows = [
            (Decision::BlockBinary, [true, true, true, true]),
            (Decision::BlockUnknown, [true, true, true, true]),
            (Decision::AllowUnknown, [true, true, false, true]),
            (Decision::AllowBinary, [false, true, false, true]),
            (Decision::AllowPlatform, [false, true, false, true]),
            (Decision::BundleBinary, [true, true, true, true]),
        ];
        for (decision, expected) in rows {
            let found = [
                settings(None, None),
                settings(Some(true), Some(false)),
                settings(Some(false), Some(true)),
                settings(Some(true), Some(true)),
            ];
            assert_eq!(found.map(|s| s.keeps(decision)), expected, "{decision}");
        }
    }

    #[test]
    fn events_without_a_wire_form_are_omitted() {
        let event = |text: &str| serde_json::from_str::<Occurrence>(text).unwrap();
        let long = format!(
            r#"{{"execution":{{"decision":"BLOCK_BINARY","file_path":"{}"}}}}"#,
            "a".repeat(MAX_PATH_BYTES + 1)
        );
        let rows = [
            (r#"{"execution":{"decision":"BLOCK_BINARY"}}"#, true),
            (r#"{"execution":{"decision":"ALLOW_TRANSITIVE"}}"#, false),
            (r#"{"execution":{}}"#, false),
            (long.as_str(), false),
            (r#"{"file_access":{"decision":1}}"#, true),
            (r#"{"file_access":{}}"#, false),
            (r#"{"audit":{"standalone_mode_rule_creation":{}}}"#, true),
            (r#"{"audit":{}}"#, false),
        ];
        for (text, expected) in rows {
            let mut request = EventUploadRequest::default();
            assert_eq!(event(text).add_to(&mut request), expected, "{text:.60}");
            let sent = request.events.len()
                + request.file_access_events.len()
                + request.audit_events.len();
            assert_eq!(sent, usize::from(expected), "{text:.60}");
        }
    }

    #[test]
    fn keys_identify_equal_events() {
        let key = |text: &str| serde_json::from_str::<Occurrence>(text).unwrap().key();
        assert_eq!(key(r#"{"execution":{"file_sha256":"ab"}}"#), "ab");
        let access = r#"{"file_access":{"rule_version":"1","rule_name":"keys","process_chain":[{"file_sha256":"cd"}]}}"#;
        assert_eq!(key(access), "1|keys|cd");
        assert_eq!(
            key(r#"{"audit":{"standalone_mode_rule_creation":{"identifier":"ef"}}}"#),
            "ef:audit"
        );
    }
}
