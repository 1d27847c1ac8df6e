//! Reads records member by member, for requests that cannot be parsed as valid records in one pass: an invalid record fails
//! alone (spec §3.1), and of duplicate members the last one counts (spec §0.9).

use serde::de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::model::Field;

/// The members of a record that a client may write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Members {
    pub(super) payload: Field<String>,
    pub(super) sortindex: Field<i64>,
    pub(super) ttl: Field<i64>,
}

/// A JSON object whose members are not parsed yet.
#[derive(Default)]
pub(super) struct RawRecord<'a> {
    id: Option<&'a RawValue>,
    payload: Option<&'a RawValue>,
    sortindex: Option<&'a RawValue>,
    ttl: Option<&'a RawValue>,
    has_unknown_member: bool,
}

/// A record of a POST, which has an id.
pub(super) struct ListedRecord<'a> {
    /// The id as the client wrote it; it may be invalid.
    pub(super) id: String,
    pub(super) record: RawRecord<'a>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Name {
    Id,
    Payload,
    SortIndex,
    Ttl,
    Modified,
    Collection,
    ParentId,
    PredecessorId,
    #[serde(other)]
    Unknown,
}

impl RawRecord<'_> {
    /// Reads the members.
    ///
    /// # Errors
    /// The reason why the record is invalid.
    pub(super) fn read(&self) -> Result<Members, &'static str> {
        if self.has_unknown_member {
            return Err("unknown field");
        }
        Ok(Members {
            payload: field(self.payload).ok_or("invalid payload")?,
            sortindex: field(self.sortindex).ok_or("invalid sortindex")?,
            ttl: field(self.ttl).ok_or("invalid ttl")?,
        })
    }
}

fn field<T: DeserializeOwned>(raw: Option<&RawValue>) -> Option<Field<T>> {
    let Some(raw) = raw else {
        return Some(Field::Keep);
    };
    let value: Option<T> = serde_json::from_str(raw.get()).ok()?;
    Some(value.map_or(Field::Clear, Field::Set))
}

/// The text of an id; if it is not Unicode (an unpaired surrogate), the escaped text.
fn id_text(raw: &RawValue) -> Option<String> {
    let inside = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    Some(serde_json::from_str(raw.get()).unwrap_or_else(|_| inside.to_owned()))
}

impl<'de: 'a, 'a> Deserialize<'de> for RawRecord<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RecordVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for ListedRecord<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let record = RawRecord::deserialize(deserializer)?;
        let id = record.id.and_then(id_text);
        let id = id.ok_or_else(|| D::Error::custom("a record needs an id that is a string"))?;
        Ok(Self { id, record })
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = RawRecord<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut record = RawRecord::default();
        while let Some(name) = map.next_key()? {
            match name {
                Name::Id => record.id = Some(map.next_value()?),
                Name::Payload => record.payload = Some(map.next_value()?),
                Name::SortIndex => record.sortindex = Some(map.next_value()?),
                Name::Ttl => record.ttl = Some(map.next_value()?),
                Name::Modified | Name::Collection | Name::ParentId | Name::PredecessorId => {
                    map.next_value::<IgnoredAny>()?;
                }
                Name::Unknown => {
                    record.has_unknown_member = true;
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_invalid_member_is_named_and_the_last_of_two_counts() {
        let keep = Members {
            payload: Field::Keep,
            sortindex: Field::Keep,
            ttl: Field::Keep,
        };
        for (json, expected) in [
            (r#"{"modified":"x","collection":[],"parentid":1}"#, Ok(keep)),
            (r#"{"foo":1}"#, Err("unknown field")),
            (r#"{"payload":5}"#, Err("invalid payload")),
            (r#"{"payload":{"a":[1]}}"#, Err("invalid payload")),
            (r#"{"payload":"\ud83d"}"#, Err("invalid payload")),
            (r#"{"sortindex":"1"}"#, Err("invalid sortindex")),
            (r#"{"sortindex":1.0}"#, Err("invalid sortindex")),
            (r#"{"sortindex":1e400}"#, Err("invalid sortindex")),
            (
                r#"{"sortindex":99999999999999999999}"#,
                Err("invalid sortindex"),
            ),
            (r#"{"ttl":true}"#, Err("invalid ttl")),
            (r#"{"ttl":[]}"#, Err("invalid ttl")),
            (
                r#"{"payload":5,"payload":"p","sortindex":1,"sortindex":-2,"ttl":"x","ttl":null}"#,
                Ok(Members {
                    payload: Field::Set("p".into()),
                    sortindex: Field::Set(-2),
                    ttl: Field::Clear,
                }),
            ),
        ] {
            let record: RawRecord<'_> = serde_json::from_str(json).unwrap();
            assert_eq!(record.read(), expected, "{json}");
        }
    }

    #[test]
    fn values_nested_deeper_than_any_parser_recurses_fail_one_record() {
        let deep = format!(r#"{{"payload":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
        let record: RawRecord<'_> = serde_json::from_str(&deep).unwrap();
        assert_eq!(record.read(), Err("invalid payload"));
    }

    #[test]
    fn a_listed_record_has_an_id_that_is_a_string() {
        for (json, expected) in [
            (r#"{"id":"a"}"#, Some("a")),
            (r#"{"id":1,"id":"\u0061"}"#, Some("a")),
            (r#"{"id":""}"#, Some("")),
            (r#"{"id":"\ud800"}"#, Some("\\ud800")),
            ("{}", None),
            (r#"{"id":5}"#, None),
            (r#"{"id":null}"#, None),
            ("[]", None),
            ("\"x\"", None),
        ] {
            let listed = serde_json::from_str::<ListedRecord<'_>>(json).ok();
            assert_eq!(
                listed.as_ref().map(|listed| &*listed.id),
                expected,
                "{json}"
            );
        }
    }
}
