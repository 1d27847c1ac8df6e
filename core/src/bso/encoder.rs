//! Writes records in the form of a PUT or POST body.

use alloc::vec::Vec;

use crate::json::plain_length::plain_length;

/// A record to be written. A member that is `None` keeps its stored value on the server (spec §3.1).
///
/// ```
/// use selvedge_core::bso::Outgoing;
///
/// let mut body = Vec::new();
/// Outgoing { id: "global", payload: Some(r#"{"a":"\n"}"#), sortindex: None, ttl: Some(60) }.append_to(&mut body);
/// assert_eq!(body, br#"{"id":"global","payload":"{\"a\":\"\\n\"}","ttl":60}"#);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Its id.
    pub id: &'a str,
    /// The payload; for encrypted payloads see [`Sealer`](super::Sealer).
    pub payload: Option<&'a str>,
    /// Its sort index.
    pub sortindex: Option<i32>,
    /// Time to live: the server deletes the record after this number of seconds.
    pub ttl: Option<u32>,
}

impl Outgoing<'_> {
    /// Appends the JSON object.
    pub fn append_to(&self, body: &mut Vec<u8>) {
        body.extend_from_slice(b"{\"id\":\"");
        escape(self.id, body);
        if let Some(payload) = self.payload {
            body.extend_from_slice(b"\",\"payload\":\"");
            escape(payload, body);
        }
        body.push(b'"');
        append_numbers(self.sortindex, self.ttl, body);
    }
}

/// Appends the numeric members and closes the object.
pub(super) fn append_numbers(sortindex: Option<i32>, ttl: Option<u32>, body: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    if let Some(sortindex) = sortindex {
        body.extend_from_slice(b",\"sortindex\":");
        body.extend_from_slice(digits.format(sortindex).as_bytes());
    }
    if let Some(ttl) = ttl {
        body.extend_from_slice(b",\"ttl\":");
        body.extend_from_slice(digits.format(ttl).as_bytes());
    }
    body.push(b'}');
}

/// Appends a text with JSON string escapes.
pub(super) fn escape(text: &str, body: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(plain_length(rest));
        body.extend_from_slice(plain);
        let Some((byte, after)) = special.split_first() else {
            return;
        };
        match byte {
            b'"' => body.extend_from_slice(b"\\\""),
            b'\\' => body.extend_from_slice(b"\\\\"),
            b'\n' => body.extend_from_slice(b"\\n"),
            b'\r' => body.extend_from_slice(b"\\r"),
            b'\t' => body.extend_from_slice(b"\\t"),
            _ => {
                body.extend_from_slice(b"\\u00");
                body.extend_from_slice(&[
                    b'0' + (byte >> 4),
                    b"0123456789abcdef"[usize::from(byte & 15)],
                ]);
            }
        }
        rest = after;
    }
}
