//! How a person wants the two sides to come together, once (spec §4.9).
//!
//! ```text
//! mode                  collection                     step
//! any                   declined, or of a newer format leave
//! merge (resetClient)   else                           reset here: both sides are compared
//! take-server           no record of it can be read    leave: nothing could take its place
//!   (wipeClient)        else                           remove the records here
//! take-local            the server has it              delete it there as it was seen, reset here
//!   (wipeRemote)        the server has it, otherwise   stop: what was agreed to is not what is there
//!                       the server has none            reset here
//!                       in both cases                  tell all other clients to take the server's: wipeEngine;
//!                                                      then list it under a new sync ID
//! ```
//!
//! What is to be done is kept with the names of the collections that it is about: those that a person has seen and
//! agreed to. Each collection's step and the end of its name in that list are one commit, so that each is done once,
//! whatever fails later, and a device that was cut off goes on with the rest.
//!
//! The new sync ID is for the devices that do not do as they are told: because they never hear of it, or because the
//! server has nothing that could take the place of what they have. They send again what they have, and all devices end
//! equal.
//!
//! A fresh start empties the server: whoever wanted to take what it had is then better served with what is here.

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

/// Notes what the next sync is to do once, or that it is to do nothing of the kind.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn intend<S: Store>(store: &S, intent: Option<FirstSync>) -> Result<()> {
    let mut state = GlobalState::load(store).await?;
    state.device.first_sync = intent.filter(|intent| !intent.collections.is_empty());
    state.save(store).await
}

/// What is done with one collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Leave,
    Reset,
    WipeHere,
    WipeThereAndReset,
}

/// What is known of one collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// Declined, or of a newer format: the account or its records are not this program's to change.
    is_closed: bool,
    is_there: bool,
    /// Whether the newest record that the server has opens with the account's keys; true where it has none.
    is_readable: bool,
}

/// Decides what is done with one collection.
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

/// Does what is to be done once.
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
                // The agreement was to what was shown: whoever gave it is to be asked again.
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
            // A device that was cut off here tells them again: they are asked once all the same.
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

/// Lists a collection under a new sync ID, if nobody else changed meta/global since it was read.
async fn list_anew<H: Host>(session: &mut Session<'_, H>, name: &CollectionName) -> Result<Guid> {
    let sync_id = Guid::make(session.host)?;
    if let Some(meta) = &mut session.meta {
        meta.set_engine(name.as_str(), version(name.as_str()), sync_id.as_str());
    }
    meta_global::upload(session).await?;
    Ok(sync_id)
}

/// Sweeps a collection, under a new sync ID or its own, and keeps how much is left to do, in one commit.
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
        // Here 5, there 7, both 2.
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
