//! Accounts and invitations in SQLite.

use rusqlite::{Connection, OptionalExtension, Row, params};
use selvedge_core::time::ServerTime;

use super::records::sql;
use crate::model::{Account, KeyId, SecretHash, Uid};
use crate::storage::error::{AccountError, StorageError};

/// The first uid of this server's own accounts. Token servers count from one, so that one of them can be used with the same
/// storage without two accounts ever sharing a uid.
const FIRST_UID: u64 = 5_000_000_000;

pub(super) fn create(
    db: &Connection,
    access_token: SecretHash,
    key_id: KeyId,
    invitation: Option<SecretHash>,
    now: ServerTime,
) -> Result<Account, AccountError> {
    let made = || -> rusqlite::Result<Option<Account>> {
        if let Some(invitation) = invitation {
            let used = db.execute(
                "DELETE FROM invitations WHERE invitation = ?1 AND expires > ?2",
                params![invitation, sql(now.hundredths())],
            )?;
            if used == 0 {
                return Ok(None);
            }
        }
        let uid = free_uid(db)?;
        db.execute(
            "INSERT INTO accounts (access_token, uid, keys_changed_at, fingerprint) VALUES (?1, ?2, ?3, ?4)",
            params![access_token, sql(uid.number()), sql(key_id.changed_at), key_id.fingerprint],
        )?;
        Ok(Some(Account {
            id: db.last_insert_rowid(),
            uid,
            key_id,
        }))
    };
    made()
        .map_err(StorageError::from)?
        .ok_or(AccountError::Uninvited)
}

/// A random uid that is not and never was in use. Random, so that it does not reveal the number of accounts.
pub(super) fn free_uid(db: &Connection) -> rusqlite::Result<Uid> {
    for _ in 0..100 {
        let drawn = getrandom::u64().map_err(|_| rusqlite::Error::InvalidQuery)?;
        let number = FIRST_UID + drawn % (Uid::MAX + 1 - FIRST_UID);
        let taken = db
            .prepare_cached(
                "SELECT 1 WHERE EXISTS (SELECT 1 FROM accounts WHERE uid = ?1)
                 OR EXISTS (SELECT 1 FROM replaced_keys WHERE uid = ?1) OR EXISTS (SELECT 1 FROM users WHERE uid = ?1)
                 OR EXISTS (SELECT 1 FROM named_users WHERE uid = ?1)",
            )?
            .exists([sql(number)])?;
        if let (false, Some(uid)) = (taken, Uid::new(number)) {
            return Ok(uid);
        }
    }
    Err(rusqlite::Error::QueryReturnedNoRows)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Account> {
    let uid: i64 = row.get(1)?;
    Ok(Account {
        id: row.get(0)?,
        uid: Uid::new(uid.unsigned_abs())
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(1, uid))?,
        key_id: KeyId {
            changed_at: row.get::<_, i64>(2)?.unsigned_abs(),
            fingerprint: row.get(3)?,
        },
    })
}

pub(super) fn find(
    db: &Connection,
    access_token: SecretHash,
    key_id: KeyId,
) -> rusqlite::Result<Option<(Account, bool)>> {
    let mut select = db.prepare_cached(
        "SELECT id, uid, keys_changed_at, fingerprint FROM accounts WHERE access_token = ?1",
    )?;
    let Some(account) = select.query_row([access_token], read).optional()? else {
        return Ok(None);
    };
    let replaced = db
        .prepare_cached("SELECT 1 FROM replaced_keys WHERE account = ?1 AND fingerprint = ?2")?
        .exists(params![account.id, key_id.fingerprint])?;
    Ok(Some((account, replaced)))
}

pub(super) fn rekey(
    db: &Connection,
    known: &Account,
    key_id: KeyId,
    now: ServerTime,
) -> rusqlite::Result<Account> {
    let mut select = db.prepare_cached(
        "SELECT id, uid, keys_changed_at, fingerprint FROM accounts WHERE id = ?1",
    )?;
    let current = select.query_row([known.id], read)?;
    if current != *known {
        return Ok(current);
    }
    let uid = if key_id.fingerprint == current.key_id.fingerprint {
        current.uid
    } else {
        let uid = free_uid(db)?;
        db.execute(
            "INSERT INTO replaced_keys (account, fingerprint, uid, replaced_at) VALUES (?1, ?2, ?3, ?4)",
            params![known.id, current.key_id.fingerprint, sql(current.uid.number()), sql(now.hundredths())],
        )?;
        uid
    };
    db.execute(
        "UPDATE accounts SET uid = ?2, keys_changed_at = ?3, fingerprint = ?4 WHERE id = ?1",
        params![
            known.id,
            sql(uid.number()),
            sql(key_id.changed_at),
            key_id.fingerprint
        ],
    )?;
    Ok(Account {
        id: known.id,
        uid,
        key_id,
    })
}

pub(super) fn invite(
    db: &Connection,
    invitation: SecretHash,
    expires: ServerTime,
) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO invitations (invitation, expires) VALUES (?1, ?2)",
        params![invitation, sql(expires.hundredths())],
    )?;
    Ok(())
}
