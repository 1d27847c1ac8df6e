//! The record crypto/keys contains the keys of the records, encrypted with the account's sync key (spec §4.6).
//!
//! ```text
//! crypto not in info/collections, which lists
//!   nothing but meta and clients ────────────────→ a set-up was interrupted: upload new keys, verify them
//!   collections with records ────────────────────→ request it again after 2 seconds; then needs consent
//! cached, as old as in info, and it decrypts ────→ use the cached record
//! else GET: 404 ─────────────────────────────────→ contradiction: stop
//!           404 of a proxy, other failure ───────→ stop
//!           bad HMAC, under a new sync key ──────→ needs consent
//!           bad HMAC otherwise ──────────────────→ stop: wrong key; never a fresh start
//!           malformed, no default ───────────────→ stop: undecodable
//!           first keys seen here, or the same ───→ install
//!           other default ───────────────────────→ install, reset all engines
//!           other collection keys ───────────────→ install, reset those engines
//! ```
//!
//! A cached record that is newer than the time in info/collections is read again as well: the server's time went back,
//! and it may hold other keys (spec §5.3).

use super::new_keys::put_keys;
use super::session::Session;
use super::state::Cached;
use crate::error::{Error, Reason, Result};
use crate::host::Host;
use crate::ids::CollectionName;
use crate::metadata::{CollectionKeys, KeyChange, UNDECODABLE, Where};
use crate::time::ServerTime;

/// The next step.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Continue with the engines.
    Engines,
    /// Only a person may decide how to continue.
    NeedsConsent(Reason),
}

/// The action where info/collections lists no crypto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WhenAbsent {
    /// A set-up was interrupted: no existing record needs keys.
    Upload,
    /// Records exist that would become unreadable under new keys.
    AskPerson,
}

/// Decides the action where info/collections lists these collections, and no crypto.
fn when_absent<'a>(mut listed: impl Iterator<Item = &'a str>) -> WhenAbsent {
    match listed.all(|name| matches!(name, "meta" | "clients")) {
        true => WhenAbsent::Upload,
        false => WhenAbsent::AskPerson,
    }
}

/// The result of the search for crypto/keys.
pub(super) enum Found {
    /// The record: the cached one, if its time is the one in info/collections, or the server's.
    Record(Cached),
    /// It is missing, because a set-up was interrupted before it wrote one.
    ToBeMade,
    /// It is missing, although records exist.
    NeedsConsent,
}

/// Searches for crypto/keys; nothing is written.
pub(super) async fn find<H: Host>(session: &Session<'_, H>) -> Result<Found> {
    let cached = session.state.server.keys.as_ref();
    let usable =
        cached.filter(|record| CollectionKeys::open(session.sync_key, &record.payload).is_ok());
    match CollectionKeys::look(
        session.modified_of("crypto"),
        usable.map(|record| record.modified),
    ) {
        Where::Absent => {
            let listed = session.state.server.info.iter();
            let listed = listed.flat_map(|info| info.collections.keys());
            Ok(match when_absent(listed.map(CollectionName::as_str)) {
                WhenAbsent::Upload => Found::ToBeMade,
                WhenAbsent::AskPerson => Found::NeedsConsent,
            })
        }
        Where::Cache => Ok(Found::Record(usable.cloned().ok_or(UNDECODABLE)?)),
        Where::Server => {
            let record = session.get("crypto", "keys").await?;
            Ok(Found::Record(record.ok_or(Error::Contradiction {
                detail: "info/collections lists crypto, but there is no record crypto/keys",
            })?))
        }
    }
}

/// Gets crypto/keys if the cached record is missing or too old, and installs the keys.
pub(super) async fn step<H: Host>(session: &mut Session<'_, H>) -> Result<Next> {
    let cached = session.state.server.keys.as_ref();
    let old =
        cached.and_then(|record| CollectionKeys::open(session.sync_key, &record.payload).ok());
    let record = match find(session).await? {
        Found::Record(record) => record,
        Found::ToBeMade => put_keys(session).await?,
        Found::NeedsConsent => {
            session.look_again("crypto/keys").await?;
            return Ok(Next::NeedsConsent(Reason::KeysMissing));
        }
    };
    let keys = match CollectionKeys::open(session.sync_key, &record.payload) {
        Err(Error::WrongKey) if session.state.server.is_rekeyed => {
            return Ok(Next::NeedsConsent(Reason::OtherKeys));
        }
        opened => opened?,
    };
    session.state.server.is_rekeyed = false;
    let change = keys.change_from(old.as_ref());
    session.install_keys(keys, record);
    match change {
        KeyChange::Nothing => session.save().await?,
        KeyChange::All => session.reset_all().await?,
        KeyChange::Some(names) => session.reset(|name| names.contains(name)).await?,
    }
    Ok(Next::Engines)
}

/// The result of fetching crypto/keys again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recheck {
    /// The keys in use are the account's.
    Same,
    /// They were replaced meanwhile.
    Changed,
}

/// Fetches crypto/keys again, because records do not open (spec §5.5). Where some of those records are newer than the
/// keys, another device still writes under former ones: the same record is then written again, so that the other device
/// notices.
pub(super) async fn recheck<H: Host>(
    session: &mut Session<'_, H>,
    newest_mismatch: Option<ServerTime>,
) -> Result<Recheck> {
    session.state.server.keys_checked = Some(session.host.now());
    session.save().await?;
    // The first steps handle a record that was deleted meanwhile.
    let Some(Cached { payload, modified }) = session.get("crypto", "keys").await? else {
        return Ok(Recheck::Changed);
    };
    let there = CollectionKeys::open(session.sync_key, &payload)?;
    if there.change_from(session.keys.as_ref()) != KeyChange::Nothing {
        return Ok(Recheck::Changed);
    }
    if newest_mismatch.is_some_and(|newest| newest > modified) {
        let modified = match session.put("crypto", "keys", &payload, modified).await {
            Err(Error::Conflict { .. }) => return Ok(Recheck::Changed),
            written => written?,
        };
        session
            .state
            .replace_keys(Some(Cached { payload, modified }));
        session.save().await?;
    }
    Ok(Recheck::Same)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn new_keys_are_uploaded_only_where_no_records_are() {
        let rows: [(&[&str], WhenAbsent); 6] = [
            (&[], WhenAbsent::Upload),
            (&["meta"], WhenAbsent::Upload),
            (&["clients", "meta"], WhenAbsent::Upload),
            (&["meta", "tabs"], WhenAbsent::AskPerson),
            (&["passwords"], WhenAbsent::AskPerson),
            (&["clients", "meta", "x"], WhenAbsent::AskPerson),
        ];
        for (listed, expected) in rows {
            assert_eq!(when_absent(listed.iter().copied()), expected, "{listed:?}");
        }
    }
}
