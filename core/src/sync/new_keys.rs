//! New keys for an account without keys: written if no other client has just written them, then read back (spec §4.7).

use super::info_collections::read_again;
use super::session::Session;
use super::state::Cached;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::metadata::{CollectionKeys, KeyChange};
use crate::time::ServerTime;

/// Makes new keys, uploads them if no other client has just written keys, reads them back and installs them.
pub(super) async fn put_keys<H: Host>(session: &mut Session<'_, H>) -> Result<Cached> {
    let keys = CollectionKeys::make(session.host)?;
    let sealed = keys.seal(session.sync_key, session.host)?;
    let record = session.put_if_absent("crypto", "keys", sealed).await?;
    verify(session, &keys, record.modified).await?;
    session.install_keys(keys, record.clone());
    Ok(record)
}

/// Reads the written keys back: they are used only if the server has these.
async fn verify<H: Host>(
    session: &mut Session<'_, H>,
    keys: &CollectionKeys,
    written: ServerTime,
) -> Result<()> {
    read_again(session).await?;
    if session
        .modified_of("crypto")
        .is_none_or(|time| time < written)
    {
        return Err(Error::SetupRace);
    }
    let record = session
        .get("crypto", "keys")
        .await?
        .ok_or(Error::SetupRace)?;
    let there = CollectionKeys::open(session.sync_key, &record.payload)?;
    match there.change_from(Some(keys)) {
        KeyChange::Nothing => Ok(()),
        KeyChange::All | KeyChange::Some(_) => Err(Error::SetupRace),
    }
}
