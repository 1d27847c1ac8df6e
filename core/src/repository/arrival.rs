//! Arriving records that an engine merges one by one: whether they can be used, and which local record they duplicate.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::record::{Failed, Failure, Record};
use crate::engines::{Cleartext, Engine, Validity, key_of};
use crate::error::Result;
use crate::host::{Base, Key, Pending, Store, Stored, Write};
use crate::ids::RecordId;
use crate::json::push_text;
use crate::reconcile::Fields;
use crate::sorted::Set;
use crate::time::ServerTime;

/// A record that can be used, or that has to be replaced on the server.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) record: Record,
    /// Whether this device's version, or else a tombstone, replaces it.
    pub(super) is_replaced: bool,
}

/// Asks the engine whether a record can be used.
///
/// ```text
/// valid      applied
/// reupload   the corrected record is applied, and sent
/// replace    not applied; this device's version or a tombstone is sent
/// refuse     not applied; reported
/// ```
pub(super) fn validated(
    engine: &dyn Engine,
    mut record: Record,
) -> core::result::Result<Arrival, Box<Failed>> {
    let validity = match &record.cleartext {
        Some(json) => engine.validate(&Cleartext::new(&record.id, json)),
        None => Validity::Valid,
    };
    let mut is_replaced = false;
    match validity {
        Validity::Valid => {}
        Validity::Reupload(corrected) => {
            record.cleartext = Some(corrected.into());
            record.is_to_be_sent_again = true;
        }
        Validity::Replace => is_replaced = true,
        Validity::Refuse(reason) => {
            return Err(Box::new(Failed {
                id: Some(record.id),
                modified: record.modified,
                failure: Failure::NotApplied(reason),
            }));
        }
    }
    Ok(Arrival {
        record,
        is_replaced,
    })
}

/// The local records that arriving records duplicate, in the same order: never uploaded, with the same key, and another
/// id. Each is used once.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn duplicates<S: Store>(
    store: &S,
    engine: &dyn Engine,
    arrivals: &[Arrival],
    found: &[Option<Stored>],
) -> Result<Vec<Option<Stored>>> {
    let mut duplicates = alloc::vec![None; arrivals.len()];
    if !engine.has_duplicate_keys() {
        return Ok(duplicates);
    }
    let key = |(arrival, found): (&Arrival, &Option<Stored>)| {
        let Record { id, cleartext, .. } = &arrival.record;
        let is_new = found.is_none() && !arrival.is_replaced;
        key_of(engine, id, cleartext.as_deref().filter(|_| is_new)?)
    };
    let keys: Vec<Option<Key>> = arrivals.iter().zip(found).map(key).collect();
    let asked: Vec<Key> = keys.iter().flatten().cloned().collect();
    if asked.is_empty() {
        return Ok(duplicates);
    }
    let arriving: Set<&RecordId> = arrivals.iter().map(|arrival| &arrival.record.id).collect();
    let mut candidates = store.duplicates(engine.collection(), &asked).await?;
    candidates
        .retain(|stored| is_never_uploaded(stored) && !arriving.contains(stored.item.id.as_str()));
    for (duplicate, key) in duplicates.iter_mut().zip(keys) {
        let mut places = candidates.iter();
        if let Some(at) = places.position(|stored| key.is_some() && stored.item.key == key) {
            *duplicate = Some(candidates.remove(at));
        }
    }
    Ok(duplicates)
}

fn is_never_uploaded(Stored { item, .. }: &Stored) -> bool {
    item.base == Base::Unknown
        && item.sent == Base::Unknown
        && item.server_modified == ServerTime::ZERO
        && matches!(item.pending, Pending::Edit { .. })
}

/// Gives a local record another id: the record under the new id, and the removal of the old one.
pub(super) fn take_over(mut stored: Stored, id: &RecordId) -> (Stored, Write) {
    let removal = Write {
        id: stored.item.id,
        seen: Some(stored.revision),
        becomes: None,
    };
    stored.item.id = id.clone();
    stored.item.cleartext = stored.item.cleartext.map(|json| with_id(id, &json));
    (stored, removal)
}

/// A record with this id as its own.
pub(super) fn with_id(id: &RecordId, cleartext: &str) -> String {
    let mut patch = String::from("{\"id\":");
    push_text(&mut patch, id.as_str());
    patch.push('}');
    match (Fields::parse(cleartext), Fields::parse(&patch)) {
        (Ok(fields), Ok(patch)) => fields.patched(&patch),
        _ => cleartext.to_string(),
    }
}

/// Writes the keys of the records that were stored without them: before this engine existed, or without an engine.
///
/// # Errors
/// When the store cannot be read or written.
pub(crate) async fn index_keys<S: Store>(store: &S, engine: &dyn Engine) -> Result<()> {
    use crate::host::{Commit, Committed, PageLimit, Part, Selection};

    let mut after = None;
    while engine.has_duplicate_keys() {
        let name = engine.collection();
        let limit = PageLimit::default();
        let page = store
            .page(name, Selection::Pending, after.as_ref(), limit)
            .await?;
        let Some(last) = page.last().map(|stored| stored.item.id.clone()) else {
            break;
        };
        let write = |Stored { mut item, revision }: Stored| {
            let json = item.cleartext.as_deref();
            let key = json.and_then(|json| key_of(engine, &item.id, json));
            let is_new = item.key != key;
            item.key = key;
            is_new.then_some(Write {
                id: item.id.clone(),
                seen: Some(revision),
                becomes: Some(item),
            })
        };
        let writes: Vec<Write> = page.into_iter().filter_map(write).collect();
        let is_done = writes.is_empty();
        let part = Part {
            writes,
            ..Part::new(name.clone())
        };
        let commit = Commit {
            parts: alloc::vec![part],
            global: None,
        };
        // A page of which a record was changed meanwhile is read again.
        if is_done || store.commit(commit).await? == Committed::Done {
            after = Some(last);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
