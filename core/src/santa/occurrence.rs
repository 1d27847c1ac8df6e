//! Something that happened on a machine, and the one place in an upload where it goes (spec §2.3, §2.4).

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};

use super::wire::{AuditEvent, Decision, Event, EventUploadRequest, FileAccessEvent};

/// No path on any system is longer; what claims to be is not uploaded.
const PATH_BYTES: usize = 4096;

/// Something that happened, as an agent stores it. Its JSON is what hosts keep.
///
/// ```
/// use selvedge_core::santa::Occurrence;
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
    /// A program was run, or not.
    Execution(Box<Event>),
    /// A file was opened, or not.
    FileAccess(Box<FileAccessEvent>),
    /// The agent did something by itself.
    Audit(Box<AuditEvent>),
}

impl Occurrence {
    /// While one with the same key waits, no other is stored; and one is sent at once only every ten minutes.
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

    /// Adds it to an upload, and tells whether it did: what has no form on the wire is left out for good. That is a
    /// decision which servers are not told, such as one by a transitive rule, and a path that is too long.
    #[must_use]
    pub fn add_to(self, request: &mut EventUploadRequest) -> bool {
        match self {
            Self::Execution(mut event) => {
                let path_bytes = event.file_path.len().saturating_add(event.file_name.len());
                let Some(decision) = event.decision.filter(|_| path_bytes <= PATH_BYTES) else {
                    return false;
                };
                // It was not executed, so that no time would be true.
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
