//! Many writers at the same time.

use std::sync::Arc;

use selvedge_core::time::ServerTime;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::case::{Checked, Open, Outcome, fails, outcome, same};
use super::rows::{id, incoming, name, numbered, read, rec, request, uid};
use crate::model::{BatchId, Bounds, Conditions, Selection, Target, Uid, Write};
use crate::storage::error::WriteError;
use crate::storage::open::Storage;
use crate::storage::page::PageEnd;

const WRITERS: usize = 16;
const WRITES: usize = 20;
const ROUNDS: u64 = 10;

/// A write that only one of many may perform.
#[derive(Debug, Clone, Copy)]
enum Contested {
    CreateRecord,
    UpdateRecord,
    WriteCollection,
    DeleteRecord,
    DeleteRecords,
    DeleteCollection,
    DeleteStore,
    CommitBatch,
}

const CONTESTED: &[Contested] = &[
    Contested::CreateRecord,
    Contested::UpdateRecord,
    Contested::WriteCollection,
    Contested::DeleteRecord,
    Contested::DeleteRecords,
    Contested::DeleteCollection,
    Contested::DeleteStore,
    Contested::CommitBatch,
];

pub(super) async fn run(open: Open<'_>) -> Vec<Outcome> {
    let storage = open(Bounds::default());
    let mut outcomes = vec![
        outcome(
            "times of one user increase strictly under many writers",
            times(&storage).await,
        ),
        outcome(
            "readers see each write whole or not at all",
            readers(&storage).await,
        ),
    ];
    for (contested, number) in CONTESTED.iter().zip(10..) {
        let mut checked = Ok(());
        for round in 0..ROUNDS {
            let user = uid(number * 1000 + round);
            checked = checked.and(one_winner(&storage, user, *contested).await);
        }
        outcomes.push(outcome(
            &format!("{contested:?} has exactly one winner"),
            checked,
        ));
    }
    outcomes
}

async fn write(storage: &Storage, user: Uid, write: Write) -> Result<ServerTime, String> {
    let written = storage
        .records
        .write(user, Conditions::default(), write)
        .await;
    Ok(written.map_err(|error| fails("write", &error))?.modified)
}

async fn times(storage: &Storage) -> Checked {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let storage = storage.clone();
        writers.spawn(async move {
            let mut times = Vec::new();
            for number in 0..WRITES {
                let collection = format!("collection{}", writer % 5);
                let put = numbered(&collection, &format!("{writer}-{number}"), 2, "x");
                times.push(write(&storage, uid(1), put).await?);
            }
            Ok::<_, String>(times)
        });
    }
    let mut all = Vec::new();
    for times in writers.join_all().await {
        let times = times?;
        let increases = times.is_sorted_by(|a, b| a < b);
        same("one writer's times increase", &increases, &true)?;
        all.extend(times);
    }
    all.sort_unstable();
    same(
        "times are different",
        &all.is_sorted_by(|a, b| a < b),
        &true,
    )?;
    let state = storage.records.state(uid(1), true).await;
    let state = state.map_err(|error| fails("state", &error))?;
    same(
        "time of the store",
        &Some(state.modified),
        &all.last().copied(),
    )?;
    let records: u64 = state.collections.iter().map(|one| one.records).sum();
    same("records", &records, &((WRITERS * WRITES * 2) as u64))
}

async fn readers(storage: &Storage) -> Checked {
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let storage = storage.clone();
        writers.spawn(async move {
            for number in 0..WRITES {
                let put = numbered("notes", &format!("{writer}-{number}"), 7, "x");
                write(&storage, uid(2), put).await?;
            }
            Ok::<_, String>(())
        });
    }
    let mut done = Ok(());
    loop {
        let is_last = writers.is_empty();
        while let Some(written) = writers.try_join_next() {
            done = done.and(written.map_err(|error| fails("writer", &error))?);
        }
        let page = read(storage, request(uid(2), "notes", Selection::default())).await?;
        same("records of a part of a write", &(page.rows.len() % 7), &0)?;
        if let Some(PageEnd::Complete(head)) = page.end {
            // There are only writes, so the collection's time is that of its newest record.
            let newest = page.rows.iter().map(|row| row.modified).max();
            same("time", &head.modified, &newest.unwrap_or_default())?;
        }
        if is_last {
            same("records", &page.rows.len(), &(4 * WRITES * 7))?;
            return done;
        }
    }
}

/// Sixteen clients that all know the same state write at the same time.
async fn one_winner(storage: &Storage, user: Uid, contested: Contested) -> Checked {
    let put = Write::Put {
        collection: name("notes"),
        records: incoming(&[rec("a", "one")]),
        target: Target::Collection,
    };
    let modified = write(storage, user, put).await?;
    let batch = match contested {
        Contested::CommitBatch => {
            let append = Write::Append {
                collection: name("notes"),
                batch: None,
                records: incoming(&[rec("b", "batched")]),
            };
            let opened = storage
                .records
                .write(user, Conditions::default(), append)
                .await;
            opened.map_err(|error| fails("open", &error))?.batch
        }
        _ => None,
    };
    let since = match contested {
        Contested::CreateRecord => ServerTime::ZERO,
        _ => modified,
    };
    let barrier = Arc::new(Barrier::new(WRITERS));
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let (storage, barrier) = (storage.clone(), Arc::clone(&barrier));
        let write = conditional(contested, batch);
        writers.spawn(async move {
            barrier.wait().await;
            let conditions = Conditions {
                if_unmodified_since: Some(since),
                ..Conditions::default()
            };
            storage.records.write(user, conditions, write).await
        });
    }
    let (mut winners, mut losers) = (Vec::new(), 0);
    for written in writers.join_all().await {
        match written {
            Ok(written) if written.modified > modified => winners.push(written.modified),
            // What the winner deleted is missing, or the time of the store is the winner's.
            Ok(_) | Err(WriteError::Changed { .. } | WriteError::NotFound) => losers += 1,
            Err(error) => return Err(fails("write", &error)),
        }
    }
    if matches!(contested, Contested::DeleteCollection) {
        // After the winner the collection is missing, with time zero: the others delete nothing, and get the winner's time.
        let count = winners.len();
        winners.dedup();
        losers += count - winners.len();
    }
    same(
        "winners and losers",
        &(winners.len(), losers),
        &(1, WRITERS - 1),
    )?;
    let state = storage.records.state(user, true).await;
    let state = state.map_err(|error| fails("state", &error))?;
    same(
        "time of the store",
        &Some(state.modified),
        &winners.first().copied(),
    )
}

fn conditional(contested: Contested, batch: Option<BatchId>) -> Write {
    let put = |record, target| Write::Put {
        collection: name("notes"),
        records: incoming(&[rec(record, "two")]),
        target,
    };
    match contested {
        Contested::CreateRecord => put("new", Target::Record),
        Contested::UpdateRecord => put("a", Target::Record),
        Contested::WriteCollection => put("b", Target::Collection),
        Contested::DeleteRecord => Write::DeleteRecord {
            collection: name("notes"),
            id: id("a"),
            target: Target::Record,
        },
        Contested::DeleteRecords => Write::DeleteRecords {
            collection: name("notes"),
            ids: vec![id("a")],
        },
        Contested::DeleteCollection => Write::DeleteCollection {
            collection: name("notes"),
        },
        Contested::DeleteStore => Write::DeleteStore,
        Contested::CommitBatch => Write::Commit {
            collection: name("notes"),
            batch: batch.unwrap_or(BatchId::UNKNOWN),
            records: Vec::new(),
        },
    }
}
