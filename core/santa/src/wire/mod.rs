//! The messages of Santa's protocol, each written down once for JSON and for protobuf (spec §1.7, §2, §8): in the schema
//! `core/santa/proto`, of which `cargo xtask messages` makes Rust.
//!
//! ```text
//! field    what a field can be, in both forms
//! json     what a field makes of a value in JSON
//! reader   JSON as Santa reads it, with its syntax in `syntax`
//! schema   what Rust is made of a message and of an enumeration
//! words    the enumerations, from the schema
//! preflight, event, rule, postflight: the messages, from the schema
//! form     JSON or protobuf: bytes to messages and back
//! ```

mod enums;
mod event;
mod fault;
pub(crate) mod field;
mod form;
pub(crate) mod json;
pub(crate) mod place;
mod postflight;
mod preflight;
mod reader;
mod rule;
#[cfg(test)]
mod santa_reads;
pub(crate) mod schema;
mod syntax;
#[cfg(test)]
mod tests;
mod values;

pub use enums::{
    ClientMode, Decision, FileAccessAction, FileAccessDecision, Policy, RuleType, SigningStatus,
    SyncType,
};
pub use event::{
    AuditEvent, Certificate, Entitlement, EntitlementInfo, Event, EventUploadRequest,
    EventUploadResponse, FileAccessEvent, Process, StandaloneModeRuleCreation,
};
pub use form::{Form, Malformed, read_objects};
pub use postflight::{PostflightRequest, PostflightResponse};
pub use preflight::{MediaPolicy, PreflightRequest, PreflightResponse, Remount};
pub use rule::{RuleDownloadRequest, RuleDownloadResponse, RuleMessage};
pub use values::Token;
