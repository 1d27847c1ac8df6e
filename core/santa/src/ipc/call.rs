//! Parses calls from lines.
//!
//! ```text
//! not JSON ─────────────────────────────→ -32700
//! not a JSON-RPC 2.0 call, or a batch ───→ -32600
//! unknown method ───────────────────────→ -32601
//! the peer may not call it ──────────────→ -32000
//! its parameters are invalid ───────────→ -32602, with the reason if an event is invalid
//! else ─────────────────────────────────→ the call
//! ```

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::fault::Fault;
use crate::event_check::InvalidEvent;
use crate::kind::Kind;
use crate::occurrence::Occurrence;
use crate::store::EventId;

/// Maximum nesting depth of brackets in a line.
const DEPTH: usize = 64;

/// The id that relates a response to its call: a number or a string, chosen by the caller.
///
/// ```
/// use selvedge_santa::ipc::Id;
///
/// assert_eq!(Id::from(7), Id::Number(7.into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// A number.
    Number(serde_json::Number),
    /// A string.
    Text(String),
    /// Missing: the call could not be parsed far enough.
    None,
}

impl From<u64> for Id {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

/// The program at the other end of the socket, as the operating system reports it.
///
/// ```
/// use selvedge_santa::ipc::Caller;
///
/// assert!(Caller::of(0, None).is_agent());
/// assert!(!Caller::of(1000, Some(200)).is_agent());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// The agent: it posts events, and may stop the service.
    Agent,
    /// Any other program on this machine: it may request syncs and status.
    Operator,
}

impl Caller {
    /// Determined by the peer's user id and that of the agent. Root counts as the agent.
    #[must_use]
    pub fn of(uid: u32, agent: Option<u32>) -> Self {
        if uid == 0 || agent == Some(uid) {
            Self::Agent
        } else {
            Self::Operator
        }
    }

    /// Whether it is the agent.
    #[must_use]
    pub const fn is_agent(self) -> bool {
        matches!(self, Self::Agent)
    }
}

/// An event that the agent posts.
///
/// ```
/// use selvedge_santa::ipc::Posted;
///
/// let sha256 = "ab".repeat(32);
/// let event = serde_json::json!({"id": 0, "file_sha256": sha256, "decision": "BLOCK_BINARY", "execution_time": 1.5});
/// let posted = Posted::read(event)?;
/// assert_eq!((posted.id, posted.occurrence.key()), (None, sha256));
/// # Ok::<(), selvedge_santa::InvalidEvent>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Posted {
    /// Its number in the store; `None` if it is not stored.
    pub id: Option<EventId>,
    /// The event.
    pub occurrence: Occurrence,
}

impl Posted {
    /// Reads an event with its number, if present, and validates it as [`Occurrence::read`] does.
    ///
    /// # Errors
    /// When the event cannot be sent to a server.
    pub fn read(mut value: Value) -> Result<Self, InvalidEvent> {
        let fields = value.as_object_mut().ok_or(InvalidEvent::NoObject)?;
        let id = match fields.remove("id") {
            None | Some(Value::Null) => 0,
            Some(id) => id
                .as_u64()
                .ok_or_else(|| InvalidEvent::WrongType("id".into()))?,
        };
        Ok(Self {
            id: (id != 0).then_some(EventId(id)),
            occurrence: Occurrence::read(value)?,
        })
    }
}

impl serde::Serialize for Posted {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = match &self.occurrence {
            Occurrence::Execution(event) => serde_json::to_value(event),
            occurrence => serde_json::to_value(occurrence),
        };
        let Ok(Value::Object(mut fields)) = written else {
            return Err(serde::ser::Error::custom("an event must be an object"));
        };
        if let Some(id) = self.id {
            fields.insert("id".into(), id.0.into());
        }
        fields.serialize(serializer)
    }
}

/// A call of the daemon.
///
/// ```
/// use selvedge_santa::ipc::Call;
///
/// assert_eq!(Call::Status.method(), "status");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Sync.
    SyncRun {
        /// Of this kind.
        kind: Kind,
        /// Whether to report progress.
        log: bool,
        /// Whether to respond only after the sync has ended.
        wait: bool,
    },
    /// Upload these events immediately.
    EventsPost {
        /// The events.
        events: Vec<Posted>,
        /// The key for rate limiting; `None` uses each event's own key.
        key: Option<String>,
    },
    /// Upload the main event of a bundle immediately, and return what to do with the others.
    EventsPostBundle {
        /// The main event.
        event: Posted,
    },
    /// Return the status of push.
    PushStatus,
    /// Reconnect push.
    PushReconnect,
    /// Check the server.
    ServerCheck,
    /// Return the status of the daemon.
    Status,
    /// Stop.
    ServiceStop,
}

#[derive(Deserialize)]
struct SyncRun {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    log: bool,
    #[serde(default)]
    wait: bool,
}

#[derive(Deserialize)]
struct EventsPost {
    events: Vec<Value>,
    #[serde(default)]
    key: Option<String>,
}

#[derive(Deserialize)]
struct EventsPostBundle {
    event: Value,
}

/// The error in the parameters, beyond their types.
type Reason = Option<String>;

/// Validates all events: none is accepted if one is invalid.
fn posted(events: Vec<Value>) -> Result<Vec<Posted>, Reason> {
    let numbered = (1_usize..).zip(events);
    numbered
        .map(|(number, event)| {
            Posted::read(event).map_err(|error| Some(format!("event {number}: {error}")))
        })
        .collect()
}

/// The main event of a bundle, which must contain the bundle's hash.
fn posted_bundle(event: Value) -> Result<Posted, Reason> {
    let posted = Posted::read(event).map_err(|error| Some(format!("event: {error}")))?;
    match &posted.occurrence {
        Occurrence::Execution(event) if !event.file_bundle_hash.is_empty() => Ok(posted),
        _ => Err(Some("event: file_bundle_hash is missing".into())),
    }
}

impl Call {
    /// The method's name.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self {
            Self::SyncRun { .. } => "sync.run",
            Self::EventsPost { .. } => "events.post",
            Self::EventsPostBundle { .. } => "events.post_bundle",
            Self::PushStatus => "push.status",
            Self::PushReconnect => "push.reconnect",
            Self::ServerCheck => "server.check",
            Self::Status => "status",
            Self::ServiceStop => "service.stop",
        }
    }

    fn params(&self) -> Value {
        match self {
            Self::SyncRun { kind, log, wait } => json!({"type": kind, "log": log, "wait": wait}),
            Self::EventsPost { events, key } => json!({"events": events, "key": key}),
            Self::EventsPostBundle { event } => json!({"event": event}),
            _ => json!({}),
        }
    }

    fn read(method: &str, params: Value) -> Result<Self, Reason> {
        Ok(match method {
            "sync.run" => {
                let read: SyncRun = fields(params)?;
                Self::SyncRun {
                    kind: Kind::from_name(read.kind.as_deref().unwrap_or("normal")).ok_or(None)?,
                    log: read.log,
                    wait: read.wait,
                }
            }
            "events.post" => {
                let read: EventsPost = fields(params)?;
                Self::EventsPost {
                    events: posted(read.events)?,
                    key: read.key,
                }
            }
            "events.post_bundle" => {
                let read: EventsPostBundle = fields(params)?;
                Self::EventsPostBundle {
                    event: posted_bundle(read.event)?,
                }
            }
            "push.status" => Self::PushStatus,
            "push.reconnect" => Self::PushReconnect,
            "server.check" => Self::ServerCheck,
            "status" => Self::Status,
            "service.stop" => Self::ServiceStop,
            _ => return Err(None),
        })
    }
}

/// Named parameters; missing parameters are an empty object.
fn fields<T: DeserializeOwned>(params: Value) -> Result<T, Reason> {
    let params = match params {
        Value::Null => Value::Object(Map::new()),
        params => params,
    };
    if !params.is_object() {
        return Err(None);
    }
    serde_json::from_value(params).map_err(|_| None)
}

/// Whether a method is for the agent only; `None` for an unknown method.
fn is_for_agent(method: &str) -> Option<bool> {
    match method {
        "events.post" | "events.post_bundle" | "service.stop" => Some(true),
        "sync.run" | "push.status" | "push.reconnect" | "server.check" | "status" => Some(false),
        _ => None,
    }
}

/// A received call.
///
/// ```
/// use selvedge_santa::ipc::{Call, Caller, Id, read_call};
///
/// let line = br#"{"jsonrpc":"2.0","id":1,"method":"status"}"#;
/// let incoming = read_call(line, Caller::Operator)?;
/// assert_eq!((incoming.id, incoming.call), (Id::from(1), Call::Status));
/// # Ok::<(), selvedge_santa::ipc::Refusal>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    /// The id for the response.
    pub id: Id,
    /// The call.
    pub call: Call,
}

/// An error response to a line.
///
/// ```
/// use selvedge_santa::ipc::{Caller, Fault, read_call};
///
/// assert_eq!(read_call(b"nothing", Caller::Agent).unwrap_err().fault, Fault::Parse);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct Refusal {
    /// The id for the response.
    pub id: Id,
    /// The error.
    pub fault: Fault,
    /// The details about the parameters, if known.
    pub reason: Option<String>,
}

/// Parses a line that a caller sent.
///
/// # Errors
/// When the response is an error.
pub fn read_call(line: &[u8], caller: Caller) -> Result<Incoming, Refusal> {
    let refuse = |id: Id, fault| {
        Err(Refusal {
            id,
            fault,
            reason: None,
        })
    };
    if !super::lines::is_shallow(line, DEPTH) {
        return refuse(Id::None, Fault::Parse);
    }
    let Ok(value) = serde_json::from_slice::<Value>(line) else {
        return refuse(Id::None, Fault::Parse);
    };
    let Value::Object(mut fields) = value else {
        return refuse(Id::None, Fault::Request);
    };
    let id = match fields.remove("id") {
        Some(Value::Number(number)) => Id::Number(number),
        Some(Value::String(text)) => Id::Text(text),
        _ => return refuse(Id::None, Fault::Request),
    };
    let is_rpc = fields.get("jsonrpc").and_then(Value::as_str) == Some("2.0");
    let method = fields.get("method").and_then(Value::as_str);
    let Some(method) = method.filter(|_| is_rpc) else {
        return refuse(id, Fault::Request);
    };
    match is_for_agent(method) {
        None => return refuse(id, Fault::Method),
        Some(true) if !caller.is_agent() => return refuse(id, Fault::Forbidden),
        Some(_) => {}
    }
    let params = fields.get("params").cloned().unwrap_or_default();
    match Call::read(method, params) {
        Ok(call) => Ok(Incoming { id, call }),
        Err(reason) => Err(Refusal {
            id,
            fault: Fault::Params,
            reason,
        }),
    }
}

/// The line of a call, including its end.
///
/// ```
/// use selvedge_santa::ipc::{Call, call_line};
///
/// let line = call_line(&1.into(), &Call::Status);
/// assert!(line.ends_with(b"\n"));
/// ```
#[must_use]
pub fn call_line(id: &Id, call: &Call) -> Vec<u8> {
    super::lines::line(&json!({
        "jsonrpc": "2.0",
        "id": id,
        "method": call.method(),
        "params": call.params(),
    }))
}

#[cfg(test)]
mod tests;
