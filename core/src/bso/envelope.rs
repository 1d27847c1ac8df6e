//! The envelope of a payload, as a server sends it.

use alloc::borrow::Cow;
use alloc::string::String;

use super::found::Found;
use crate::json::scanner::{RawString, Scanner};
use crate::time::ServerTime;

/// A received record, borrowed from the decoder until the next record is requested (spec §3.1).
///
/// ```
/// use selvedge_core::bso::{Decoder, Format};
///
/// let mut decoder = Decoder::new(Format::Newlines, 1 << 20);
/// decoder.push(br#"{"id":"global","modified":1388635807.4,"sortindex":3,"payload":"{\"syncID\":\"7vO3Zcdu6V4I\"}"}"#);
/// decoder.push(b"\n");
/// let envelope = decoder.next_record()?.expect("a whole line is there").expect("it is sound");
/// assert_eq!((envelope.id, envelope.sortindex), ("global", Some(3)));
/// assert_eq!(envelope.modified.to_string(), "1388635807.40");
/// assert_eq!(envelope.payload.unescaped().as_deref(), Some(r#"{"syncID":"7vO3Zcdu6V4I"}"#));
/// # Ok::<(), selvedge_core::bso::StreamError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// 1–64 printable ASCII characters.
    pub id: &'a str,
    /// When the server stored it.
    pub modified: ServerTime,
    /// Its sort index, if it has one. It is only a hint, so a value that is not a whole number is ignored.
    pub sortindex: Option<i32>,
    /// The payload.
    pub payload: PayloadText<'a>,
}

/// The payload string, with the escapes of the enclosing JSON.
///
/// ```
/// use selvedge_core::bso::PayloadText;
///
/// let text = PayloadText::from_escaped(br#"{\"a\":1}"#);
/// assert_eq!(text.unescaped().as_deref(), Some(r#"{"a":1}"#));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PayloadText<'a> {
    raw: RawString<'a>,
    /// The parts of an encrypted record, if they were found while scanning.
    found: Option<Found<'a>>,
}

impl<'a> PayloadText<'a> {
    /// Creates one from the bytes between the quotes.
    #[must_use]
    pub fn from_escaped(inner: &'a [u8]) -> Self {
        let is_escaped = memchr::memchr(b'\\', inner).is_some();
        let found = Found::scan(inner).filter(|(_, length)| *length == inner.len());
        Self {
            raw: RawString { inner, is_escaped },
            found: found.map(|(found, _)| found),
        }
    }

    /// The bytes between the quotes.
    #[must_use]
    pub const fn escaped(&self) -> &'a [u8] {
        self.raw.inner
    }

    pub(super) const fn found(&self) -> Option<&Found<'a>> {
        self.found.as_ref()
    }

    /// Reads it from an envelope. The payload of an encrypted record is scanned once, for its end and its parts.
    fn take(scanner: &mut Scanner<'a>) -> Option<Self> {
        let mut found = None;
        let raw = scanner.long_string(|rest| {
            found = Found::scan(rest);
            found.map(|(_, length)| length)
        })?;
        // The string may continue after the object.
        let found = found.filter(|(_, length)| *length == raw.inner.len());
        Some(Self {
            raw,
            found: found.map(|(parts, _)| parts),
        })
    }

    /// The text; `None` if its escapes or its UTF-8 are invalid.
    #[must_use]
    pub fn unescaped(&self) -> Option<Cow<'a, str>> {
        if self.raw.is_escaped || self.raw.inner.iter().any(|byte| *byte < 0x20) {
            return self.raw.unescaped().map(Cow::Owned);
        }
        self.raw.plain().map(Cow::Borrowed)
    }
}

/// Payloads are user data; the payload of `meta/global` is not even encrypted.
impl core::fmt::Debug for PayloadText<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PayloadText({} bytes)", self.raw.inner.len())
    }
}

/// A line or element that is not a valid record. It does not affect the others.
///
/// ```
/// use selvedge_core::bso::{Decoder, Format, RecordFault};
///
/// let mut decoder = Decoder::new(Format::Newlines, 1 << 20);
/// decoder.push(b"{\"id\":\"7vO3Zcdu6V4I\",\"payload\":null}\n");
/// let error = decoder.next_record()?.expect("a whole line is there").unwrap_err();
/// assert_eq!((error.id.as_deref(), error.fault), (Some("7vO3Zcdu6V4I"), RecordFault::Malformed));
/// # Ok::<(), selvedge_core::bso::StreamError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct RecordError {
    /// Its id, if it could be read.
    pub id: Option<String>,
    /// What is invalid.
    pub fault: RecordFault,
}

/// What is invalid in a line or an element.
///
/// ```
/// use selvedge_core::bso::RecordFault;
///
/// assert_eq!(RecordFault::TooLarge.to_string(), "the record is larger than the limit");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordFault {
    /// Not JSON, or id, time or payload is missing or invalid.
    #[error("the server's record is malformed")]
    Malformed,
    /// Larger than the decoder's limit.
    #[error("the record is larger than the limit")]
    TooLarge,
}

/// The positions of an envelope's members.
#[derive(Default)]
pub(super) struct Members<'a> {
    pub(super) id: Option<RawString<'a>>,
    modified: Option<&'a [u8]>,
    sortindex: Option<&'a [u8]>,
    payload: Option<PayloadText<'a>>,
}

impl<'a> Members<'a> {
    /// Reads the valid part of the text; the second value is whether the whole text is valid.
    pub(super) fn read(text: &'a [u8]) -> (Self, bool) {
        let mut members = Self::default();
        let mut scanner = Scanner::new(text);
        let sound = scanner
            .object(|key, scanner| members.take(key, scanner))
            .and_then(|()| scanner.end());
        (members, sound.is_some())
    }

    /// Of duplicate members the last one wins (spec §0.9).
    fn take(&mut self, key: RawString<'a>, scanner: &mut Scanner<'a>) -> Option<()> {
        if key.is("id") {
            self.id = None;
            self.id = Some(scanner.string()?);
        } else if key.is("payload") {
            self.payload = Some(PayloadText::take(scanner)?);
        } else if key.is("modified") {
            self.modified = Some(scanner.value()?);
        } else if key.is("sortindex") {
            self.sortindex = Some(scanner.value()?);
        } else {
            scanner.value()?;
        }
        Some(())
    }

    /// The envelope with an id that the caller has unescaped.
    pub(super) fn envelope(&self, id: &'a str) -> Option<Envelope<'a>> {
        Some(Envelope {
            id: is_id(id).then_some(id)?,
            modified: ServerTime::parse_json(self.modified?).ok()?,
            sortindex: self
                .sortindex
                .and_then(|digits| core::str::from_utf8(digits).ok()?.parse().ok()),
            payload: self.payload?,
        })
    }
}

/// Whether a text is a valid id (spec §0.6).
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| (0x20..=0x7E).contains(&byte))
}
