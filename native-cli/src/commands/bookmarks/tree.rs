//! The tree of a device's or of the server's bookmarks, and its changes as records.

use selvedge_bookmarks::ids::{Guid, ROOTS, to_record_id};
use selvedge_bookmarks::item::Item;
use selvedge_bookmarks::record::{self, Reading, clean_url};
use selvedge_bookmarks::tree::{Changes, Tree};
use selvedge_core::engines::Records;
use selvedge_core::firefox::Owned;
use selvedge_core::ids::RecordId;
use selvedge_host::exit::{Exit, HostError, Result};
use selvedge_host::{SystemClock, SystemRandom, engine_for};
use serde_json::Value;

use crate::commands::records;
use crate::commands::typed::{collection, load_or_empty};
use crate::device::Device;

/// The records as they are.
pub(super) async fn readings(device: &Device, remote: bool) -> Result<Vec<Reading>> {
    let loaded = records::load(device, &collection("bookmarks"), remote).await?;
    Ok(loaded.iter().map(reading).collect())
}

fn reading(loaded: &records::Loaded) -> Reading {
    let modified = i64::try_from(loaded.modified.millis()).unwrap_or_default();
    record::read(&loaded.id, loaded.json(), modified)
}

/// The tree; an empty one if this device has no bookmarks yet.
pub(super) async fn tree(device: &Device, remote: bool) -> Result<Tree> {
    Ok(tree_and_new_roots(device, remote).await?.0)
}

/// The tree, and the roots that have no record yet: they are written with the first change.
pub(super) async fn tree_and_new_roots(device: &Device, remote: bool) -> Result<(Tree, Changes)> {
    let loaded = load_or_empty(device, &collection("bookmarks"), remote).await?;
    let items: Vec<Item> = loaded
        .iter()
        .map(reading)
        .filter_map(|reading| match reading {
            Reading::Item(received) => Some(received.item),
            _ => None,
        })
        .collect();
    let mut missing = Changes::default();
    let is_missing = |root: &Guid| items.iter().all(|item| item.id != *root);
    missing.changed.extend(ROOTS.into_iter().filter(is_missing));
    Ok((Tree::build(items).0, missing))
}

/// An item, by its path, its id or its URL.
pub(super) fn find<'t>(tree: &'t Tree, wanted: &str) -> Result<&'t Item> {
    let by_id = || tree.get(&selvedge_bookmarks::ids::from_record_id(wanted));
    if let Some(item) = tree.find(wanted).or_else(by_id) {
        return Ok(item);
    }
    let url = clean_url(wanted).unwrap_or_default();
    let mut found = tree
        .walk()
        .filter(|(item, _)| item.url.as_deref() == Some(&url));
    match (found.next(), found.next()) {
        (Some((item, _)), None) => Ok(item),
        (Some((one, _)), Some((other, _))) => Err(HostError::Usage(format!(
            "{wanted} is bookmarked several times ({}, {}): use an id",
            one.id.as_str(),
            other.id.as_str()
        ))),
        _ => Err(HostError::NotFound(format!(
            "there is no bookmark {wanted}: pass a path like Menu/Recipes, an id or a URL; `selvedge bookmarks tree` shows them"
        ))),
    }
}

/// Stores changes on this device.
pub(super) async fn save(
    device: &Device,
    tree: &Tree,
    changes: &Changes,
    is_dry_run: bool,
) -> Result<()> {
    if changes.is_empty() {
        device.output.note("Nothing to do.");
        return Ok(());
    }
    let changed: Vec<Value> = changes
        .changed
        .iter()
        .filter_map(|id| tree.record(id).map(Value::Object))
        .collect();
    if is_dry_run {
        device.output.note(format!(
            "{} would be written and {} deleted; nothing is changed.",
            crate::output::records(changed.len() as u64),
            changes.deleted.len()
        ));
        return Ok(());
    }
    // The folders first: without their lists, items that are still there would only move to the end of their folder.
    if !changed.is_empty() {
        let json = Value::Array(changed).to_string();
        records::put(device, collection("bookmarks"), None, json, (false, false)).await?;
    }
    delete(device, &changes.deleted).await
}

async fn delete(device: &Device, deleted: &std::collections::BTreeSet<Guid>) -> Result<()> {
    let Some(store) = device.store_if_there()?.filter(|_| !deleted.is_empty()) else {
        return Ok(());
    };
    let name = collection("bookmarks");
    let engine = engine_for(name.clone(), &Owned::default())?;
    let bookmarks = Records::new(&store, &SystemClock, &SystemRandom, name).with_engine(&*engine);
    let mut ids = Vec::new();
    for id in deleted {
        let id = RecordId::new(to_record_id(id))
            .map_err(|error| HostError::Failed(error.to_string()))?;
        if bookmarks.get(&id).await?.is_some() {
            ids.push(id);
        }
    }
    match bookmarks.delete_many(&ids).await.map_err(HostError::from) {
        Err(error) if error.exit() == Exit::NotFound => Ok(()),
        done => done,
    }?;
    device.output.note(format!(
        "{} deleted in bookmarks; `selvedge sync` sends this to the other devices.",
        crate::output::records(ids.len() as u64)
    ));
    Ok(())
}
