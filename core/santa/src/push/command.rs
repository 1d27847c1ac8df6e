//! Commands that arrive by push and require a response: authentication, and what they request (spec §4.2).
//!
//! ```text
//! not such a message ──────────────────────────────→ deserialization
//! empty, or the signature is wrong ────────────────→ invalid data
//! its time is more than 5 minutes before or after now → invalid data
//! its id is not a UUID ────────────────────────────→ invalid uuid
//! its id is a repetition, or too many ids are stored → invalid data
//! it requests no known action ─────────────────────→ unknown request type
//! its action is not allowed on this machine ───────→ command disabled
//! else ────────────────────────────────────────────→ execute it and respond
//! ```

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use hmac::{Hmac, KeyInit, Mac};
use prost::Message as _;
use sha2::Sha256;
use zeroize::Zeroizing;

pub use super::pb::CommandError;
use super::pb::{CommandRequest, CommandResponse};

/// A command is valid for this number of seconds before and after its timestamp.
const VALID_SECONDS: u64 = 300;

/// Maximum number of commands accepted within the time in which one is valid, from 5 minutes before to 5 minutes after.
const MAX_IDS: usize = 600;

/// The signed content of a command, about which the shipped client and its schema disagree. The configuration selects
/// the sender's scheme; only one is accepted.
///
/// ```
/// use selvedge_santa::push::HmacScheme;
///
/// assert_eq!(HmacScheme::default(), HmacScheme::Message);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HmacScheme {
    /// The whole message without its signature, as in the shipped client.
    #[default]
    Message,
    /// The id, the time in eight bytes, and the request, as in the schema's comment.
    Parts,
}

/// The key for signatures of commands.
///
/// ```
/// use selvedge_santa::push::CommandKey;
///
/// assert_eq!(format!("{:?}", CommandKey::new(b"secret".to_vec())), "CommandKey(..)");
/// ```
#[derive(Clone)]
pub struct CommandKey(Zeroizing<Vec<u8>>);

impl CommandKey {
    /// Creates one from the key's bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Signs a command as a sender.
    #[must_use]
    pub fn sign(&self, scheme: HmacScheme, request: CommandRequest) -> CommandRequest {
        let mut mac = self.mac();
        mac.update(&signed_bytes(scheme, &request));
        CommandRequest {
            hmac: mac.finalize().into_bytes().to_vec(),
            ..request
        }
    }

    fn mac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.0).expect("HMAC accepts keys of any length")
    }
}

impl core::fmt::Debug for CommandKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("CommandKey(..)")
    }
}

/// The action that a command requests.
///
/// ```
/// use selvedge_santa::push::Action;
///
/// assert_eq!(Action::from_name("ping"), Some(Action::Ping));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Report that the machine is reachable.
    Ping,
    /// Terminate a process.
    Kill,
    /// Upload events.
    EventUpload,
    /// Upload a program.
    BinaryUpload,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [
        Self::Ping,
        Self::Kill,
        Self::EventUpload,
        Self::BinaryUpload,
    ];

    /// Its name in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Kill => "kill",
            Self::EventUpload => "event_upload",
            Self::BinaryUpload => "binary_upload",
        }
    }

    /// The action of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }
}

/// A valid command, to be executed.
///
/// ```
/// use selvedge_santa::push::{Action, Asked};
///
/// let asked = Asked { uuid: "7b1f2f0e-3b0a-4c58-9a57-0c6f2a4c9d11".into(), action: Action::Ping, details: vec![] };
/// assert!(asked.details.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The id of the command.
    pub uuid: String,
    /// The requested action.
    pub action: Action,
    /// The action's own protobuf message.
    pub details: Vec<u8>,
}

/// The response to a command.
///
/// ```
/// use selvedge_santa::push::{Action, Answered, CommandError, reply};
///
/// assert_eq!(reply(&Answered::Not(CommandError::InvalidUuid)), [8, 3]);
/// assert_eq!(reply(&Answered::Done(Action::Ping, vec![])), [0x12, 0]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// It was executed, or accepted; with the action's own protobuf message.
    Done(Action, Vec<u8>),
    /// It was rejected.
    Not(CommandError),
}

/// Encodes a response.
#[must_use]
pub fn reply(answered: &Answered) -> Vec<u8> {
    let mut response = CommandResponse::default();
    match answered {
        Answered::Not(error) => response.error = Some(*error),
        Answered::Done(action, details) => {
            let place = match action {
                Action::Ping => &mut response.ping,
                Action::Kill => &mut response.kill,
                Action::EventUpload => &mut response.event_upload,
                Action::BinaryUpload => &mut response.binary_upload,
            };
            *place = Some(details.clone());
        }
    }
    response.encode_to_vec()
}

/// Validates commands: contains the key, the allowed actions, and the ids of recent commands. The ids are kept in
/// memory only, so a command's time is checked too.
///
/// ```
/// use selvedge_santa::push::{CommandError, CommandKey, Gate, HmacScheme};
///
/// let mut gate = Gate::new(CommandKey::new(vec![0; 32]), HmacScheme::Message, None);
/// assert_eq!(gate.judge(b"", 0), Err(CommandError::InvalidData));
/// ```
#[derive(Debug)]
pub struct Gate {
    key: CommandKey,
    scheme: HmacScheme,
    allowed: Option<BTreeSet<Action>>,
    /// Ids, and the times of their commands: each id is kept as long as its command is valid.
    seen: BTreeMap<String, u64>,
}

impl Gate {
    /// Creates one with a key and the allowed actions: all actions if the list is `None`.
    #[must_use]
    pub const fn new(
        key: CommandKey,
        scheme: HmacScheme,
        allowed: Option<BTreeSet<Action>>,
    ) -> Self {
        Self {
            key,
            scheme,
            allowed,
            seen: BTreeMap::new(),
        }
    }

    /// Validates an encoded command at `now`, in seconds since the Unix epoch. A command is accepted only once.
    ///
    /// # Errors
    /// When it must not be executed; the error is the response.
    pub fn judge(&mut self, payload: &[u8], now: u64) -> Result<Asked, CommandError> {
        let request = CommandRequest::decode(payload).map_err(|_| CommandError::Deserialization)?;
        let issued_at = u64::try_from(request.issued_at).unwrap_or(0);
        let is_credible = !payload.is_empty()
            && self.is_signed(&request)
            && now.abs_diff(issued_at) <= VALID_SECONDS;
        if !is_credible {
            return Err(CommandError::InvalidData);
        }
        let uuid = canonical(&request.uuid).ok_or(CommandError::InvalidUuid)?;
        self.remember(uuid, issued_at, now)?;
        let (action, details) = asked(&request).ok_or(CommandError::UnknownRequestType)?;
        let is_allowed = self
            .allowed
            .as_ref()
            .is_none_or(|allowed| allowed.contains(&action));
        if is_allowed {
            Ok(Asked {
                uuid: request.uuid,
                action,
                details,
            })
        } else {
            Err(CommandError::CommandDisabled)
        }
    }

    fn is_signed(&self, request: &CommandRequest) -> bool {
        let mut mac = self.key.mac();
        mac.update(&signed_bytes(self.scheme, request));
        mac.verify_slice(&request.hmac).is_ok()
    }

    fn remember(&mut self, uuid: String, issued_at: u64, now: u64) -> Result<(), CommandError> {
        self.seen
            .retain(|_, issued_at| issued_at.saturating_add(VALID_SECONDS) >= now);
        if self.seen.contains_key(&uuid) || self.seen.len() >= MAX_IDS {
            return Err(CommandError::InvalidData);
        }
        self.seen.insert(uuid, issued_at);
        Ok(())
    }
}

/// The signed bytes.
fn signed_bytes(scheme: HmacScheme, request: &CommandRequest) -> Vec<u8> {
    match scheme {
        HmacScheme::Message => {
            let unsigned = CommandRequest {
                hmac: Vec::new(),
                ..request.clone()
            };
            unsigned.encode_to_vec()
        }
        HmacScheme::Parts => {
            let mut bytes = request.uuid.clone().into_bytes();
            bytes.extend(request.issued_at.to_be_bytes());
            bytes.extend(
                asked(request)
                    .map(|(_, details)| details)
                    .unwrap_or_default(),
            );
            bytes
        }
    }
}

/// The requested action. If there are several, which no sender produces, the first one is used.
fn asked(request: &CommandRequest) -> Option<(Action, Vec<u8>)> {
    let places = [
        &request.ping,
        &request.kill,
        &request.event_upload,
        &request.binary_upload,
    ];
    let mut all = Action::ALL.into_iter().zip(places);
    all.find_map(|(action, details)| Some((action, details.clone()?)))
}

/// A UUID in lower case, so that repetitions are detected.
fn canonical(uuid: &str) -> Option<String> {
    let is_dash = |place: usize| matches!(place, 8 | 13 | 18 | 23);
    let is_uuid = uuid.len() == 36
        && uuid.bytes().enumerate().all(|(place, byte)| {
            if is_dash(place) {
                byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        });
    is_uuid.then(|| uuid.to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
