//! A process that writes until it is killed, and what must be in the database after that.
//!
//! A test starts its own program again as a child that calls [`write_until_killed`], kills it, opens the database, and calls
//! [`check`] with the names that the child printed.

use std::collections::BTreeMap;

use selvedge_core::time::ServerTime;
use tokio::task::JoinSet;

use super::case::{Checked, fails, same};
use super::rows::{name, numbered, read, request, uid};
use crate::model::{BatchId, Conditions, Incoming, Selection, Write};
use crate::storage::error::WriteError;
use crate::storage::open::Storage;

const WRITERS: usize = 4;
const RECORDS: usize = 20;

/// Writes records of one user, half of them through batches, and passes on the name and the time of each write that was
/// acknowledged. Returns only when a write fails. Names begin with `round`, which must be different in each process.
pub async fn write_until_killed(
    storage: &Storage,
    round: &str,
    acknowledged: impl Fn(&str, ServerTime) + Clone + Send + 'static,
) -> WriteError {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (storage, acknowledged) = (storage.clone(), acknowledged.clone());
        let prefix = format!("{round}.{writer}");
        writers.spawn(async move {
            let mut number = 0_u64;
            loop {
                let name = format!("{prefix}.{number}");
                match write(&storage, &name, number.is_multiple_of(2)).await {
                    Ok(modified) => acknowledged(&name, modified),
                    Err(error) => return error,
                }
                number += 1;
            }
        });
    }
    let failed = writers.join_next().await;
    failed
        .and_then(Result::ok)
        .unwrap_or(WriteError::UnknownBatch)
}

async fn write(storage: &Storage, name: &str, at_once: bool) -> Result<ServerTime, WriteError> {
    let put = numbered("notes", name, RECORDS, &"x".repeat(500));
    let write = |write| storage.records.write(uid(1), Conditions::default(), write);
    if at_once {
        return Ok(write(put).await?.modified);
    }
    let Write::Put {
        collection,
        mut records,
        ..
    } = put
    else {
        return Err(WriteError::UnknownBatch);
    };
    let rest: Vec<Incoming> = records.split_off(RECORDS / 2);
    let opened = write(Write::Append {
        collection: collection.clone(),
        batch: None,
        records,
    });
    let batch: BatchId = opened.await?.batch.ok_or(WriteError::UnknownBatch)?;
    let committed = write(Write::Commit {
        collection,
        batch,
        records: rest,
    });
    Ok(committed.await?.modified)
}

/// Checks a database whose process was killed: every acknowledged write is complete and has its time, no write is there in
/// part, counters fit the records, and a new write is later than all of them.
///
/// # Errors
/// What is wrong.
pub async fn check(storage: &Storage, acknowledged: &[(String, ServerTime)]) -> Checked {
    let page = read(storage, request(uid(1), "notes", Selection::default())).await?;
    let mut writes: BTreeMap<&str, Vec<ServerTime>> = BTreeMap::new();
    for row in &page.rows {
        let write = row.id.rsplit_once('-').map_or("", |(write, _)| write);
        writes.entry(write).or_default().push(row.modified);
    }
    for (write, times) in &writes {
        same(&format!("records of {write}"), &times.len(), &RECORDS)?;
        let first = times.first();
        same(
            &format!("{write} has one time"),
            &times.iter().all(|time| Some(time) == first),
            &true,
        )?;
    }
    for (write, modified) in acknowledged {
        let found = writes.get(write.as_str()).and_then(|times| times.first());
        same(&format!("time of {write}"), &found, &Some(modified))?;
    }
    let state = storage.records.state(uid(1), true).await;
    let state = state.map_err(|error| fails("state", &error))?;
    let collection = state.collections.first();
    let counted = collection.map_or((0, 0), |found| (found.records, found.bytes));
    let records = page.rows.len() as u64;
    same("counters", &counted, &(records, records * 500))?;
    let last = page.rows.iter().map(|row| row.modified).max();
    let delete = Write::DeleteRecords {
        collection: name("notes"),
        ids: Vec::new(),
    };
    let next = storage
        .records
        .write(uid(1), Conditions::default(), delete)
        .await;
    let next = next.map_err(|error| fails("write", &error))?.modified;
    same("times go on", &(Some(next) > last), &true)
}
