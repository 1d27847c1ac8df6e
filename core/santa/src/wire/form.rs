//! JSON or protobuf: encoding and decoding of message bodies (spec §1.2, §1.5).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fault::Fault;
use super::reader;

/// Prefixes that some servers write before their JSON, so that no page can load it as a script.
const PREFIXES: [&[u8]; 2] = [b")]}'\n", b"])}"];

/// The form of the bodies. The client chooses it; a server cannot.
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
    /// JSON, which every server supports.
    #[default]
    Json,
    /// Protobuf.
    Protobuf,
}

/// A body that is not such a message; the error describes the problem, never the content.
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
    /// The body's `Content-Type`, in exactly this spelling: servers compare it.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/x-protobuf",
        }
    }

    /// Encodes a message.
    #[must_use]
    pub fn write<M: Message + Serialize>(self, message: &M) -> Vec<u8> {
        match self {
            Self::Json => {
                serde_json::to_vec(message).expect("strings and numbers can be serialized as JSON")
            }
            Self::Protobuf => message.encode_to_vec(),
        }
    }

    /// Decodes a message. An empty body is a message whose fields are all absent; unknown fields are skipped.
    ///
    /// # Errors
    /// When the bytes are not such a message, or a field has the wrong type.
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

/// Reads consecutive JSON objects, separated only by whitespace, such as the content of a rule file, each as
/// [`Form::read`] reads a body.
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
/// When the text contains anything else, or a field has the wrong type.
pub fn read_objects<M: Message + DeserializeOwned>(text: &[u8]) -> Result<Vec<M>, Malformed> {
    parse(text, reader::read_objects)
}

/// Decodes a text, removes its byte order mark, and parses it.
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
