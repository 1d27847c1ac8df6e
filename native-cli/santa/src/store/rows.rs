//! Converts rules to rows of a table and back.

use rusqlite::{Connection, Row, params};
use selvedge_santa::wire::RuleType;
use selvedge_santa::{Rule, RuleKey, RuleState};

/// The two tables of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// Rules from the server, and transitive rules.
    Synced,
    /// Rules that were added on this machine.
    Local,
}

impl Table {
    const fn page_sql(self) -> &'static str {
        match self {
            Self::Synced => {
                "SELECT type, identifier, state, custom_msg, custom_url, cel_expr, label FROM rule
                 WHERE (type, identifier) > (?1, ?2) ORDER BY type, identifier LIMIT ?3"
            }
            Self::Local => {
                "SELECT type, identifier, state, custom_msg, custom_url, cel_expr, label FROM local_rule
                 WHERE (type, identifier) > (?1, ?2) ORDER BY type, identifier LIMIT ?3"
            }
        }
    }

    const fn put_sql(self) -> &'static str {
        match self {
            Self::Synced => {
                "INSERT OR REPLACE INTO rule (type, identifier, state, custom_msg, custom_url, cel_expr, label)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
            }
            Self::Local => {
                "INSERT OR REPLACE INTO local_rule (type, identifier, state, custom_msg, custom_url, cel_expr, label)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
            }
        }
    }

    const fn remove_sql(self) -> &'static str {
        match self {
            Self::Synced => "DELETE FROM rule WHERE type = ?1 AND identifier = ?2",
            Self::Local => "DELETE FROM local_rule WHERE type = ?1 AND identifier = ?2",
        }
    }

    /// At most `limit` rules after a key, in the order of their keys.
    pub(super) fn page(
        self,
        connection: &Connection,
        after: Option<&RuleKey>,
        limit: usize,
    ) -> rusqlite::Result<Vec<Rule>> {
        let (rank, identifier) =
            after.map_or((0, ""), |key| (key.rule_type().rank(), key.identifier()));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        connection
            .prepare_cached(self.page_sql())?
            .query_map(params![rank, identifier, limit], read)?
            .collect()
    }

    /// Adds a rule, or replaces the rule with its key.
    pub(super) fn put(self, connection: &Connection, rule: &Rule) -> rusqlite::Result<()> {
        connection
            .prepare_cached(self.put_sql())?
            .execute(params![
                rule.key.rule_type().rank(),
                rule.key.identifier(),
                rule.state.number(),
                rule.custom_msg,
                rule.custom_url,
                rule.cel_expr,
                rule.event_detail_button_label,
            ])
            .map(drop)
    }

    /// Removes the rule with a key. Returns whether it existed.
    pub(super) fn remove(self, connection: &Connection, key: &RuleKey) -> rusqlite::Result<bool> {
        let removed = connection
            .prepare_cached(self.remove_sql())?
            .execute(params![key.rule_type().rank(), key.identifier()])?;
        Ok(removed > 0)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Rule> {
    let rule_type = type_of(row.get(0)?, 0)?;
    let identifier: String = row.get(1)?;
    let key = RuleKey::new(rule_type, &identifier).map_err(|_| damaged(1))?;
    Ok(Rule {
        key,
        state: state_of(row.get(2)?, 2)?,
        custom_msg: row.get(3)?,
        custom_url: row.get(4)?,
        cel_expr: row.get(5)?,
        event_detail_button_label: row.get(6)?,
    })
}

/// The type of a number in a column.
pub(super) fn type_of(rank: u32, column: usize) -> rusqlite::Result<RuleType> {
    RuleType::from_rank(rank).ok_or_else(|| damaged(column))
}

/// The state of a number in a column.
pub(super) fn state_of(number: u32, column: usize) -> rusqlite::Result<RuleState> {
    RuleState::from_number(number).ok_or_else(|| damaged(column))
}

/// The error of a column with a value that this program does not write.
pub(super) fn damaged(column: usize) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(
        column,
        rusqlite::types::Type::Null,
        "the value is invalid: this program did not write it".into(),
    )
}
