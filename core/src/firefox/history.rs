//! Visited pages (spec §6.2): the visits of both sides are a set.

use alloc::string::String;
use alloc::vec::Vec;

use super::judgement::Judgement;
use super::members::{Choice, choose, names, set, text};
use super::versions::{Merged, Versions};
use crate::ids::{Guid, RecordId};
use crate::json::{Object, Value};
use crate::reconcile::{Rule, Side};
use crate::sorted::Set;

/// Maximum number of visits in a record, the newest ones.
pub const MAX_VISITS: usize = 20;
/// Maximum number of pages that a first sync uploads.
pub const MAX_FIRST_UPLOAD: usize = 5000;
/// A first sync uploads pages whose last visit is at most this many milliseconds ago: 30 days.
pub const MAX_FIRST_UPLOAD_AGE: u64 = 30 * 86_400_000;
/// The earliest date of a visit, 1993-01-23, in microseconds.
pub const EARLIEST_VISIT: u64 = 727_747_200_000_000;

/// A visit of a page.
///
/// ```
/// use selvedge_core::firefox::history::Visit;
///
/// let visit = Visit::read(&r#"{"date":1796000000000000,"type":1}"#.parse()?).unwrap();
/// assert_eq!((visit.date, visit.kind), (1_796_000_000_000_000, 1));
/// assert!(Visit::read(&r#"{"date":1.5,"type":1}"#.parse()?).is_none());
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Visit {
    /// When, in microseconds since 1970.
    pub date: u64,
    /// How: 1 link, 2 typed, 3 bookmark, 4 embed, 5 permanent and 6 temporary redirect, 7 download, 8 frame, 9 reload.
    pub kind: u64,
}

impl Visit {
    /// A visit of a record; `None` if its date is not a positive whole number or its type is unknown.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let number = |name| value.get(name).and_then(Value::as_u64);
        let (date, kind) = (number("date")?, number("type")?);
        (date > 0 && (1..=9).contains(&kind)).then_some(Self { date, kind })
    }

    /// This visit with a possible date: one after `now` (milliseconds) is now, one before 1993 is that day.
    ///
    /// ```
    /// use selvedge_core::firefox::history::Visit;
    ///
    /// let visit = Visit { date: u64::MAX, kind: 1 };
    /// assert_eq!(visit.at_most(1_796_000_000_000).date, 1_796_000_000_000_000);
    /// ```
    #[must_use]
    pub fn at_most(self, now: u64) -> Self {
        let latest = now.saturating_mul(1000).max(EARLIEST_VISIT);
        Self {
            date: self.date.clamp(EARLIEST_VISIT, latest),
            ..self
        }
    }
}

/// The valid visits of a page, newest first.
///
/// ```
/// use selvedge_core::firefox::history;
///
/// let page = r#"{"visits":[{"date":1,"type":1},{"date":"x"},{"date":3000,"type":2}]}"#.parse()?;
/// let dates: Vec<u64> = history::visits(&page).iter().map(|visit| visit.date).collect();
/// assert_eq!(dates, [3000, 1]);
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[must_use]
pub fn visits(record: &Value) -> Vec<Visit> {
    let list = record.get("visits").and_then(Value::as_array);
    let mut visits: Vec<Visit> = list
        .unwrap_or_default()
        .iter()
        .filter_map(Visit::read)
        .collect();
    visits.sort_unstable_by(|a, b| b.cmp(a));
    visits
}

/// Whether Firefox stores pages of this URL.
fn is_page(url: &str) -> bool {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme);
    let hidden = [
        "about",
        "blob",
        "cached-favicon",
        "chrome",
        "data",
        "file",
        "imap",
        "javascript",
        "mailbox",
        "moz-anno",
        "moz-extension",
        "news",
        "page-icon",
        "resource",
        "view-source",
        "wyciwyg",
    ];
    scheme.is_some_and(|scheme| {
        !scheme.is_empty() && !hidden.contains(&&*scheme.to_ascii_lowercase())
    })
}

/// Whether a downloaded page can be used.
///
/// ```
/// use selvedge_core::firefox::{Judgement, history};
/// use selvedge_core::ids::RecordId;
///
/// let id = RecordId::new("8RkP3v_c0sUd")?;
/// let page = r#"{"histUri":"https://example.org/","visits":[]}"#.parse().unwrap();
/// assert_eq!(history::validate(&id, &page), Judgement::Valid);
/// # Ok::<(), selvedge_core::ids::InvalidId>(())
/// ```
#[must_use]
pub fn validate(id: &RecordId, record: &Value) -> Judgement {
    if !Guid::is_valid(id.as_str()) {
        return Judgement::Refuse("the id of a page must be 12 of A-Z, a-z, 0-9, - and _");
    }
    if !is_page(text(record, "histUri")) {
        return Judgement::Refuse("histUri must be the absolute URL of a web page");
    }
    if record.get("visits").and_then(Value::as_array).is_none() {
        return Judgement::Refuse("visits must be a list");
    }
    Judgement::Valid
}

/// What makes two pages the same: the URL.
///
/// ```
/// use selvedge_core::firefox::history;
///
/// let page = r#"{"histUri":"https://example.org/"}"#.parse()?;
/// assert_eq!(history::duplicate_key(&page).as_deref(), Some("https://example.org/"));
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[must_use]
pub fn duplicate_key(record: &Value) -> Option<String> {
    let url = record.get("histUri")?.as_str()?;
    (!url.is_empty()).then(|| url.into())
}

/// Whether a first sync uploads this page: its last visit is at most 30 days ago. `now` is in milliseconds.
///
/// ```
/// use selvedge_core::firefox::history;
///
/// let page = r#"{"visits":[{"date":1796000000000000,"type":1}]}"#.parse()?;
/// assert!(history::is_recent(&page, 1_796_000_000_000));
/// assert!(!history::is_recent(&page, 1_799_000_000_000));
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[must_use]
pub fn is_recent(record: &Value, now: u64) -> bool {
    let last = visits(record).first().map(|visit| visit.date / 1000);
    last.is_some_and(|last| now.saturating_sub(last) <= MAX_FIRST_UPLOAD_AGE)
}

/// Merges two versions of a page: the newest 20 visits of both, each once by millisecond and type; the title of the side
/// with the later visit; other members by side. Visits that are invalid are dropped.
#[must_use]
pub fn merge(versions: &Versions<'_>) -> Merged {
    let empty = Object::default();
    let members = |value| Value::as_object(value).unwrap_or(&empty);
    let (ours, theirs) = (members(versions.ours), members(versions.theirs));
    let base = versions.base.map(members);
    let last = |value| visits(value).first().copied();
    let later = match last(versions.ours).cmp(&last(versions.theirs)) {
        core::cmp::Ordering::Greater => Side::Ours,
        core::cmp::Ordering::Less => Side::Theirs,
        core::cmp::Ordering::Equal => versions.newer,
    };
    let mut rule = None;
    let mut record = Object::default();
    for name in names(ours, theirs).iter() {
        let name = *name;
        let (our, their) = (ours.get(name), theirs.get(name));
        let from = |side| match side {
            Side::Ours => our,
            Side::Theirs => their,
        };
        let value = match name {
            "visits" => Some(Value::Array(union(our, their))),
            _ => match choose(base.map(|base| base.get(name)), our, their) {
                Choice::Same => our.cloned(),
                Choice::Only(side) | Choice::Kept(side) => from(side).cloned(),
                Choice::Conflict => {
                    rule = Some(Rule::NewerFieldWins);
                    let side = if name == "title" {
                        later
                    } else {
                        versions.newer
                    };
                    from(side).cloned()
                }
            },
        };
        set(&mut record, name, value);
    }
    Merged::Record {
        record: Value::Object(record),
        rule,
    }
}

/// The newest visits of both lists, with their unknown members.
fn union(ours: Option<&Value>, theirs: Option<&Value>) -> Vec<Value> {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).unwrap_or_default().to_vec();
    let both = [list(ours), list(theirs)].concat();
    let mut visits: Vec<(Visit, Value)> = both
        .into_iter()
        .filter_map(|value| Some((Visit::read(&value)?, value)))
        .collect();
    // Of two that are equal by millisecond and type, the choice must not depend on the side.
    visits.sort_by_cached_key(|(visit, value)| {
        let text = alloc::string::ToString::to_string(value);
        core::cmp::Reverse((visit.date, visit.kind, text))
    });
    let mut seen = Set::new();
    let mut kept = Vec::new();
    for (visit, value) in visits {
        if kept.len() < MAX_VISITS
            && seen.insert(alloc::format!("{} {}", visit.date / 1000, visit.kind))
        {
            kept.push(value);
        }
    }
    kept
}
