//! Decides which fields of records become columns of a table, by the first records.

use std::collections::HashMap;

use selvedge_core::reconcile::Fields;
use selvedge_core::time::ServerTime;

use super::print::{Row, cell};
use crate::output::width;

/// The maximum number of records that are examined to find the columns,
const MAX_ROWS: usize = 500;
/// and the maximum number of their bytes.
const MAX_BYTES: usize = 1 << 20;
/// A text column wider than this is truncated before another column is omitted.
const WIDE: usize = 16;
/// Columns of the terminal between two cells.
const GAP: usize = 2;

/// The first records of a table.
#[derive(Debug, Default)]
pub(super) struct Sample {
    rows: Vec<(String, ServerTime, String)>,
    bytes: usize,
}

/// The known facts about a field.
#[derive(Debug)]
struct Known {
    /// Number of records that have it.
    count: usize,
    /// Its widest value.
    width: usize,
    is_number: bool,
}

impl Sample {
    pub(super) fn add(&mut self, row: Row<'_>) {
        self.bytes += row.text.len();
        self.rows
            .push((row.id.to_owned(), row.modified, row.text.to_owned()));
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= MAX_ROWS || self.bytes >= MAX_BYTES
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(id, modified, text)| Row {
            id,
            modified: *modified,
            text,
        })
    }

    /// The columns in their order, and the fields that do not fit into a line of `terminal` columns: the id and the
    /// time, then the fields that occur in the largest number of records; of equal ones the first.
    pub(super) fn choose(&self, terminal: Option<usize>) -> (Vec<String>, Vec<String>) {
        let mut fields = self.fields();
        fields.sort_by_key(|(_, known)| std::cmp::Reverse(known.count));
        let id = self.rows.iter().map(|(id, ..)| width(id)).max();
        let mut room = terminal.map(|columns| {
            let used = id.unwrap_or(2).min(WIDE) + GAP + "2026-11-21T03:12:41Z".len();
            columns.saturating_sub(used)
        });
        let (mut shown, mut left_out) = (vec!["id".to_owned(), "modified".to_owned()], Vec::new());
        for (name, known) in fields {
            let needs = GAP + known.width.min(WIDE).max(width(&name));
            match &mut room {
                // The first field is shown even if the space is too small: a table of times alone is useless.
                Some(room) if *room < needs && shown.len() > 2 => left_out.push(name),
                Some(room) => {
                    *room = room.saturating_sub(needs);
                    shown.push(name);
                }
                None => shown.push(name),
            }
        }
        (shown, left_out)
    }

    /// The fields that contain only numbers.
    pub(super) fn numbers(&self) -> Vec<String> {
        let numbers = self
            .fields()
            .into_iter()
            .filter(|(_, known)| known.is_number);
        numbers.map(|(name, _)| name).collect()
    }

    /// The fields in the order of their first occurrence.
    fn fields(&self) -> Vec<(String, Known)> {
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut found: Vec<(String, Known)> = Vec::new();
        for (.., text) in &self.rows {
            let Ok(fields) = Fields::parse(text) else {
                continue;
            };
            for name in fields
                .names()
                .filter(|name| !matches!(*name, "id" | "modified"))
            {
                let value = fields.get(name).unwrap_or("null");
                let at = *places.entry(name.to_owned()).or_insert_with(|| {
                    found.push((
                        name.to_owned(),
                        Known {
                            count: 0,
                            width: 0,
                            is_number: true,
                        },
                    ));
                    found.len() - 1
                });
                let Some((_, known)) = found.get_mut(at) else {
                    continue;
                };
                known.count += 1;
                known.width = known.width.max(width(&cell(value)));
                let is_number = value == "null" || value.parse::<f64>().is_ok();
                known.is_number &= is_number;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(texts: &[&str]) -> Sample {
        let mut sample = Sample::default();
        for text in texts {
            sample.add(Row {
                id: "abcdefghijkl",
                modified: ServerTime::ZERO,
                text,
            });
        }
        sample
    }

    #[test]
    fn fields_that_most_records_have_come_first_and_what_has_no_room_is_told() {
        let sample = sample(&[
            r#"{"id":"a","rare":1,"title":"milk","url":"https://example.org/a/long/one"}"#,
            r#"{"id":"b","title":"tea","url":null,"n":7}"#,
            r#"{"id":"c","n":8.5,"title":"x"}"#,
            "no object",
        ]);
        let all = ["id", "modified", "title", "url", "n", "rare"];
        let (shown, left_out) = sample.choose(None);
        assert_eq!(
            (shown.as_slice(), left_out.len()),
            (&all.map(String::from)[..], 0)
        );
        assert_eq!(sample.numbers(), ["rare", "n"]);
        let (shown, left_out) = sample.choose(Some(80));
        assert_eq!((shown.len(), left_out.len()), (6, 0));
        let (shown, left_out) = sample.choose(Some(50));
        assert_eq!(
            (shown, left_out),
            (
                ["id", "modified", "title", "n"].map(String::from).into(),
                vec!["url".to_owned(), "rare".to_owned()],
            )
        );
        let (shown, left_out) = sample.choose(Some(20));
        assert_eq!((shown.len(), left_out.len()), (3, 3));
    }
}
