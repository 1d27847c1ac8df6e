//! JSON or protobuf: a message as the bytes of a body, and back (spec §1.2, §1.5).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fault::Fault;
use super::reader;

/// What some servers put before their JSON, so that no page can load it as a script.
const PREFIXES: [&[u8]; 2] = [b")]}'\n", b"])}"];

/// The form of the bodies. The client chooses; no server can.
///
/// ```
/// use selvedge_santa::wire::{Form, PreflightResponse};
///
/// let answer: PreflightResponse = Form::Json.read(b")]}'\n{\"batch_size\":7}")?;
/// assert_eq!(answer.batch_size, Some(7));
/// assert_eq!(Form::Protobuf.write(&answer), [0x18, 7]);
/// # Ok::<(), selvedge_santa::wire::Malformed>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// JSON, which every server speaks.
    #[default]
    Json,
    /// Protobuf.
    Protobuf,
}

/// A body that is no such message; it says what is wrong, never what it holds.
///
/// ```
/// use selvedge_santa::wire::{Form, PreflightResponse};
///
/// let error = Form::Json.read::<PreflightResponse>(b"[]").unwrap_err();
/// assert!(error.to_string().starts_with("the message cannot be read: "));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the message cannot be read: {0}")]
pub struct Malformed(String);

impl Form {
    /// The body's `Content-Type`, to the letter: servers compare it.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/x-protobuf",
        }
    }

    /// A message's bytes.
    #[must_use]
    pub fn write<M: Message + Serialize>(self, message: &M) -> Vec<u8> {
        match self {
            Self::Json => serde_json::to_vec(message).expect("texts and numbers are JSON"),
            Self::Protobuf => message.encode_to_vec(),
        }
    }

    /// Reads a message. No bytes at all are a message whose fields are all absent; unknown fields are passed over.
    ///
    /// # Errors
    /// When the bytes are no such message, or a field has the wrong type.
    pub fn read<M: Message + Default + DeserializeOwned>(
        self,
        body: &[u8],
    ) -> Result<M, Malformed> {
        if body.is_empty() {
            return Ok(M::default());
        }
        match self {
            Self::Json => read_json(body),
            Self::Protobuf => M::decode(body).map_err(|error| Malformed(error.to_string())),
        }
    }
}

fn read_json<M: DeserializeOwned>(body: &[u8]) -> Result<M, Malformed> {
    let prefix = PREFIXES
        .iter()
        .find_map(|prefix| body.strip_prefix(*prefix));
    parse(prefix.unwrap_or(body), reader::read)
}

/// Reads a text of JSON objects that follow each other with nothing but blanks between them, as a file of rules holds
/// them, each as [`Form::read`] reads a body.
///
/// ```
/// use selvedge_santa::wire::{RuleMessage, read_objects};
///
/// let rules: Vec<RuleMessage> = read_objects(b"{'identifier':'a'}\n{identifier:'b'}\n")?;
/// assert_eq!(rules.len(), 2);
/// # Ok::<(), selvedge_santa::wire::Malformed>(())
/// ```
///
/// # Errors
/// When the text holds anything else, or a field has the wrong type.
pub fn read_objects<M: Message + DeserializeOwned>(text: &[u8]) -> Result<Vec<M>, Malformed> {
    parse(text, reader::read_objects)
}

/// Decodes a text, drops its byte order mark, and reads it.
fn parse<T>(text: &[u8], read: fn(&str) -> Result<T, Fault>) -> Result<T, Malformed> {
    let text = core::str::from_utf8(text).map_err(|error| {
        Malformed(alloc::format!(
            "it is not UTF-8 at byte {}",
            error.valid_up_to()
        ))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    read(text).map_err(|fault| Malformed(fault.describe(text)))
}
