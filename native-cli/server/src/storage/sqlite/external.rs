//! Accounts of other issuers in SQLite.

use rusqlite::{Connection, OptionalExtension, params};
use selvedge_core::time::ServerTime;

use super::accounts;
use super::records::sql;
use crate::model::{ExternalAccount, ExternalIdentity, KeyId, SecretHash};
use crate::storage::error::{AccountError, StorageError};

pub(super) fn find(
    db: &Connection,
    identity: &ExternalIdentity,
    key_id: KeyId,
) -> rusqlite::Result<Option<ExternalAccount>> {
    let mut select = db.prepare_cached(
        "SELECT a.access_token, e.generation FROM external_accounts e JOIN accounts a ON a.id = e.account
         WHERE e.issuer = ?1 AND e.subject = ?2",
    )?;
    let found = select
        .query_row(params![identity.issuer, identity.subject], |row| {
            Ok((row.get::<_, SecretHash>(0)?, row.get::<_, i64>(1)?))
        })
        .optional()?;
    let Some((access_token, generation)) = found else {
        return Ok(None);
    };
    Ok(
        accounts::find(db, access_token, key_id)?.map(|(account, is_replaced)| ExternalAccount {
            account,
            generation: generation.unsigned_abs(),
            is_replaced,
        }),
    )
}

pub(super) fn create(
    db: &Connection,
    identity: &ExternalIdentity,
    generation: u64,
    key_id: KeyId,
    invitation: Option<SecretHash>,
    now: ServerTime,
) -> Result<(), AccountError> {
    if find(db, identity, key_id)
        .map_err(StorageError::from)?
        .is_some()
    {
        return Ok(());
    }
    // The hash of a token that nobody has: such an account is reached by the issuer's tokens only.
    let mut unreachable: SecretHash = [0; 32];
    getrandom::fill(&mut unreachable).map_err(|_| StorageError::Busy)?;
    let account = accounts::create(db, unreachable, key_id, invitation, now)?;
    db.execute(
        "INSERT INTO external_accounts (issuer, subject, account, generation) VALUES (?1, ?2, ?3, ?4)",
        params![identity.issuer, identity.subject, account.id, sql(generation)],
    )
    .map_err(StorageError::from)?;
    Ok(())
}

pub(super) fn raise(
    db: &Connection,
    identity: &ExternalIdentity,
    generation: u64,
) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE external_accounts SET generation = ?3 WHERE issuer = ?1 AND subject = ?2 AND generation < ?3",
        params![identity.issuer, identity.subject, sql(generation)],
    )?;
    Ok(())
}
