//! One record as a line of a backup: everything that is needed to restore it.

use std::borrow::Cow;

use selvedge_core::ids::RecordId;
use selvedge_core::time::ServerTime;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Maximum length of a line, in bytes: servers accept records of 2.5 MB.
pub const MAX_BYTES: usize = 16 << 20;

/// A record as a line holds it. The payload is its decrypted text, unchanged except that line ends between its members
/// are spaces.
///
/// ```
/// use selvedge_host::backup::line::Line;
///
/// let line = Line::parse(r#"{"id":"menu","modified":1.50,"sortindex":7,"payload":{"id":"menu","title":"x"}}"#)?;
/// assert_eq!((line.id.as_ref(), line.sortindex, line.ttl), ("menu", Some(7), None));
/// assert_eq!(line.payload.get(), r#"{"id":"menu","title":"x"}"#);
/// # Ok::<(), selvedge_host::backup::line::BadLine>(())
/// ```
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line<'a> {
    /// The record's id.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    /// When the server stored it.
    pub modified: ServerTime,
    /// Its sort index, if it has one.
    #[serde(default)]
    pub sortindex: Option<i32>,
    /// Its time to live in seconds, counted from the restore; servers do not return it, so it is that of the collection.
    #[serde(default)]
    pub ttl: Option<u32>,
    /// Its cleartext.
    #[serde(borrow)]
    pub payload: &'a RawValue,
}

/// Records are user data.
impl std::fmt::Debug for Line<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Why a line is not a record. The content is in no message.
///
/// ```
/// use selvedge_host::backup::line::{BadLine, Line};
///
/// assert_eq!(Line::parse("{").unwrap_err(), BadLine::NotARecord);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadLine {
    /// Not JSON, or a member is missing or of another type.
    #[error("it is not a record in JSON")]
    NotARecord,
    /// An id that no server accepts.
    #[error("its id is invalid")]
    Id,
    /// The payload is not a JSON object.
    #[error("its payload is not a JSON object")]
    Payload,
    /// The payload has another id.
    #[error("its payload has the id of another record")]
    OtherId,
}

/// The one member of a payload that a line is compared with.
#[derive(Deserialize)]
struct Inner<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
}

impl<'a> Line<'a> {
    /// Reads a line and checks it as a record that was just decrypted.
    ///
    /// # Errors
    /// [`BadLine`].
    pub fn parse(text: &'a str) -> Result<Self, BadLine> {
        let line: Self = serde_json::from_str(text).map_err(|_| BadLine::NotARecord)?;
        if !RecordId::is_valid(&line.id) {
            return Err(BadLine::Id);
        }
        let payload = line.payload.get();
        if !payload.starts_with('{') {
            return Err(BadLine::Payload);
        }
        let inner: Inner<'_> = serde_json::from_str(payload).map_err(|_| BadLine::Payload)?;
        if inner.id.is_some_and(|id| id != line.id) {
            return Err(BadLine::OtherId);
        }
        Ok(line)
    }
}

/// Writes a record as a line with its end, in place of what `line` contains.
///
/// ```
/// use selvedge_core::time::ServerTime;
/// use selvedge_host::backup::line;
///
/// let mut text = String::new();
/// line::write(&mut text, "menu", ServerTime::from_hundredths(150), None, Some(60), "{\n\"a\":1}");
/// assert_eq!(text, "{\"id\":\"menu\",\"modified\":1.50,\"ttl\":60,\"payload\":{ \"a\":1}}\n");
/// ```
pub fn write(
    line: &mut String,
    id: &str,
    modified: ServerTime,
    sortindex: Option<i32>,
    ttl: Option<u32>,
    cleartext: &str,
) {
    use std::fmt::Write as _;

    line.clear();
    let id = serde_json::Value::from(id);
    // Writing to a String cannot fail.
    let _ = write!(line, "{{\"id\":{id},\"modified\":{modified}");
    if let Some(sortindex) = sortindex {
        let _ = write!(line, ",\"sortindex\":{sortindex}");
    }
    if let Some(ttl) = ttl {
        let _ = write!(line, ",\"ttl\":{ttl}");
    }
    line.push_str(",\"payload\":");
    // In JSON, line ends occur only between tokens.
    for part in cleartext.trim().split_inclusive(['\n', '\r']) {
        match part.strip_suffix(['\n', '\r']) {
            Some(part) => {
                line.push_str(part);
                line.push(' ');
            }
            None => line.push_str(part),
        }
    }
    line.push_str("}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row() {
        for (text, expected) in [
            (r#"{"id":"a","modified":1,"payload":{"id":"a"}}"#, None),
            (r#"{"id":"a","modified":1,"payload":{}}"#, None),
            (
                r#"{"id":"a","modified":1,"payload":{"id":"b"}}"#,
                Some(BadLine::OtherId),
            ),
            (
                r#"{"id":"a","modified":1,"payload":[]}"#,
                Some(BadLine::Payload),
            ),
            (
                r#"{"id":"a","modified":1,"payload":{"id":7}}"#,
                Some(BadLine::Payload),
            ),
            (r#"{"id":"","modified":1,"payload":{}}"#, Some(BadLine::Id)),
            (r#"{"id":"a","payload":{}}"#, Some(BadLine::NotARecord)),
            (
                r#"{"id":"a","modified":1,"payload":{"#,
                Some(BadLine::NotARecord),
            ),
            (
                r#"{"id":"a","modified":1,"payload":{},"x":1}"#,
                Some(BadLine::NotARecord),
            ),
            ("", Some(BadLine::NotARecord)),
        ] {
            assert_eq!(Line::parse(text).err(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let cleartext = "{\r\n \"id\":\"a\\\"b\", \"t\":\"line\\nend \\ud800 \u{e4}\"}\n";
        let mut text = String::new();
        let time = ServerTime::from_hundredths(170_000_000_042);
        write(&mut text, "a\"b", time, Some(-3), Some(9), cleartext);
        assert_eq!(text.matches('\n').count(), 1);
        let line = Line::parse(text.trim_end()).unwrap();
        assert_eq!((line.id.as_ref(), line.modified), ("a\"b", time));
        assert_eq!((line.sortindex, line.ttl), (Some(-3), Some(9)));
        assert!(line.payload.get().contains("line\\nend \\ud800 \u{e4}"));
        assert!(!format!("{line:?}").contains("line"));
    }
}
