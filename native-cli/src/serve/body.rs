//! Reads the records in what clients send (spec §3.1, §3.4, §3.6).

use std::collections::{BTreeMap, HashSet};

use axum::http::{HeaderMap, header};
use selvedge_core::ids::RecordId;
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;

use super::encoder::Format;
use super::reply::{Refusal, WeaveCode};
use super::storage::{Field, Incoming};

/// Nine digits.
const NINE_DIGITS: i64 = 999_999_999;

/// The form of a body by its `Content-Type`; `text/plain` is read as JSON, because Firefox sends it.
///
/// # Errors
/// 415 for another one.
pub(super) fn format(headers: &HeaderMap) -> Result<Format, Refusal> {
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

/// The records of a POST: those that can be written, and the ids of the others with a reason.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Records {
    /// What is well formed.
    pub valid: Vec<Incoming>,
    /// What has a value out of its bounds.
    pub failed: BTreeMap<String, &'static str>,
}

/// Reads the records of a POST.
///
/// # Errors
/// 400 with code 6 if it is no JSON, with code 8 if it is no list of records, if a record has members that the protocol
/// does not know, or if an id comes twice.
pub(super) fn records(format: Format, body: &[u8]) -> Result<Records, Refusal> {
    let wires: Vec<Wire> = match format {
        Format::Array => serde_json::from_slice(body).map_err(|e| refusal(&e))?,
        Format::Lines if body.is_empty() => Vec::new(),
        Format::Lines => {
            let lines = body
                .strip_suffix(b"\n")
                .unwrap_or(body)
                .split(|byte| *byte == b'\n');
            let wires = lines.map(|line| serde_json::from_slice(line).map_err(|e| refusal(&e)));
            wires.collect::<Result<_, _>>()?
        }
    };
    let mut seen = HashSet::with_capacity(wires.len());
    let mut records = Records::default();
    for wire in wires {
        let invalid = Refusal::BadRequest(WeaveCode::InvalidRecord);
        let id = wire.id.clone().ok_or(invalid.clone())?;
        if !seen.insert(id.clone()) {
            return Err(invalid);
        }
        match RecordId::new(id.clone())
            .map_err(|_| "invalid id")
            .and_then(|id| wire.check(id))
        {
            Ok(record) => records.valid.push(record),
            Err(reason) => {
                records.failed.insert(id, reason);
            }
        }
    }
    Ok(records)
}

/// Reads the one record of a PUT, whose id is the URL's.
///
/// # Errors
/// 400 with code 6 if it is no JSON, with code 8 if it is no record.
pub(super) fn record(id: RecordId, format: Format, body: &[u8]) -> Result<Incoming, Refusal> {
    if format == Format::Lines {
        return Err(Refusal::UnsupportedMediaType);
    }
    let wire: Wire = serde_json::from_slice(body).map_err(|e| refusal(&e))?;
    wire.check(id)
        .map_err(|_| Refusal::BadRequest(WeaveCode::InvalidRecord))
}

fn refusal(error: &serde_json::Error) -> Refusal {
    Refusal::BadRequest(match error.classify() {
        Category::Data => WeaveCode::InvalidRecord,
        Category::Io | Category::Syntax | Category::Eof => WeaveCode::MalformedJson,
    })
}

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
    /// Clients of the dialect 1.1 still write these two; nobody reads them.
    #[serde(default, rename = "parentid")]
    _parent_id: IgnoredAny,
    #[serde(default, rename = "predecessorid")]
    _predecessor_id: IgnoredAny,
}

impl Wire {
    fn check(self, id: RecordId) -> Result<Incoming, &'static str> {
        if matches!(self.sortindex, Field::Set(index) if index.abs() > NINE_DIGITS) {
            return Err("invalid sortindex");
        }
        let ttl = match self.ttl {
            Field::Keep => Field::Keep,
            Field::Clear => Field::Clear,
            Field::Set(ttl) if ttl > NINE_DIGITS => return Err("invalid ttl"),
            Field::Set(ttl) => Field::Set(u32::try_from(ttl).map_err(|_| "invalid ttl")?),
        };
        Ok(Incoming {
            id,
            payload: self.payload,
            sortindex: self.sortindex,
            ttl,
        })
    }
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
            (b"[{\"id\":\"a\",\"payload\":{}}]", WeaveCode::InvalidRecord),
            (
                b"[{\"id\":\"a\",\"sortindex\":1.5}]",
                WeaveCode::InvalidRecord,
            ),
            (b"[{\"id\":\"a\",\"unknown\":1}]", WeaveCode::InvalidRecord),
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
    fn values_out_of_bounds_fail_one_record_alone() {
        for (member, reason) in [
            ("\"sortindex\":1000000000", "invalid sortindex"),
            ("\"sortindex\":-1000000000", "invalid sortindex"),
            ("\"ttl\":-1", "invalid ttl"),
            ("\"ttl\":1000000000", "invalid ttl"),
        ] {
            let body = format!("[{{\"id\":\"a\",{member}}},{{\"id\":\"b\"}}]");
            let records = records(Format::Array, body.as_bytes()).unwrap();
            assert_eq!(records.failed.get("a"), Some(&reason), "{member}");
            assert_eq!(records.valid.len(), 1);
        }
        let records = records(Format::Array, b"[{\"id\":\"\"},{\"id\":\"\\u00e9\"}]").unwrap();
        assert_eq!(records.failed.len(), 2);
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
    }
}
