//! Users of the dialect 1.1 in SQLite: a name, the slow hash of a password, and a node.

use rusqlite::{Connection, OptionalExtension, params};

use super::accounts::free_uid;
use super::records::sql;
use crate::model::{Node, Uid, User, UserChange};

/// The node's column: NULL for this server, the empty text for none.
fn column(node: &Node) -> Option<&str> {
    match node {
        Node::Here => None,
        Node::Nowhere => Some(""),
        Node::At(url) => Some(url),
    }
}

pub(super) fn find(db: &Connection, username: &str) -> rusqlite::Result<Option<User>> {
    let mut select =
        db.prepare_cached("SELECT uid, password, node FROM named_users WHERE username = ?1")?;
    let read = |row: &rusqlite::Row<'_>| {
        let uid: i64 = row.get(0)?;
        let node: Option<String> = row.get(2)?;
        Ok(User {
            uid: Uid::new(uid.unsigned_abs())
                .ok_or(rusqlite::Error::IntegralValueOutOfRange(0, uid))?,
            password: row.get(1)?,
            node: match node {
                None => Node::Here,
                Some(url) if url.is_empty() => Node::Nowhere,
                Some(url) => Node::At(url),
            },
        })
    };
    select.query_row([username], read).optional()
}

/// False when there is such a user already.
pub(super) fn add(db: &Connection, username: &str, password: &str) -> rusqlite::Result<bool> {
    if find(db, username)?.is_some() {
        return Ok(false);
    }
    let uid = free_uid(db)?;
    db.execute(
        "INSERT INTO named_users (username, uid, password) VALUES (?1, ?2, ?3)",
        params![username, sql(uid.number()), password],
    )?;
    Ok(true)
}

/// False when there is no such user.
pub(super) fn change(
    db: &Connection,
    username: &str,
    change: &UserChange,
) -> rusqlite::Result<bool> {
    let changed = match change {
        UserChange::Password(password) => db.execute(
            "UPDATE named_users SET password = ?2 WHERE username = ?1",
            params![username, password],
        )?,
        UserChange::Node(node) => db.execute(
            "UPDATE named_users SET node = ?2 WHERE username = ?1",
            params![username, column(node)],
        )?,
    };
    Ok(changed > 0)
}
