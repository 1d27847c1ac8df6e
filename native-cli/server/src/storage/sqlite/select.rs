//! The SQL of a selection: a few statements, each with its index.

use rusqlite::types::ToSql;
use selvedge_core::ids::RecordId;

use super::records::sql;
use super::schema::NO_SORTINDEX;
use crate::model::{Position, Selection, Sort};

/// A statement and its values.
#[derive(Debug, PartialEq)]
pub(super) struct Select {
    pub(super) text: String,
    numbers: Vec<i64>,
    ids: Option<String>,
}

/// Where a statement begins.
#[derive(Debug, Clone, Copy)]
enum Start {
    /// At the beginning.
    First,
    /// Behind a record, among records with the same sort value.
    Within(Position),
    /// At the next sort value.
    Beyond(Position),
}

/// The statements that, one after the other, read a selection in its order. Behind a position they are two, because SQLite
/// seeks in an index by equal columns and one range: records of one upload share their time, and a page must not step over
/// all of them again.
pub(super) fn selects(
    columns: &str,
    collection: i64,
    selection: &Selection,
    now: i64,
) -> Vec<Select> {
    let starts = match selection.after {
        None => vec![Start::First],
        Some(position) => vec![Start::Within(position), Start::Beyond(position)],
    };
    let one = |start| Select::new(columns, collection, selection, now, start);
    starts.into_iter().map(one).collect()
}

impl Select {
    fn new(columns: &str, collection: i64, selection: &Selection, now: i64, start: Start) -> Self {
        let mut select = Self {
            text: String::new(),
            numbers: Vec::with_capacity(8),
            ids: None,
        };
        let (key, descending) = match selection.sort {
            Sort::Oldest => ("modified", false),
            Sort::Newest => ("modified", true),
            Sort::Index => ("sortindex", true),
        };
        let index = match (&selection.ids, selection.sort) {
            // By number.
            (Some(_), _) => "NOT INDEXED",
            (None, Sort::Index) => "INDEXED BY records_by_sortindex",
            (None, _) => "INDEXED BY records_by_time",
        };
        select.text = format!("SELECT {columns} FROM records {index} WHERE");
        select.add(" collection =", collection);
        select.text += " AND (expiry IS NULL OR";
        select.add(" expiry >", now);
        select.text += ")";
        if let Some(newer) = selection.newer {
            select.add(" AND modified >", sql(newer.hundredths()));
        }
        if let Some(older) = selection.older {
            select.add(" AND modified <", sql(older.hundredths()));
        }
        if let Some(above) = selection.index_above {
            select.add(" AND sortindex >", above);
        }
        if let Some(below) = selection.index_below {
            select.add(" AND sortindex <", below);
        }
        if selection.index_above.or(selection.index_below).is_some() {
            // Without a sort index it is neither.
            select.add(" AND sortindex <>", NO_SORTINDEX);
        }
        let beyond = if descending { '<' } else { '>' };
        match start {
            Start::First => {}
            Start::Within(position) => {
                select.add(&format!(" AND {key} ="), position.value);
                select.add(&format!(" AND number {beyond}"), sql(position.number));
            }
            Start::Beyond(position) => select.add(&format!(" AND {key} {beyond}"), position.value),
        }
        if let Some(ids) = &selection.ids {
            let texts: Vec<&str> = ids.iter().map(RecordId::as_str).collect();
            select.ids = Some(serde_json::Value::from(texts).to_string());
        }
        let order = if descending { "DESC" } else { "ASC" };
        // One more than the limit shows whether more remain.
        let limit = selection
            .limit
            .map_or(-1, |limit| sql(limit.saturating_add(1)));
        if select.ids.is_some() {
            let ids = select.numbers.len() + 2;
            let level = |level| {
                format!(
                    "SELECT i.number FROM json_each(?{ids}) j CROSS JOIN ids i
                     ON i.level = {level} AND i.collection = ?1 AND i.id = j.value"
                )
            };
            let (young, old) = (level(0), level(1));
            select.text += &format!(" AND number IN ({young} UNION ALL {old})");
        }
        select.add(
            &format!(" ORDER BY {key} {order}, number {order} LIMIT"),
            limit,
        );
        if selection.skip > 0 {
            select.add(" OFFSET", sql(selection.skip));
        }
        select
    }

    /// The values in their order.
    pub(super) fn values(&self) -> Vec<&dyn ToSql> {
        let numbers = self.numbers.iter().map(|number| number as &dyn ToSql);
        numbers
            .chain(self.ids.iter().map(|ids| ids as &dyn ToSql))
            .collect()
    }

    fn add(&mut self, text: &str, number: i64) {
        self.numbers.push(number);
        self.text += &format!("{text} ?{}", self.numbers.len());
    }
}

#[cfg(test)]
mod tests {
    use selvedge_core::time::ServerTime;

    use super::super::schema::{Durability, open_writer};
    use super::*;

    fn plans(selection: &Selection) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let db = open_writer(&directory.path().join("db"), Durability::None).unwrap();
        let plan = |select: &Select| {
            let mut statement = db
                .prepare(&format!("EXPLAIN QUERY PLAN {}", select.text))
                .unwrap();
            let lines = statement
                .query_map(&*select.values(), |row| row.get::<_, String>(3))
                .unwrap();
            lines.map(Result::unwrap).collect::<Vec<_>>().join("; ")
        };
        selects("id, payload", 1, selection, 0)
            .iter()
            .map(plan)
            .collect()
    }

    #[test]
    fn no_selection_scans_or_sorts_a_collection() {
        let time = Some(ServerTime::from_hundredths(5));
        let offset = Some(Position {
            value: 5,
            number: 5,
        });
        for sort in [Sort::Oldest, Sort::Newest, Sort::Index] {
            for (newer, older, offset) in [
                (None, None, None),
                (time, None, None),
                (time, time, offset),
                (None, None, offset),
            ] {
                let selection = Selection {
                    newer,
                    older,
                    after: offset,
                    sort,
                    ..Selection::default()
                };
                for plan in plans(&selection) {
                    assert!(
                        plan.starts_with("SEARCH records USING INDEX"),
                        "{selection:?}: {plan}"
                    );
                    assert!(
                        !plan.contains("SCAN") && !plan.contains("TEMP B-TREE"),
                        "{selection:?}: {plan}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_offset_is_found_in_the_index_to_the_record() {
        let offset = Some(Position {
            value: 5,
            number: 5,
        });
        for (sort, within, beyond) in [
            (
                Sort::Oldest,
                "(collection=? AND modified=? AND rowid>?)",
                "(collection=? AND modified>?)",
            ),
            (
                Sort::Newest,
                "(collection=? AND modified=? AND rowid<?)",
                "(collection=? AND modified<?)",
            ),
            (
                Sort::Index,
                "(collection=? AND sortindex=? AND rowid<?)",
                "(collection=? AND sortindex<?)",
            ),
        ] {
            let plans = plans(&Selection {
                after: offset,
                sort,
                ..Selection::default()
            });
            assert!(
                plans[0].contains(within) && plans[1].contains(beyond),
                "{plans:?}"
            );
        }
    }

    #[test]
    fn ids_are_looked_up_one_by_one() {
        let ids = Some(vec![RecordId::new("a").unwrap()]);
        let plans = plans(&Selection {
            ids,
            ..Selection::default()
        });
        for search in [
            "SEARCH records USING INTEGER PRIMARY KEY (rowid=?)",
            "SEARCH i USING PRIMARY KEY (level=? AND collection=? AND id=?)",
        ] {
            assert!(plans[0].contains(search), "{plans:?}");
        }
        for scan in ["SCAN records", "SCAN i"] {
            assert!(!plans[0].contains(scan), "{plans:?}");
        }
    }
}
