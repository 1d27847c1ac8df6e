//! Writes records and ids as JSON arrays or as lines (spec §3.3).

use std::io::Write as _;

use axum::http::{HeaderMap, header};

use super::reply::Refusal;
use crate::model::Row;

/// The form of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `application/json`: one array.
    Array,
    /// `application/newlines`: one JSON value per line.
    Lines,
}

impl Format {
    /// The format that a client prefers.
    ///
    /// # Errors
    /// 406 when it accepts neither.
    pub(super) fn accepted(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut best = None;
        let mut asked = false;
        for value in headers.get_all(header::ACCEPT) {
            for range in value
                .to_str()
                .map_err(|_| Refusal::NotAcceptable)?
                .split(',')
            {
                asked = true;
                let mut parts = range.split(';').map(str::trim);
                let format = match parts.next().unwrap_or_default() {
                    "application/json" | "application/*" | "*/*" | "" => Self::Array,
                    "application/newlines" => Self::Lines,
                    _ => continue,
                };
                let quality = parts.find_map(|part| part.strip_prefix("q="));
                let quality = quality.map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0));
                if quality > 0.0 && best.is_none_or(|(_, known)| quality > known) {
                    best = Some((format, quality));
                }
            }
        }
        match best {
            Some((format, _)) => Ok(format),
            None if asked => Err(Refusal::NotAcceptable),
            None => Ok(Self::Array),
        }
    }

    /// The `Content-Type` of a reply.
    #[must_use]
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Array => "application/json",
            Self::Lines => "application/newlines",
        }
    }
}

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encoding {
    /// Array or lines.
    pub format: Format,
    /// Whole records, or only ids.
    pub full: bool,
}

/// Writes a list into a buffer that the caller may take between records.
#[derive(Debug)]
pub(super) struct Encoder {
    encoding: Encoding,
    first: bool,
    /// Encoded records that the caller has not taken yet.
    pub buffer: Vec<u8>,
}

impl Encoder {
    /// A list without records.
    #[must_use]
    pub(super) fn new(encoding: Encoding) -> Self {
        let buffer = match encoding.format {
            Format::Array => b"[".to_vec(),
            Format::Lines => Vec::new(),
        };
        Self {
            encoding,
            first: true,
            buffer,
        }
    }

    /// Adds a record.
    pub(super) fn push(&mut self, row: Row<'_>) {
        if self.encoding.format == Format::Array && !self.first {
            self.buffer.push(b',');
        }
        self.first = false;
        if self.encoding.full {
            record(&mut self.buffer, row);
        } else {
            string(&mut self.buffer, row.id);
        }
        if self.encoding.format == Format::Lines {
            self.buffer.push(b'\n');
        }
    }

    /// Ends the list.
    pub(super) fn finish(&mut self) {
        if self.encoding.format == Format::Array {
            self.buffer.push(b']');
        }
    }
}

/// Writes one record as a JSON object.
pub(super) fn record(out: &mut Vec<u8>, row: Row<'_>) {
    out.extend_from_slice(b"{\"id\":");
    string(out, row.id);
    out.extend_from_slice(b",\"modified\":");
    let _ = write!(out, "{}", row.modified);
    if let Some(sortindex) = row.sortindex {
        out.extend_from_slice(b",\"sortindex\":");
        let _ = write!(out, "{sortindex}");
    }
    out.extend_from_slice(b",\"payload\":");
    string(out, row.payload);
    out.push(b'}');
}

/// Writes UTF-8 as a JSON string. Almost every payload needs only its quotes escaped, so it is copied from quote to
/// quote; one with control characters is copied byte by byte.
pub(super) fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + text.len() / 16 + 2);
    out.push(b'"');
    if text
        .iter()
        .fold(false, |found, byte| found | (*byte < 0x20))
    {
        text.iter().for_each(|byte| push_escaped(out, *byte));
    } else {
        let mut rest = text;
        while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
            let (plain, special) = rest.split_at(at);
            out.extend_from_slice(plain);
            out.push(b'\\');
            let (byte, after) = special.split_at(1);
            out.extend_from_slice(byte);
            rest = after;
        }
        out.extend_from_slice(rest);
    }
    out.push(b'"');
}

fn push_escaped(out: &mut Vec<u8>, byte: u8) {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        0..0x20 => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        _ => out.push(byte),
    }
}

#[cfg(test)]
mod tests {
    use selvedge_core::time::ServerTime;

    use super::*;

    #[test]
    fn strings_are_escaped_as_json() {
        for text in [
            "",
            "plain",
            "{\"a\":\"b\\\\c\"}",
            "é ☃ 🎉",
            "line\nbreak\u{0}\u{1f}\"\\\t\r\u{7f}",
        ] {
            let mut out = Vec::new();
            string(&mut out, text.as_bytes());
            assert!(!out.contains(&b'\n'));
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn lists_have_the_form_that_was_asked_for() {
        let rows = [b"a", b"b"].map(|id| Row {
            number: 1,
            id,
            modified: ServerTime::from_hundredths(150),
            sortindex: (id == b"b").then_some(-3),
            payload: b"{\"x\"}",
        });
        let list = |format, full, rows: &[Row<'_>]| {
            let mut encoder = Encoder::new(Encoding { format, full });
            rows.iter().for_each(|row| encoder.push(*row));
            encoder.finish();
            String::from_utf8(encoder.buffer).unwrap()
        };
        let a = r#"{"id":"a","modified":1.50,"payload":"{\"x\"}"}"#;
        let b = r#"{"id":"b","modified":1.50,"sortindex":-3,"payload":"{\"x\"}"}"#;
        assert_eq!(list(Format::Array, true, &rows), format!("[{a},{b}]"));
        assert_eq!(list(Format::Lines, true, &rows), format!("{a}\n{b}\n"));
        assert_eq!(list(Format::Array, false, &rows), r#"["a","b"]"#);
        assert_eq!(list(Format::Lines, false, &rows), "\"a\"\n\"b\"\n");
        assert_eq!(list(Format::Array, true, &[]), "[]");
        assert_eq!(list(Format::Lines, true, &[]), "");
    }

    #[test]
    fn the_accepted_format_with_the_highest_quality_wins() {
        for (accept, format) in [
            (None, Ok(Format::Array)),
            (Some("*/*"), Ok(Format::Array)),
            (Some("application/json;q=0.9,*/*;q=0.2"), Ok(Format::Array)),
            (Some("application/newlines"), Ok(Format::Lines)),
            (
                Some("application/json;q=0.2, application/newlines;q=0.9"),
                Ok(Format::Lines),
            ),
            (Some("application/newlines, */*"), Ok(Format::Lines)),
            (Some("text/html"), Err(Refusal::NotAcceptable)),
            (Some("application/json;q=0"), Err(Refusal::NotAcceptable)),
        ] {
            let headers = accept.map(|value| (header::ACCEPT, value.parse().unwrap()));
            let headers = headers.into_iter().collect();
            assert_eq!(Format::accepted(&headers), format, "{accept:?}");
        }
    }
}
