//! The messages of Santa's protocol, defined once for JSON and for protobuf (spec §1.7, §2, §8): in the schema
//! `core/santa/proto`, from which `cargo xtask messages` generates the Rust code.
//!
//! ```text
//! field    the types of fields, in both forms
//! json     conversion of JSON values to fields
//! reader   JSON as Santa reads it, with its syntax in `syntax`
//! schema   the macros that define messages and enumerations
//! enums    the enumerations, from the schema
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
