//! How the two sides are combined once, as a person requested (spec §4.9).
//!
//! ```text
//! mode                  collection                     step
//! any                   declined, or of a newer format leave
//! merge (resetClient)   else                           reset here: both sides are compared
//! take-server           no record of it can be read    leave: no records could replace it
//!   (wipeClient)        else                           remove the records here
//! take-local            the server has it              delete it there as it was seen, reset here
//!   (wipeRemote)        the server has it, otherwise   stop: it has changed since the agreement
//!                       the server has none            reset here
//!                       in both cases                  send wipeEngine to all other clients;
//!                                                      then list it under a new sync ID
//! ```
//!
//! The pending action is stored with the names of the collections concerned: those that a person has seen and agreed
//! to. Each collection's step and the removal of its name from that list are one commit, so that each is done once,
//! regardless of later failures, and an interrupted device continues with the rest.
//!
//! The new sync ID is for the devices that do not carry out the command: because they do not receive it, or because the
//! server has no records to replace theirs. They send their records again, and all devices end with the same records.
//!
//! A fresh start empties the server: a person who wanted to take its records then keeps the local ones.

use alloc::vec::Vec;

use super::association::is_closed;
use super::choices::version;
use super::commands::{self, sweep_part};
use super::key_probe::{KeyProbe, probe_key};
use super::meta_global;
use super::report::Report;
use super::session::Session;
use super::state::{CollectionState, FirstSync, GlobalState, Mode, write};
use crate::error::{Error, Result};
use crate::host::{BulkChange, Commit, Committed, Host, Part, Store};
use crate::ids::{CollectionName, Guid};
use crate::journal::{self, Cause};
use crate::metadata::Command;

/// Stores the action that the next sync performs once, or removes it.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn intend<S: Store>(store: &S, intent: Option<FirstSync>) -> Result<()> {
    let mut state = GlobalState::load(store).await?;
    state.device.first_sync = intent.filter(|intent| !intent.collections.is_empty());
    state.save(store).await
}

/// The action for one collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Leave,
    Reset,
    WipeHere,
    WipeThereAndReset,
}

/// The known facts about one collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// Declined, or of a newer format: this program must not change it.
    is_closed: bool,
    is_there: bool,
    /// Whether the newest record on the server opens with the account's keys; true if the collection is empty.
    is_readable: bool,
}

/// Decides the action for one collection.
const fn decide(mode: Mode, seen: Seen) -> Act {
    match (mode, seen) {
        (
            _,
            Seen {
                is_closed: true, ..
            },
        ) => Act::Leave,
        (Mode::Merge, _) => Act::Reset,
        (
            Mode::TakeServer,
            Seen {
                is_readable: false, ..
            },
        ) => Act::Leave,
        (Mode::TakeServer, _) => Act::WipeHere,
        (Mode::TakeLocal, Seen { is_there: true, .. }) => Act::WipeThereAndReset,
        (Mode::TakeLocal, _) => Act::Reset,
    }
}

/// Performs the pending action.
pub(super) async fn step<H: Host>(session: &mut Session<'_, H>, report: &mut Report) -> Result<()> {
    let Some(FirstSync {
        mode,
        collections,
        shown,
    }) = session.state.device.first_sync.clone()
    else {
        return Ok(());
    };
    for (done, name) in collections.iter().enumerate() {
        let meta = session.meta.as_ref().ok_or(Error::NotSetUp)?;
        let there = session.modified_of(name.as_str());
        let mut seen = Seen {
            is_closed: is_closed(meta, name),
            is_there: there.is_some(),
            is_readable: true,
        };
        if mode == Mode::TakeServer && !seen.is_closed {
            let keys = session.keys.as_ref().ok_or(Error::NotSetUp)?;
            seen.is_readable = match keys.bundle(name.as_str()) {
                Ok(bundle) => probe_key(session, name, bundle).await? != KeyProbe::Sealed,
                Err(_) => false,
            };
        }
        let act = decide(mode, seen);
        if act == Act::WipeThereAndReset {
            if there != shown.get(name).copied() {
                // The agreement applied only to the displayed state: the person has to be asked again.
                session.state.device.first_sync = None;
                session.save().await?;
                return Err(Error::ChangedSinceShown {
                    collection: name.clone(),
                });
            }
            session.client.delete_collection(name, there).await?;
            session.forget_collection(name);
            report.wiped_there.push(name.clone());
        }
        let mut sync_id = None;
        if mode == Mode::TakeLocal && act != Act::Leave {
            // A device that was interrupted here sends the commands again: clients carry them out only once.
            commands::send_to_others(session, &[Command::WipeEngine(name.clone())]).await?;
            sync_id = Some(list_anew(session, name).await?);
        }
        let rest = collections.iter().skip(done + 1).cloned().collect();
        let intent = FirstSync {
            mode,
            collections: rest,
            shown: shown.clone(),
        };
        session.state.device.first_sync = Some(intent).filter(|rest| !rest.collections.is_empty());
        let sweep = match act {
            Act::Leave => None,
            Act::Reset | Act::WipeThereAndReset => Some(BulkChange::Reset),
            Act::WipeHere => Some(BulkChange::Wipe),
        };
        if sweep == Some(BulkChange::Wipe) {
            report.wiped_here.push(name.clone());
        }
        finish(session, name, sweep, sync_id).await?;
    }
    report.first_sync = Some(mode);
    Ok(())
}

/// Lists a collection under a new sync ID, if no other client has changed meta/global since it was read.
async fn list_anew<H: Host>(session: &mut Session<'_, H>, name: &CollectionName) -> Result<Guid> {
    let sync_id = Guid::make(session.host)?;
    if let Some(meta) = &mut session.meta {
        meta.set_engine(name.as_str(), version(name.as_str()), sync_id.as_str());
    }
    meta_global::upload(session).await?;
    Ok(sync_id)
}

/// Resets or wipes a collection, under a new sync ID or its own, and stores the remaining work, in one commit.
async fn finish<H: Host>(
    session: &Session<'_, H>,
    name: &CollectionName,
    sweep: Option<BulkChange>,
    sync_id: Option<Guid>,
) -> Result<()> {
    let state = CollectionState::load(session.host, name).await?;
    let forgotten = CollectionState {
        sync_id: sync_id
            .map(|sync_id| sync_id.as_str().into())
            .or(state.sync_id),
        ..CollectionState::default()
    };
    loop {
        let (mut parts, mut entries) = (Vec::new(), Vec::new());
        if let Some(sweep) = sweep {
            let cause = Cause::FirstSync;
            let part = sweep_part(session, name, sweep, cause, &mut entries).await?;
            parts.push(Part {
                state: Some(write(&forgotten)),
                ..part
            });
        }
        parts.extend(journal::part(session.host, &entries).await?);
        let commit = Commit {
            parts,
            global: Some(session.state.to_text()),
        };
        if session.host.commit(commit).await? == Committed::Done {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_row() {
        let seen = |is_closed, is_there, is_readable| Seen {
            is_closed,
            is_there,
            is_readable,
        };
        let (open, none) = (seen(false, true, true), seen(false, false, true));
        let (closed, unreadable) = (seen(true, true, true), seen(false, true, false));
        let rows = [
            ("merge", Mode::Merge, open, Act::Reset),
            ("merge, none there", Mode::Merge, none, Act::Reset),
            ("merge, closed", Mode::Merge, closed, Act::Leave),
            ("take-server", Mode::TakeServer, open, Act::WipeHere),
            (
                "take-server, none there",
                Mode::TakeServer,
                none,
                Act::WipeHere,
            ),
            (
                "take-server, unreadable",
                Mode::TakeServer,
                unreadable,
                Act::Leave,
            ),
            ("take-server, closed", Mode::TakeServer, closed, Act::Leave),
            ("take-local", Mode::TakeLocal, open, Act::WipeThereAndReset),
            ("take-local, none there", Mode::TakeLocal, none, Act::Reset),
            ("take-local, closed", Mode::TakeLocal, closed, Act::Leave),
        ];
        for (name, mode, seen, expected) in rows {
            assert_eq!(decide(mode, seen), expected, "{name}");
        }
    }

    #[test]
    fn what_each_mode_does_to_records() {
        // 5 records here, 7 there, 2 in both.
        let rows = [
            (Mode::Merge, [5, 3, 2, 0, 0, 0]),
            (Mode::TakeServer, [5, 0, 0, 2, 3, 0]),
            (Mode::TakeLocal, [0, 3, 0, 2, 0, 5]),
        ];
        for (mode, expected) in rows {
            let effect = mode.effect(5, 7, 2);
            let found = [
                effect.received,
                effect.sent,
                effect.merged,
                effect.replaced,
                effect.deleted_here,
                effect.deleted_there,
            ];
            assert_eq!(found, expected, "{}", mode.word());
        }
    }
}
