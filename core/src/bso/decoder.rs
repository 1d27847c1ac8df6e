//! Decodes records, or plain ids, from a body that arrives in chunks of any size.

use alloc::string::String;

use super::envelope::{Envelope, Members, RecordError, RecordFault, is_id};
use super::splitter::{Format, Piece, Splitter, StreamError};
use crate::json::scanner::{RawString, Scanner};

/// Decodes the response to `GET storage/<collection>?full=1`.
///
/// Chunks may end anywhere, including within a character, an escape or a number. A record that is damaged or over the
/// limit is a separate error, and decoding continues. If all records are taken out before the next chunk is pushed, the
/// decoder never holds more than one record of the maximum size and one chunk.
///
/// ```
/// use selvedge_core::bso::{Decoder, Format};
///
/// let mut ids = Vec::new();
/// let mut decoder = Decoder::new(Format::Array, 2 << 20);
/// for chunk in [&br#"[{"id":"a","modified":1,"payl"#[..], br#"oad":"x"},{"id":3},"#, br#"{"id":"b","modified":2.5,"payload":"y"}]"#] {
///     decoder.push(chunk);
///     while let Some(record) = decoder.next_record()? {
///         ids.push(record.map(|envelope| envelope.id.to_owned()).map_err(|error| error.to_string()));
///     }
/// }
/// decoder.finish()?;
/// assert_eq!(ids, [Ok("a".into()), Err("the server's record is malformed".into()), Ok("b".into())]);
/// # Ok::<(), selvedge_core::bso::StreamError>(())
/// ```
pub struct Decoder {
    splitter: Splitter,
    /// An id with resolved escapes.
    id: String,
    records: u64,
}

impl Decoder {
    /// A decoder that rejects records of more than `limit` bytes, including the envelope.
    #[must_use]
    pub const fn new(format: Format, limit: usize) -> Self {
        Self {
            splitter: Splitter::new(format, limit),
            id: String::new(),
            records: 0,
        }
    }

    /// Appends the next chunk of the body.
    pub fn push(&mut self, chunk: &[u8]) {
        self.splitter.push(chunk);
    }

    /// The next record; `None` if it has not arrived completely.
    ///
    /// # Errors
    /// The outer error means that the rest of the body is not usable, the inner one affects only this record.
    pub fn next_record(
        &mut self,
    ) -> Result<Option<Result<Envelope<'_>, RecordError>>, StreamError> {
        let Some(piece) = self.splitter.piece()? else {
            return Ok(None);
        };
        self.records += 1;
        let (text, is_whole) = match &piece {
            Piece::Whole(range) => (self.splitter.bytes(range), true),
            Piece::TooLarge(range) => (self.splitter.bytes(range), false),
        };
        let (members, is_sound) = Members::read(text);
        let id = members.id.and_then(|raw| text_of(raw, &mut self.id));
        if is_whole
            && is_sound
            && let Some(envelope) = id.and_then(|id| members.envelope(id))
        {
            return Ok(Some(Ok(envelope)));
        }
        Ok(Some(Err(RecordError {
            id: id.filter(|id| is_id(id)).map(String::from),
            fault: if is_whole {
                RecordFault::Malformed
            } else {
                RecordFault::TooLarge
            },
        })))
    }

    /// The number of lines or elements up to now, including damaged ones: to be compared with `X-Weave-Records`.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.splitter.held_bytes()
    }

    /// Ends the body, after all records were taken out.
    ///
    /// # Errors
    /// [`StreamError::Truncated`] when the body ended early.
    pub fn finish(&mut self) -> Result<(), StreamError> {
        self.splitter.finish()
    }
}

/// Decodes the response to `GET storage/<collection>` without `full`: a list of ids.
///
/// ```
/// use selvedge_core::bso::{Format, IdDecoder};
///
/// let mut decoder = IdDecoder::new(Format::Newlines);
/// decoder.push(b"\"7vO3Zcdu6V4I\"\n\"men");
/// assert_eq!(decoder.next_id()?, Some(Ok("7vO3Zcdu6V4I")));
/// assert_eq!(decoder.next_id()?, None);
/// decoder.push(b"u\"\n");
/// assert_eq!(decoder.next_id()?, Some(Ok("menu")));
/// decoder.finish()?;
/// # Ok::<(), selvedge_core::bso::StreamError>(())
/// ```
pub struct IdDecoder {
    splitter: Splitter,
    id: String,
}

impl IdDecoder {
    /// An id of 64 characters that are all written as `\u0000`, its quotes, and some spaces.
    const LIMIT: usize = 512;

    /// A decoder for ids.
    #[must_use]
    pub const fn new(format: Format) -> Self {
        Self {
            splitter: Splitter::new(format, Self::LIMIT),
            id: String::new(),
        }
    }

    /// Appends the next chunk of the body.
    pub fn push(&mut self, chunk: &[u8]) {
        self.splitter.push(chunk);
    }

    /// The next id; `None` if it has not arrived completely.
    ///
    /// # Errors
    /// The outer error means that the rest of the body is not usable, the inner one affects only this id.
    pub fn next_id(&mut self) -> Result<Option<Result<&str, RecordFault>>, StreamError> {
        let range = match self.splitter.piece()? {
            None => return Ok(None),
            Some(Piece::TooLarge(_)) => return Ok(Some(Err(RecordFault::TooLarge))),
            Some(Piece::Whole(range)) => range,
        };
        let mut scanner = Scanner::new(self.splitter.bytes(&range));
        let raw = scanner.string().filter(|_| scanner.end().is_some());
        let id = raw.and_then(|raw| text_of(raw, &mut self.id));
        Ok(Some(
            id.filter(|id| is_id(id)).ok_or(RecordFault::Malformed),
        ))
    }

    /// Ends the body, after all ids were taken out.
    ///
    /// # Errors
    /// [`StreamError::Truncated`] when the body ended early.
    pub fn finish(&mut self) -> Result<(), StreamError> {
        self.splitter.finish()
    }
}

/// The text of a string; escapes are resolved into `scratch`.
fn text_of<'a>(raw: RawString<'a>, scratch: &'a mut String) -> Option<&'a str> {
    match raw.plain() {
        Some(text) => Some(text),
        None => {
            *scratch = raw.unescaped()?;
            Some(scratch)
        }
    }
}
