//! Splits a body that arrives in chunks into its lines or array elements, with bounded memory.

use alloc::vec::Vec;
use core::ops::Range;

/// The format of a list, as specified by the `Content-Type` of a response (spec §3.3).
///
/// ```
/// use selvedge_core::bso::Format;
///
/// assert_eq!(Format::from_content_type("application/json; charset=utf-8"), Some(Format::Array));
/// assert_eq!(Format::from_content_type("text/html"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `application/newlines`: one JSON value per line, each ended by LF.
    Newlines,
    /// `application/json`: one array.
    Array,
}

impl Format {
    /// The format that a `Content-Type` specifies.
    #[must_use]
    pub fn from_content_type(content_type: &str) -> Option<Self> {
        let media_type = content_type.split(';').next()?.trim();
        if media_type.eq_ignore_ascii_case("application/newlines") {
            Some(Self::Newlines)
        } else if media_type.eq_ignore_ascii_case("application/json") {
            Some(Self::Array)
        } else {
            None
        }
    }
}

/// Why a body cannot be read to its end. The whole fetch has failed then, regardless of the records that were already
/// returned.
///
/// ```
/// use selvedge_core::bso::{Decoder, Format, StreamError};
///
/// let mut decoder = Decoder::new(Format::Array, 1 << 20);
/// decoder.push(b"[");
/// assert!(matches!(decoder.next_record(), Ok(None)));
/// assert_eq!(decoder.finish(), Err(StreamError::Truncated));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The body ended within a line or before the end of the array.
    #[error("the list of records ended early")]
    Truncated,
    /// The body is not an array.
    #[error("the answer is not a JSON array")]
    NotAnArray,
    /// Something follows the array.
    #[error("the answer has content after its JSON array")]
    Trailing,
}

/// One line or element.
pub(super) enum Piece {
    /// Its position in the buffer.
    Whole(Range<usize>),
    /// It exceeds the limit: the position of its beginning; the rest is dropped as it arrives.
    TooLarge(Range<usize>),
}

/// The position of the scan in the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the opening bracket of the array.
    Before,
    /// Within the lines or elements.
    Items,
    /// After the closing bracket of the array.
    After,
}

/// The state of an array's scan between chunks.
#[derive(Debug, Clone, Copy, Default)]
struct Nesting {
    depth: u64,
    in_string: bool,
    after_backslash: bool,
}

pub(super) struct Splitter {
    format: Format,
    limit: usize,
    bytes: Vec<u8>,
    /// The start of the current piece.
    start: usize,
    /// The position up to which its end was searched.
    searched: usize,
    /// Whether the current piece was already reported as too large.
    is_skipping: bool,
    place: Place,
    nesting: Nesting,
    /// Whether the array has had an element, so that the next one must not be empty.
    has_element: bool,
}

impl Splitter {
    pub(super) const fn new(format: Format, limit: usize) -> Self {
        Self {
            format,
            limit,
            bytes: Vec::new(),
            start: 0,
            searched: 0,
            is_skipping: false,
            place: match format {
                Format::Newlines => Place::Items,
                Format::Array => Place::Before,
            },
            nesting: Nesting {
                depth: 0,
                in_string: false,
                after_backslash: false,
            },
            has_element: false,
        }
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        self.bytes.extend_from_slice(chunk);
    }

    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes of a piece that was just returned.
    pub(super) fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// The next piece, or `None` if more bytes are needed.
    pub(super) fn piece(&mut self) -> Result<Option<Piece>, StreamError> {
        loop {
            let found = match self.place {
                Place::Before => {
                    if !self.opening_bracket()? {
                        return Ok(None);
                    }
                    continue;
                }
                Place::After => return self.nothing_follows().map(|()| None),
                Place::Items => match self.format {
                    Format::Newlines => self.line_end(),
                    Format::Array => self.element_end(),
                },
            };
            let Some(end) = found else {
                return Ok(self.over_limit());
            };
            let start = core::mem::replace(&mut self.start, end + 1);
            self.searched = self.start;
            let is_last = self.format == Format::Array && self.bytes.get(end) == Some(&b']');
            if is_last {
                self.place = Place::After;
            }
            if core::mem::take(&mut self.is_skipping) {
                self.has_element = true;
                continue;
            }
            let is_blank = self.bytes(&(start..end)).iter().all(|byte| is_blank(*byte));
            if is_blank && (self.format == Format::Newlines || is_last && !self.has_element) {
                continue;
            }
            self.has_element = true;
            return Ok(Some(if end - start > self.limit {
                Piece::TooLarge(start..start + self.limit)
            } else {
                Piece::Whole(start..end)
            }));
        }
    }

    /// Checks at the end of the body that nothing is left.
    pub(super) fn finish(&mut self) -> Result<(), StreamError> {
        let rest = self.bytes.get(self.start..).unwrap_or_default();
        let is_whole = match self.format {
            Format::Newlines => !self.is_skipping && rest.iter().all(|byte| is_blank(*byte)),
            Format::Array => self.place == Place::After,
        };
        is_whole.then_some(()).ok_or(StreamError::Truncated)
    }

    /// Skips the opening bracket of the array.
    fn opening_bracket(&mut self) -> Result<bool, StreamError> {
        match self.first_non_blank() {
            None => Ok(false),
            Some(b'[') => {
                self.start += 1;
                self.searched = self.start;
                self.place = Place::Items;
                Ok(true)
            }
            Some(_) => Err(StreamError::NotAnArray),
        }
    }

    fn nothing_follows(&mut self) -> Result<(), StreamError> {
        match self.first_non_blank() {
            None => Ok(()),
            Some(_) => Err(StreamError::Trailing),
        }
    }

    /// Drops whitespace, so that a large amount of it is never buffered.
    fn first_non_blank(&mut self) -> Option<u8> {
        let rest = self.bytes.get(self.start..).unwrap_or_default();
        let blanks = rest.iter().take_while(|byte| is_blank(**byte)).count();
        self.start += blanks;
        self.searched = self.start;
        self.bytes.get(self.start).copied()
    }

    fn line_end(&mut self) -> Option<usize> {
        let rest = self.bytes.get(self.searched..).unwrap_or_default();
        match memchr::memchr(b'\n', rest) {
            Some(at) => Some(self.searched + at),
            None => {
                self.searched = self.bytes.len();
                None
            }
        }
    }

    /// The comma or bracket after the current element. Strings, which make up most of every record, are skipped without
    /// inspecting each byte.
    fn element_end(&mut self) -> Option<usize> {
        let Nesting {
            mut depth,
            mut in_string,
            mut after_backslash,
        } = self.nesting;
        let mut at = self.searched;
        let mut found = None;
        while let Some(byte) = self.bytes.get(at) {
            if after_backslash {
                after_backslash = false;
                at += 1;
            } else if in_string {
                let rest = self.bytes.get(at..).unwrap_or_default();
                let Some(offset) = memchr::memchr2(b'"', b'\\', rest) else {
                    at = self.bytes.len();
                    break;
                };
                at += offset;
                after_backslash = self.bytes.get(at) == Some(&b'\\');
                in_string = after_backslash;
                at += 1;
            } else {
                match byte {
                    b'"' => in_string = true,
                    b'{' | b'[' => depth = depth.saturating_add(1),
                    b',' | b']' if depth == 0 => {
                        found = Some(at);
                        break;
                    }
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                at += 1;
            }
        }
        self.searched = at;
        self.nesting = Nesting {
            depth,
            in_string,
            after_backslash,
        };
        found
    }

    /// Reports a piece that exceeds the limit before its end has arrived.
    fn over_limit(&mut self) -> Option<Piece> {
        if self.is_skipping {
            // The rest of a rejected piece is dropped as it arrives.
            self.start = self.searched;
            return None;
        }
        if self.bytes.len() - self.start <= self.limit {
            return None;
        }
        self.is_skipping = true;
        let start = core::mem::replace(&mut self.start, self.searched);
        Some(Piece::TooLarge(start..start + self.limit))
    }
}

pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
