//! Reads the records in request bodies (spec §3.1, §3.4, §3.6).

use std::collections::{BTreeMap, HashSet};

use axum::http::{HeaderMap, header};
use selvedge_core::ids::RecordId;
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;

use super::encoder::Format;
use super::raw_records::{ListedRecord, Members, RawRecord};
use super::reply::{Refusal, WeaveCode};
use crate::model::{Field, Incoming};

/// The largest number of nine digits.
const NINE_DIGITS: u64 = 999_999_999;

/// The format of a body by its `Content-Type`; `text/plain` is read as JSON, because Firefox sends it.
///
/// # Errors
/// 415 for another one, and for a compressed body.
pub(super) fn format(headers: &HeaderMap) -> Result<Format, Refusal> {
    if !is_plain(headers) {
        return Err(Refusal::UnsupportedMediaType);
    }
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(Format::Array);
    };
    let text = value.to_str().map_err(|_| Refusal::UnsupportedMediaType)?;
    let mime = text.split(';').next().unwrap_or_default().trim();
    match mime.to_ascii_lowercase().as_str() {
        "application/json" | "text/plain" => Ok(Format::Array),
        "application/newlines" => Ok(Format::Lines),
        _ => Err(Refusal::UnsupportedMediaType),
    }
}

/// Whether a body is not compressed.
pub(super) fn is_plain(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// The records of a POST: the valid ones, and the ids of the others with a reason.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Records {
    /// The valid records.
    pub valid: Vec<Incoming>,
    /// The ids of invalid records.
    pub failed: BTreeMap<String, &'static str>,
}

/// Reads the records of a POST. An invalid record does not prevent the others from being written.
///
/// # Errors
/// 400 with code 6 if it is not JSON, with code 8 if it is not a list of objects with ids, or if an id occurs twice.
pub(super) fn records(format: Format, body: &[u8]) -> Result<Records, Refusal> {
    let mut records = Records::default();
    let mut seen = HashSet::new();
    if let Ok(wires) = list::<Wire>(format, body) {
        for mut wire in wires {
            let id = wire.id.take();
            let id = id.ok_or(Refusal::BadRequest(WeaveCode::InvalidRecord))?;
            records.add(&mut seen, id, Ok(wire.members()))?;
        }
    } else {
        for ListedRecord { id, record } in list(format, body)? {
            records.add(&mut seen, id, record.read())?;
        }
    }
    Ok(records)
}

impl Records {
    fn add(
        &mut self,
        seen: &mut HashSet<String>,
        id: String,
        members: Result<Members, &'static str>,
    ) -> Result<(), Refusal> {
        if !seen.insert(id.clone()) {
            return Err(Refusal::BadRequest(WeaveCode::InvalidRecord));
        }
        let record_id = RecordId::new(id.clone()).map_err(|_| "invalid id");
        match record_id.and_then(|record_id| check(record_id, members?)) {
            Ok(record) => self.valid.push(record),
            Err(reason) => {
                self.failed.insert(id, reason);
            }
        }
        Ok(())
    }
}

/// Reads a list of objects.
fn list<'a, T: Deserialize<'a>>(format: Format, body: &'a [u8]) -> Result<Vec<T>, Refusal> {
    let list = match format {
        Format::Array => serde_json::from_slice(body),
        Format::Lines if body.is_empty() => Ok(Vec::new()),
        Format::Lines => {
            let lines = body.strip_suffix(b"\n").unwrap_or(body);
            let lines = lines.split(|byte| *byte == b'\n');
            lines.map(serde_json::from_slice).collect()
        }
    };
    list.map_err(|error| refusal(&error))
}

/// Reads the one record of a PUT, whose id is the URL's.
///
/// # Errors
/// 400 with code 6 if it is not JSON, with code 8 if it is not a record.
pub(super) fn record(id: RecordId, format: Format, body: &[u8]) -> Result<Incoming, Refusal> {
    if format == Format::Lines {
        return Err(Refusal::UnsupportedMediaType);
    }
    let members = match serde_json::from_slice::<Wire>(body) {
        Ok(wire) => Ok(wire.members()),
        Err(_) => {
            let raw: RawRecord<'_> = serde_json::from_slice(body).map_err(|e| refusal(&e))?;
            raw.read()
        }
    };
    members
        .and_then(|members| check(id, members))
        .map_err(|_| Refusal::BadRequest(WeaveCode::InvalidRecord))
}

fn refusal(error: &serde_json::Error) -> Refusal {
    Refusal::BadRequest(match error.classify() {
        Category::Data => WeaveCode::InvalidRecord,
        Category::Io | Category::Syntax | Category::Eof => WeaveCode::MalformedJson,
    })
}

/// A valid record; [`RawRecord`] reads the others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    id: Option<String>,
    #[serde(default, deserialize_with = "field")]
    payload: Field<String>,
    #[serde(default, deserialize_with = "field")]
    sortindex: Field<i64>,
    #[serde(default, deserialize_with = "field")]
    ttl: Field<i64>,
    #[serde(default, rename = "modified")]
    _modified: IgnoredAny,
    #[serde(default, rename = "collection")]
    _collection: IgnoredAny,
    /// Clients of the dialect 1.1 still write these two; they are ignored.
    #[serde(default, rename = "parentid")]
    _parent_id: IgnoredAny,
    #[serde(default, rename = "predecessorid")]
    _predecessor_id: IgnoredAny,
}

impl Wire {
    fn members(self) -> Members {
        Members {
            payload: self.payload,
            sortindex: self.sortindex,
            ttl: self.ttl,
        }
    }
}

fn check(id: RecordId, members: Members) -> Result<Incoming, &'static str> {
    if matches!(members.sortindex, Field::Set(index) if index.unsigned_abs() > NINE_DIGITS) {
        return Err("invalid sortindex");
    }
    let ttl = match members.ttl {
        Field::Keep => Field::Keep,
        Field::Clear => Field::Clear,
        Field::Set(ttl) => match u32::try_from(ttl) {
            Ok(ttl) if u64::from(ttl) <= NINE_DIGITS => Field::Set(ttl),
            _ => return Err("invalid ttl"),
        },
    };
    Ok(Incoming {
        id,
        payload: members.payload,
        sortindex: members.sortindex,
        ttl,
    })
}

fn field<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Field<T>, D::Error> {
    let value = Option::<T>::deserialize(from).map_err(D::Error::custom)?;
    Ok(value.map_or(Field::Clear, Field::Set))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: WeaveCode) -> Result<Records, Refusal> {
        Err(Refusal::BadRequest(code))
    }

    #[test]
    fn absent_keeps_null_clears_and_a_value_sets() {
        let body = br#"[{"id":"a","payload":"p","sortindex":-5,"ttl":0},{"id":"b","payload":null,"sortindex":null,"ttl":null},
            {"id":"c","modified":"anything","collection":7}]"#;
        let fields = |record: &Incoming| (record.payload.clone(), record.sortindex, record.ttl);
        let records = records(Format::Array, body).unwrap().valid;
        assert_eq!(
            fields(&records[0]),
            (Field::Set("p".into()), Field::Set(-5), Field::Set(0))
        );
        assert_eq!(
            fields(&records[1]),
            (Field::Clear, Field::Clear, Field::Clear)
        );
        assert_eq!(fields(&records[2]), (Field::Keep, Field::Keep, Field::Keep));
    }

    #[test]
    fn a_body_that_is_no_list_of_records_is_refused_by_its_code() {
        for (body, code) in [
            (&b""[..], WeaveCode::MalformedJson),
            (b"[", WeaveCode::MalformedJson),
            (b"nonsense", WeaveCode::MalformedJson),
            (b"\xff", WeaveCode::MalformedJson),
            (b"{}", WeaveCode::InvalidRecord),
            (b"[1]", WeaveCode::InvalidRecord),
            (b"[{}]", WeaveCode::InvalidRecord),
            (b"[{\"id\":5}]", WeaveCode::InvalidRecord),
            (b"[{\"id\":\"a\"},\"b\"]", WeaveCode::InvalidRecord),
            (b"[{\"id\":\"a\"},null]", WeaveCode::InvalidRecord),
            (b"[{\"id\":\"a\"},{\"id\":\"a\"}]", WeaveCode::InvalidRecord),
        ] {
            assert_eq!(
                records(Format::Array, body),
                refused(code),
                "{}",
                body.escape_ascii()
            );
        }
    }

    #[test]
    fn an_invalid_record_fails_alone() {
        for (member, reason) in [
            ("\"foo\":1", "unknown field"),
            ("\"payload\":5", "invalid payload"),
            ("\"payload\":{}", "invalid payload"),
            ("\"sortindex\":\"1\"", "invalid sortindex"),
            ("\"sortindex\":1.5", "invalid sortindex"),
            ("\"sortindex\":-9223372036854775808", "invalid sortindex"),
            ("\"ttl\":\"5\"", "invalid ttl"),
            ("\"sortindex\":1000000000", "invalid sortindex"),
            ("\"sortindex\":-1000000000", "invalid sortindex"),
            ("\"ttl\":-1", "invalid ttl"),
            ("\"ttl\":1000000000", "invalid ttl"),
        ] {
            let (bad, good) = (format!("{{\"id\":\"a\",{member}}}"), "{\"id\":\"b\"}");
            for (format, body) in [
                (Format::Array, format!("[{bad},{good}]")),
                (Format::Lines, format!("{good}\n{bad}\n")),
            ] {
                let records = records(format, body.as_bytes()).unwrap();
                assert_eq!(records.failed.get("a"), Some(&reason), "{member}");
                assert_eq!(records.valid.len(), 1);
            }
            let id = RecordId::new("a").unwrap();
            assert_eq!(
                record(id, Format::Array, bad.as_bytes()),
                Err(Refusal::BadRequest(WeaveCode::InvalidRecord)),
                "{member}"
            );
        }
        let records = records(Format::Array, b"[{\"id\":\"\"},{\"id\":\"\\u00e9\"}]").unwrap();
        assert_eq!(records.failed.len(), 2);
    }

    #[test]
    fn of_members_that_come_twice_the_last_counts() {
        let body =
            br#"{"id":"b","id":"a","payload":5,"payload":"1","payload":"2","ttl":null,"ttl":7}"#;
        let list = [b"[", &body[..], b"]"].concat();
        let posted = records(Format::Array, &list).unwrap().valid;
        let put = record(RecordId::new("a").unwrap(), Format::Array, body).unwrap();
        assert_eq!(posted, std::slice::from_ref(&put));
        assert_eq!(
            (put.payload, put.ttl),
            (Field::Set("2".into()), Field::Set(7))
        );
        let twice = b"[{\"id\":\"a\",\"payload\":5},{\"id\":\"a\"}]";
        assert_eq!(
            records(Format::Array, twice),
            refused(WeaveCode::InvalidRecord)
        );
    }

    #[test]
    fn lines_are_read_with_and_without_a_last_line_feed() {
        for (body, read) in [
            (&b""[..], Ok(0)),
            (b"{\"id\":\"a\"}", Ok(1)),
            (b"{\"id\":\"a\"}\n{\"id\":\"b\"}\n", Ok(2)),
            (b"\n", Err(Refusal::BadRequest(WeaveCode::MalformedJson))),
            (b"[]", Err(Refusal::BadRequest(WeaveCode::InvalidRecord))),
        ] {
            assert_eq!(
                records(Format::Lines, body).map(|r| r.valid.len()),
                read,
                "{}",
                body.escape_ascii()
            );
        }
    }

    #[test]
    fn the_content_type_decides_how_a_body_is_read() {
        for (value, expected) in [
            (None, Ok(Format::Array)),
            (Some("application/json"), Ok(Format::Array)),
            (Some("application/json; charset=utf-8"), Ok(Format::Array)),
            (Some("text/plain"), Ok(Format::Array)),
            (Some("Application/Newlines"), Ok(Format::Lines)),
            (
                Some("application/octet-stream"),
                Err(Refusal::UnsupportedMediaType),
            ),
        ] {
            let headers = value.map(|v| (header::CONTENT_TYPE, v.parse().unwrap()));
            assert_eq!(
                format(&headers.into_iter().collect()),
                expected,
                "{value:?}"
            );
        }
        for (encoding, expected) in [
            ("identity", Ok(Format::Array)),
            ("gzip", Err(Refusal::UnsupportedMediaType)),
            ("identity, br", Err(Refusal::UnsupportedMediaType)),
            ("", Err(Refusal::UnsupportedMediaType)),
        ] {
            let headers = [(header::CONTENT_ENCODING, encoding.parse().unwrap())];
            let headers = headers.into_iter().collect();
            assert_eq!(format(&headers), expected, "{encoding}");
        }
    }
}
