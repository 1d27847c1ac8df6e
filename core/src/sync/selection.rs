//! Which engines the account syncs, by the contents of meta/global and a person's choices here (spec §4.9).
//!
//! ```text
//! listed   declined  chosen here   on here  decision
//! yes      –         disable       –        unlist and decline it, delete the server's collection as it was shown
//! yes      –         decline       –        unlist and decline it
//! yes      –         else          yes      on
//! yes      –         else          no       on again: another device enabled it
//! yes      –         cannot be     –        unknown here: it stays listed
//! no       –         enable        –        list it, remove it from the declined
//! no       –         disable       –        decline it, delete the server's collection as it was shown
//! no       –         decline       –        decline it
//! no       yes       nothing       yes      off here: another device disabled it; records stay
//! no       yes       nothing       no       off
//! no       no        nothing       –        unlisted: association lists it, if it is synced here
//! ```
//!
//! As sets: `declined = (declined there ∪ declined here if first ∪ disabled here) − enabled here`, and
//! `engines = (engines there ∪ enabled here) − declined`. Names that this device does not know stay in both.
//!
//! A choice made before the first sync deletes nothing: the person had not seen the account's data. A collection that
//! was changed after a person saw its contents and agreed to delete it is not deleted either.
//!
//! An engine that is neither listed nor declined is not switched off here, as Firefox would do: a client that starts an
//! account over lists what it knows, and an application's own collection would stop on every device without a message.
//! To switch an engine off, a person declines it.
//!
//! The server's collection is deleted only after meta/global lists it as declined: then no other device sends records
//! to it any more, and a device that is interrupted in between finishes the deletion in its next sync.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::choices::version;
use super::report::Report;
use super::session::Session;
use super::state::{Choices, CollectionState, Wish};
use crate::engines::Generic;
use crate::error::{Error, Result};
use crate::host::{Host, Random};
use crate::ids::{CollectionName, Guid};
use crate::metadata::MetaGlobal;
use crate::sorted::{Map, Set};

/// The known facts about one engine when its state in the account is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    is_listed: bool,
    /// Relevant only where it is not listed.
    is_declined: bool,
    /// Whether this program can sync such a collection.
    is_known: bool,
    /// Whether it was on here at the last sync.
    was_on: bool,
    wish: Option<Wish>,
}

/// The decision on one engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    /// It stays on.
    On,
    /// Another device enabled it.
    OnAgain,
    /// It cannot be synced here; it stays as it is.
    Unknown,
    /// List it.
    List,
    /// Decline it.
    Decline {
        /// Whether to delete the server's collection.
        wipe_server: bool,
    },
    /// Another device disabled it.
    OffNow,
    /// It stays off.
    Off,
    /// No decision has been made on it.
    Unlisted,
}

/// Decides on one engine.
const fn decide(seen: Seen, is_first: bool) -> Decision {
    match (seen.is_listed, seen.wish) {
        (_, Some(Wish::Disable)) => Decision::Decline {
            wipe_server: !is_first,
        },
        (_, Some(Wish::Decline)) => Decision::Decline { wipe_server: false },
        (false, Some(Wish::Enable)) => Decision::List,
        (true, _) if !seen.is_known => Decision::Unknown,
        (true, _) if seen.was_on => Decision::On,
        (true, _) => Decision::OnAgain,
        (false, None) if !seen.is_declined => Decision::Unlisted,
        (false, None) if seen.was_on && seen.is_known => Decision::OffNow,
        (false, None) => Decision::Off,
    }
}

/// The account's engines after the choices of this device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Selection {
    /// Listed in meta/global.
    pub(super) engines: Set<String>,
    /// Declined in meta/global.
    pub(super) declined: Set<String>,
    /// The declined engines that were on here; this device discards what it knows of the server's collections.
    pub(super) reset: Set<String>,
    /// Collections to be deleted on the server, if it has them.
    pub(super) wipe_server: Vec<CollectionName>,
}

/// Combines the account's engines and the choices of this device.
pub(super) fn select<'a>(
    engines: impl IntoIterator<Item = &'a str>,
    declined: impl IntoIterator<Item = &'a str>,
    choices: &Choices,
) -> Selection {
    let engines: Set<&str> = engines.into_iter().collect();
    let declined: Set<&str> = declined.into_iter().collect();
    let mut names = engines.clone();
    names.extend(declined.iter().copied());
    names.extend(choices.changes.keys().map(CollectionName::as_str));
    let mut selection = Selection::default();
    for name in names {
        let collection = CollectionName::new(name).ok();
        let change = collection
            .as_ref()
            .and_then(|name| choices.changes.get(name));
        let seen = Seen {
            is_listed: engines.contains(name),
            is_declined: declined.contains(name),
            is_known: collection
                .clone()
                .is_some_and(|name| Generic::new(name).is_ok()),
            was_on: !choices.off.contains(name),
            wish: change.map(|change| change.wish),
        };
        let decision = decide(seen, !choices.is_settled);
        match decision {
            Decision::On | Decision::OnAgain | Decision::Unknown | Decision::List => {
                selection.engines.insert(name.into());
            }
            Decision::Decline { .. } | Decision::OffNow | Decision::Off => {
                selection.declined.insert(name.into());
            }
            Decision::Unlisted => {}
        }
        if matches!(decision, Decision::Decline { .. } | Decision::OffNow) {
            selection.reset.insert(name.into());
        }
        if matches!(decision, Decision::Decline { wipe_server: true }) {
            selection.wipe_server.extend(collection);
        }
    }
    selection
}

/// Combines a meta/global and the choices of this device.
pub(super) fn select_in(meta: &MetaGlobal, choices: &Choices) -> Selection {
    let engines = meta.engines();
    select(engines.keys().map(String::as_str), meta.declined(), choices)
}

/// Writes a selection into meta/global; all other contents stay as they are.
pub(super) fn apply(
    selection: &Selection,
    meta: &mut MetaGlobal,
    random: &impl Random,
) -> Result<()> {
    for name in &selection.declined {
        if meta.engine(name).is_some() || !meta.is_declined(name) {
            meta.decline(name);
        }
    }
    for name in &selection.engines {
        // A name in both lists stays in both: this device does not correct it.
        if meta.engine(name).is_none() {
            meta.undecline(name);
            meta.set_engine(name, version(name), Guid::make(random)?.as_str());
        }
    }
    Ok(())
}

/// Decides on all engines and prepares meta/global; [`settle`] does the rest after its upload.
pub(super) async fn step<H: Host>(session: &mut Session<'_, H>) -> Result<Selection> {
    let mut meta = session.meta.take().ok_or(Error::NotSetUp)?;
    let selection = select_in(&meta, &session.state.device.choices);
    let applied = apply(&selection, &mut meta, session.host);
    session.meta = Some(meta);
    applied?;
    let mut reset = Set::new();
    for name in &selection.reset {
        let Ok(collection) = CollectionName::new(name.as_str()) else {
            continue;
        };
        let state: CollectionState = CollectionState::load(session.host, &collection).await?;
        if state.sync_id.is_some() {
            reset.insert(name.as_str());
        }
    }
    if !reset.is_empty() {
        session.reset(|name| reset.contains(name)).await?;
    }
    Ok(selection)
}

/// Deletes the server's collections that the selection names, then marks the choices as uploaded.
pub(super) async fn settle<H: Host>(
    session: &mut Session<'_, H>,
    selection: &Selection,
    report: &mut Report,
) -> Result<()> {
    for name in &selection.wipe_server {
        let Some(there) = session.modified_of(name.as_str()) else {
            continue;
        };
        if session.state.device.choices.agreed.get(name) != Some(&there) {
            report.kept_there.push(name.clone());
            continue;
        }
        match session.client.delete_collection(name, Some(there)).await {
            Ok(_) => {
                session.forget_collection(name);
                report.wiped_there.push(name.clone());
            }
            // Another device wrote to it in the meantime.
            Err(Error::Conflict { .. }) => report.kept_there.push(name.clone()),
            Err(error) => return Err(error),
        }
    }
    let settled = Choices {
        off: selection.declined.clone(),
        is_settled: true,
        ..Choices::default()
    };
    if session.state.device.choices == settled {
        return Ok(());
    }
    session.state.device.choices = settled;
    if let Some(meta) = &session.meta {
        session.state.device.remember(meta);
    }
    session.save().await
}

/// The engines and the declined names that a fresh start begins with: the former ones, and the choices made since.
pub(super) fn before_fresh_start(
    engines: &Map<String, u64>,
    declined: &[String],
    choices: &Choices,
) -> (Map<String, u64>, Vec<String>) {
    let selection = select(
        engines.keys().map(String::as_str),
        declined.iter().map(String::as_str),
        choices,
    );
    let version_of = |name: &String| engines.get(name).copied().unwrap_or_else(|| version(name));
    let listed = selection
        .engines
        .iter()
        .map(|name| (name.clone(), version_of(name)));
    (
        listed.collect(),
        selection.declined.iter().map(ToString::to_string).collect(),
    )
}

#[cfg(test)]
mod tests;
