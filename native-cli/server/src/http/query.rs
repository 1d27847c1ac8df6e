//! The query of a request on a collection: selection, order, page token (spec §3.3), and batch (§3.6).

use std::borrow::Cow;

use selvedge_core::ids::RecordId;
use selvedge_core::server::Dialect;
use selvedge_core::time::ServerTime;

use super::reply::{Refusal, WeaveCode};
use crate::model::{BatchId, Position, Selection, Sort};

/// Maximum number of ids in one request.
pub(super) const MAX_IDS: usize = 100;

/// A token of the next page: `<value>-<number>`, both decimal. The value is the time in hundredths, or the sort index minus
/// [`Position::NO_SORTINDEX`], which is never negative.
pub(super) fn page_token(sort: Sort, position: Position) -> String {
    let value = position.value - lowest_value(sort);
    format!("{value}-{}", position.number)
}

fn parse_page_token(sort: Sort, text: &str) -> Option<Position> {
    let number = |digits: &str| -> Option<i64> {
        let valid = (1..=18).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        valid.then(|| digits.parse().ok()).flatten()
    };
    let (value, row) = text.split_once('-')?;
    Some(Position {
        value: number(value)? + lowest_value(sort),
        number: number(row)?.unsigned_abs(),
    })
}

const fn lowest_value(sort: Sort) -> i64 {
    match sort {
        Sort::Oldest | Sort::Newest => 0,
        Sort::Index => Position::NO_SORTINDEX,
    }
}

/// Reads the query of a GET. Parameters that the protocol does not define are ignored.
///
/// # Errors
/// 400 for a malformed value.
pub(super) fn selection(dialect: Dialect, query: Option<&str>) -> Result<Selection, Refusal> {
    let mut selection = Selection::default();
    let mut token = None;
    for (name, value) in pairs(query) {
        match &*name {
            "ids" => selection.ids = Some(ids(&value)?),
            "newer" => selection.newer = Some(time(&value)?),
            "older" => selection.older = Some(time(&value)?),
            // Whatever its value, as the reference server reads it.
            "full" => selection.full = true,
            "limit" => selection.limit = Some(limit(&value)?),
            "offset" if dialect == Dialect::V1_1 => selection.skip = number(&value)?,
            "index_above" if dialect == Dialect::V1_1 => {
                selection.index_above = Some(index(&value)?);
            }
            "index_below" if dialect == Dialect::V1_1 => {
                selection.index_below = Some(index(&value)?);
            }
            "offset" => token = Some(value),
            "sort" => {
                selection.sort = match &*value {
                    "newest" => Sort::Newest,
                    "oldest" => Sort::Oldest,
                    "index" => Sort::Index,
                    _ => return Err(malformed()),
                };
            }
            _ => {}
        }
    }
    if let Some(token) = token {
        selection.after = Some(parse_page_token(selection.sort, &token).ok_or_else(malformed)?);
    }
    if selection.skip > 0 && selection.limit.is_none() {
        return Err(malformed());
    }
    Ok(selection)
}
/// The parameters that narrowed a DELETE in 1.1, besides `ids`.
const NARROWING: [&str; 9] = [
    "newer",
    "older",
    "limit",
    "offset",
    "sort",
    "index_above",
    "index_below",
    "parentid",
    "predecessorid",
];

/// Reads the `ids` of a DELETE on a collection; none means the whole collection.
///
/// # Errors
/// 400 for malformed ids, and for other parameters that narrowed it in 1.1. An empty `ids=` is malformed: it must not delete
/// everything.
pub(super) fn ids_to_delete(
    dialect: Dialect,
    query: Option<&str>,
) -> Result<Option<Vec<RecordId>>, Refusal> {
    let mut found = None;
    for (name, value) in pairs(query) {
        if name == "ids" {
            found = Some(ids(&value)?);
        } else if dialect == Dialect::V1_1 && NARROWING.contains(&&*name) {
            return Err(malformed());
        }
    }
    Ok(found)
}

/// What a POST does with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BatchStep {
    /// No batch.
    None,
    /// A batch that opens and commits at once: the same as no batch.
    Whole,
    /// Opens one (`batch=true`, or `batch=` as Mozilla's servers read it).
    Open,
    /// Adds to one.
    Add(BatchId),
    /// Adds to one and commits it.
    Commit(BatchId),
}

impl BatchStep {
    /// Reads the query of a POST.
    ///
    /// # Errors
    /// 400 for a `commit` that is not `true` or has no batch.
    pub(super) fn parse(query: Option<&str>) -> Result<Self, Refusal> {
        let (mut batch, mut commit) = (None, false);
        for (name, value) in pairs(query) {
            match &*name {
                "batch" => batch = Some(value),
                "commit" if value.eq_ignore_ascii_case("true") => commit = true,
                "commit" => return Err(malformed()),
                _ => {}
            }
        }
        let opens = |token: &str| token.is_empty() || token.eq_ignore_ascii_case("true");
        match (batch.as_deref(), commit) {
            (None, false) => Ok(Self::None),
            (None, true) => Err(malformed()),
            (Some(token), false) if opens(token) => Ok(Self::Open),
            (Some(token), true) if opens(token) => Ok(Self::Whole),
            (Some(token), commit) => {
                // A failed condition takes precedence over an unknown batch, so the storage decides.
                let batch = BatchId::parse(token).unwrap_or(BatchId::UNKNOWN);
                Ok(if commit {
                    Self::Commit(batch)
                } else {
                    Self::Add(batch)
                })
            }
        }
    }
}

fn pairs(query: Option<&str>) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
}

fn malformed() -> Refusal {
    Refusal::BadRequest(WeaveCode::Unknown)
}

fn ids(value: &str) -> Result<Vec<RecordId>, Refusal> {
    let mut ids = Vec::new();
    for id in value.split(',') {
        if ids.len() == MAX_IDS {
            return Err(Refusal::BadRequest(WeaveCode::LimitExceeded));
        }
        ids.push(RecordId::new(id).map_err(|_| malformed())?);
    }
    Ok(ids)
}

fn time(value: &str) -> Result<ServerTime, Refusal> {
    ServerTime::parse(value).map_err(|_| malformed())
}

/// A number of records, which may be zero.
fn number(value: &str) -> Result<u64, Refusal> {
    let digits = (1..=18).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    value.parse().ok().filter(|_| digits).ok_or_else(malformed)
}

/// A sort index of at most nine digits.
fn index(value: &str) -> Result<i64, Refusal> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let is_index = (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    value
        .parse()
        .ok()
        .filter(|_| is_index)
        .ok_or_else(malformed)
}

fn limit(value: &str) -> Result<u64, Refusal> {
    let digits = (1..=18).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    match value.parse() {
        Ok(limit) if digits && limit > 0 => Ok(limit),
        _ => Err(malformed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_of_a_read_is_understood() {
        let read = selection(
            Dialect::V1_5,
            Some("full=1&ids=a,b%2Fc&newer=1.5&older=2&limit=10&offset=15-7&sort=newest&v=3"),
        );
        assert_eq!(
            read,
            Ok(Selection {
                ids: Some(vec![
                    RecordId::new("a").unwrap(),
                    RecordId::new("b/c").unwrap()
                ]),
                newer: Some(ServerTime::from_hundredths(150)),
                older: Some(ServerTime::from_hundredths(200)),
                full: true,
                limit: Some(10),
                after: Some(Position {
                    value: 15,
                    number: 7,
                }),
                sort: Sort::Newest,
                ..Selection::default()
            })
        );
        assert_eq!(selection(Dialect::V1_5, None), Ok(Selection::default()));
    }

    #[test]
    fn any_value_of_full_asks_for_whole_records() {
        for query in ["full", "full=", "full=0", "full=false", "full=1"] {
            assert!(
                selection(Dialect::V1_5, Some(query)).unwrap().full,
                "{query}"
            );
        }
    }

    #[test]
    fn the_dialect_1_1_skips_a_number_of_records_and_knows_sort_indexes() {
        let parse = |query| selection(Dialect::V1_1, Some(query));
        let query = "offset=20&limit=10&index_above=-5&index_below=7";
        let expected = Selection {
            skip: 20,
            limit: Some(10),
            index_above: Some(-5),
            index_below: Some(7),
            ..Selection::default()
        };
        assert_eq!(parse(query), Ok(expected));
        for bad in [
            "offset=20",
            "offset=15-7&limit=1",
            "offset=-1&limit=1",
            "offset=&limit=1",
            "index_above=x",
            "index_below=1234567890",
            "index_above=+1",
        ] {
            assert_eq!(parse(bad), Err(malformed()), "{bad}");
        }
        let ignored = selection(Dialect::V1_5, Some("index_above=x"));
        assert_eq!(ignored, Ok(Selection::default()));
    }

    #[test]
    fn what_would_have_narrowed_a_delete_does_not_delete_everything() {
        for name in NARROWING {
            let query = format!("{name}=1");
            assert_eq!(
                ids_to_delete(Dialect::V1_1, Some(&query)),
                Err(malformed()),
                "{name}"
            );
            assert_eq!(ids_to_delete(Dialect::V1_5, Some(&query)), Ok(None));
        }
        let ids = ids_to_delete(Dialect::V1_1, Some("ids=a,b")).unwrap();
        assert_eq!(ids.map(|ids| ids.len()), Some(2));
    }

    #[test]
    fn malformed_values_of_a_read_are_refused() {
        for query in [
            "ids=",
            "ids=a,,b",
            "newer=-1",
            "newer=x",
            "older=",
            "limit=0",
            "limit=-1",
            "limit=+1",
            "limit=x",
            "offset=",
            "offset=5",
            "offset=-5-1",
            "offset=a-b",
            "sort=random",
            "ids=%C3%A9",
        ] {
            let malformed = Refusal::BadRequest(WeaveCode::Unknown);
            assert_eq!(
                selection(Dialect::V1_5, Some(query)),
                Err(malformed),
                "{query}"
            );
        }
    }

    #[test]
    fn a_hundred_ids_are_read_and_one_more_is_refused() {
        let query = |count: usize| format!("ids={}", vec!["a"; count].join(","));
        assert_eq!(
            ids_to_delete(Dialect::V1_5, Some(&query(100)))
                .unwrap()
                .unwrap()
                .len(),
            100
        );
        assert_eq!(
            ids_to_delete(Dialect::V1_5, Some(&query(101))),
            Err(Refusal::BadRequest(WeaveCode::LimitExceeded))
        );
        assert_eq!(ids_to_delete(Dialect::V1_5, Some("v=1")), Ok(None));
    }

    #[test]
    fn a_post_says_what_it_is_to_its_batch() {
        let refused = Err(Refusal::BadRequest(WeaveCode::Unknown));
        for (query, step) in [
            ("", Ok(BatchStep::None)),
            ("batch=true", Ok(BatchStep::Open)),
            ("batch=", Ok(BatchStep::Open)),
            ("batch", Ok(BatchStep::Open)),
            ("batch=true&commit=true", Ok(BatchStep::Whole)),
            ("batch=12", Ok(BatchStep::Add(BatchId(12)))),
            ("commit=true&batch=12", Ok(BatchStep::Commit(BatchId(12)))),
            ("commit=true", refused.clone()),
            ("batch=12&commit=1", refused.clone()),
            ("batch=12&commit=false", refused),
            ("batch=nonsense", Ok(BatchStep::Add(BatchId::UNKNOWN))),
            ("batch=TRUE", Ok(BatchStep::Open)),
            ("batch=True&commit=TRUE", Ok(BatchStep::Whole)),
        ] {
            assert_eq!(BatchStep::parse(Some(query)), step, "{query}");
        }
    }
}
