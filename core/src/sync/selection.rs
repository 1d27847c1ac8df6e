//! Which engines the account syncs, by what meta/global says and what a person chose here (spec §4.9).
//!
//! ```text
//! listed   declined  chosen here   on here  decision
//! yes      –         disable       –        unlist and decline it, delete the server's collection as it was shown
//! yes      –         decline       –        unlist and decline it
//! yes      –         else          yes      on
//! yes      –         else          no       on again: another device enabled it
//! yes      –         cannot be     –        unknown here: it stays listed
//! no       –         enable        –        list it, take it off the declined
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
//! A choice made before the first sync deletes nothing: whoever made it had not seen what the account has. Nor is a
//! collection deleted that was changed since a person agreed to it, on being told what it holds.
//!
//! An engine that is neither listed nor declined is not switched off here, as Firefox would do: a client that starts an
//! account over lists what it knows, and an application's own collection would stop on every device without a word.
//! Whoever wants an engine off says so by declining it.
//!
//! The server's collection is deleted only once meta/global tells that it is declined: what another device would still
//! send is then sent by nobody, and a device that is cut off in between does the rest in its next sync.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::choices::version;
use super::report::Report;
use super::session::Session;
use super::state::{Choices, CollectionState, Wish};
use crate::engine::Generic;
use crate::error::{Error, Result};
use crate::host::{Host, Random};
use crate::ids::{CollectionName, Guid};
use crate::metadata::MetaGlobal;
use crate::sorted::{Map, Set};

/// What is known of one engine when its place in the account is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    is_listed: bool,
    /// Counts only where it is not listed.
    is_declined: bool,
    /// Whether this program can sync such a collection.
    is_known: bool,
    /// Whether it was on here when a sync last looked.
    was_on: bool,
    wish: Option<Wish>,
}

/// What becomes of one engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    /// It goes on.
    On,
    /// Another device enabled it.
    OnAgain,
    /// It cannot be synced here; it stays as it is.
    Unknown,
    /// It is to be listed.
    List,
    /// It is to be declined.
    Decline {
        /// Whether the server's collection is to be deleted.
        wipe_server: bool,
    },
    /// Another device disabled it.
    OffNow,
    /// It stays off.
    Off,
    /// Nobody has decided on it.
    Unlisted,
}

/// Decides what becomes of one engine.
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
    /// Of the declined: those that were on here, of which this device forgets what the server had.
    pub(super) reset: Set<String>,
    /// Collections to be deleted on the server, as far as it has them.
    pub(super) wipe_server: Vec<CollectionName>,
}

/// Brings the account's engines and the choices of this device together.
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

/// Brings a meta/global and the choices of this device together.
pub(super) fn select_in(meta: &MetaGlobal, choices: &Choices) -> Selection {
    let engines = meta.engines();
    select(engines.keys().map(String::as_str), meta.declined(), choices)
}

/// Writes a selection into meta/global; what it does not change stays as it is.
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
        // A name in both lists is left to those who wrote it.
        if meta.engine(name).is_none() {
            meta.undecline(name);
            meta.set_engine(name, version(name), Guid::make(random)?.as_str());
        }
    }
    Ok(())
}

/// Decides on all engines and prepares meta/global; [`settle`] does the rest when it is uploaded.
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

/// Deletes what the selection says on the server, then remembers that the choices are the account's now.
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
            // Another device wrote to it at this moment.
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

/// The engines and the declined names that a fresh start begins with: those of before, and what was chosen since.
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
