//! Writes of one user, one after the other.

use selvedge_core::time::ServerTime;

use super::case::{Checked, Open, Outcome, fails, outcome, same};
use super::rows::{Rec, bare, id, incoming, name, read, rec, request, uid};
use crate::model::{
    BatchId, Bounds, Conditions, Field, Limits, Selection, Target, Uid, Write, Written,
};
use crate::storage::batches::MAX_OPEN;
use crate::storage::error::WriteError;
use crate::storage::open::Storage;

/// A claim, and the steps that test it on a new user.
struct Case(&'static str, &'static [Step]);

/// A step of a case.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A write under a condition, and its result.
    Do(Op, If, Then),
    /// The record's payload and sort index; None if there is no such record.
    Record(
        &'static str,
        &'static str,
        Option<(&'static str, Option<i64>)>,
    ),
    /// The ids of a collection, oldest first.
    Ids(&'static str, &'static [&'static str]),
    /// Collections with their numbers of records and bytes.
    State(&'static [(&'static str, u64, u64)]),
    /// The times of a record and of its collection, counted in steps back from the last write that took a time: 0 is its own.
    Times(&'static str, &'static str, usize, usize),
}

#[derive(Debug, Clone, Copy)]
enum Op {
    Put(&'static str, &'static [Rec]),
    PutOne(&'static str, Rec),
    OpenBatch(&'static str, &'static [Rec]),
    Append(&'static str, &'static [Rec]),
    Commit(&'static str, &'static [Rec]),
    DeleteOne(&'static str, &'static str),
    DeleteSome(&'static str, &'static [&'static str]),
    DeleteCollection(&'static str),
    DeleteStore,
}

/// `X-If-Unmodified-Since`.
#[derive(Debug, Clone, Copy)]
enum If {
    Always,
    /// Since the last write that took a time.
    SinceLast,
    /// Since just before it.
    BeforeLast,
    /// Since 0: the target must not exist.
    SinceZero,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Written, with a time later than all before.
    Written,
    /// Nothing changed; the time of the user's last write.
    Unchanged,
    /// Added to the batch.
    Batched,
    Changed,
    NotFound,
    UnknownBatch,
    BatchTooLarge,
    OverQuota,
}

use If::{Always, BeforeLast, SinceLast, SinceZero};
use Op::{
    Append, Commit, DeleteCollection, DeleteOne, DeleteSome, DeleteStore, OpenBatch, Put, PutOne,
};
use Step::{Do, Ids, Record, State, Times};
use Then::{
    BatchTooLarge, Batched, Changed, NotFound, OverQuota, Unchanged, UnknownBatch, Written as Done,
};

const A: Rec = rec("a", "one");
const B: Rec = rec("b", "two");
const A_TTL_0: Rec = Rec {
    ttl: Field::Set(0),
    ..A
};
const A_ONLY_TTL: Rec = Rec {
    ttl: Field::Set(1000),
    ..bare("a")
};
const A_SORTED: Rec = Rec {
    sortindex: Field::Set(-5),
    ..A
};
const A_CLEARED: Rec = Rec {
    payload: Field::Clear,
    sortindex: Field::Clear,
    ttl: Field::Clear,
    ..bare("a")
};
const A_ONLY_SORTED: Rec = Rec {
    sortindex: Field::Set(7),
    ..bare("a")
};
const MAX_TOTAL_RECORDS: u64 = 4;

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case("an empty store has nothing", &[State(&[]), Ids("notes", &[]), Record("notes", "a", None)]),
    Case("a write creates its collection and counts records and bytes", &[
        Do(Put("notes", &[A, B]), Always, Done), State(&[("notes", 2, 6)]), Ids("notes", &["a", "b"]),
        Record("notes", "a", Some(("one", None))), Times("notes", "a", 0, 0), Times("notes", "b", 0, 0),
    ]),
    Case("a write of no records changes nothing", &[
        Do(Put("notes", &[A]), Always, Done), Do(Put("notes", &[]), Always, Unchanged), State(&[("notes", 1, 3)]),
    ]),
    Case("collections have their own times", &[
        Do(Put("notes", &[A]), Always, Done), Do(Put("tabs", &[A]), Always, Done),
        Times("notes", "a", 1, 1), Times("tabs", "a", 0, 0),
    ]),
    Case("a payload of any Unicode is stored as it is", &[
        Do(Put("notes", &[rec("a", "\u{0}\"\\ é ☃ 🎉")]), Always, Done),
        Record("notes", "a", Some(("\u{0}\"\\ é ☃ 🎉", None))), State(&[("notes", 1, 15)]),
    ]),
    Case("absent members keep what is stored", &[
        Do(Put("notes", &[A_SORTED]), Always, Done), Do(Put("notes", &[bare("a")]), Always, Done),
        Record("notes", "a", Some(("one", Some(-5)))),
        Do(Put("notes", &[A_ONLY_SORTED]), Always, Done), Record("notes", "a", Some(("one", Some(7)))),
        Times("notes", "a", 0, 0), State(&[("notes", 1, 3)]),
    ]),
    Case("cleared members get their defaults", &[
        Do(Put("notes", &[A_SORTED]), Always, Done), Do(Put("notes", &[A_CLEARED]), Always, Done),
        Record("notes", "a", Some(("", None))), State(&[("notes", 1, 0)]),
    ]),
    Case("a write of nothing but ttl keeps the record's time", &[
        Do(Put("notes", &[A]), Always, Done), Do(Put("notes", &[A_ONLY_TTL]), Always, Done),
        Times("notes", "a", 1, 0), Record("notes", "a", Some(("one", None))),
    ]),
    Case("in a batch such a write changes the record's time", &[
        Do(Put("notes", &[A]), Always, Done), Do(OpenBatch("notes", &[A_ONLY_TTL]), Always, Batched),
        Do(Commit("notes", &[]), Always, Done), Times("notes", "a", 0, 0),
    ]),
    Case("an expired record is missing", &[
        Do(Put("notes", &[A_TTL_0, B]), Always, Done), Record("notes", "a", None), Ids("notes", &["b"]),
        State(&[("notes", 1, 3)]), Do(DeleteOne("notes", "a"), Always, NotFound),
    ]),
    Case("an expired record is created anew", &[
        Do(Put("notes", &[Rec { sortindex: Field::Set(5), ..A_TTL_0 }]), Always, Done),
        Do(PutOne("notes", A_ONLY_TTL), SinceZero, Done), Record("notes", "a", Some(("", None))), Times("notes", "a", 0, 0),
    ]),
    Case("a collection is written only if it did not change", &[
        Do(Put("notes", &[A]), SinceZero, Done), Do(Put("notes", &[B]), SinceZero, Changed),
        Do(Put("notes", &[B]), BeforeLast, Changed), Ids("notes", &["a"]), State(&[("notes", 1, 3)]),
        Do(Put("notes", &[B]), SinceLast, Done), Ids("notes", &["a", "b"]),
    ]),
    Case("a record is written only if it did not change", &[
        Do(PutOne("notes", A), SinceZero, Done), Do(PutOne("notes", A), BeforeLast, Changed),
        Do(PutOne("notes", B), SinceZero, Done), Do(PutOne("notes", A), BeforeLast, Done),
        Do(PutOne("notes", A), SinceZero, Changed),
    ]),
    Case("a condition of another collection does not matter", &[
        Do(Put("notes", &[A]), Always, Done), Do(Put("tabs", &[A]), SinceZero, Done),
    ]),
    Case("a record is deleted, and its collection stays", &[
        Do(Put("notes", &[A]), Always, Done), Do(DeleteOne("notes", "a"), SinceLast, Done),
        State(&[("notes", 0, 0)]), Record("notes", "a", None), Ids("notes", &[]),
    ]),
    Case("deleting what is missing is refused and changes nothing", &[
        Do(DeleteOne("notes", "a"), Always, NotFound), State(&[]),
        Do(Put("notes", &[A]), Always, Done), Do(DeleteOne("notes", "b"), Always, NotFound), Times("notes", "a", 0, 0),
    ]),
    Case("a record that changed is not deleted", &[
        Do(Put("notes", &[A]), Always, Done), Do(DeleteOne("notes", "a"), BeforeLast, Changed), Ids("notes", &["a"]),
    ]),
    Case("some records are deleted, whether or not they exist", &[
        Do(Put("notes", &[A, B]), Always, Done), Do(DeleteSome("notes", &["a", "x"]), Always, Done), Ids("notes", &["b"]),
        Do(DeleteSome("notes", &["b"]), BeforeLast, Changed), State(&[("notes", 1, 3)]),
    ]),
    Case("of a missing collection nothing is deleted", &[
        Do(Put("tabs", &[A]), Always, Done), Do(DeleteSome("notes", &["a"]), Always, Unchanged),
        Do(DeleteCollection("notes"), Always, Unchanged), State(&[("tabs", 1, 3)]),
    ]),
    Case("a collection is deleted with its records", &[
        Do(Put("notes", &[A]), Always, Done), Do(Put("tabs", &[A]), Always, Done),
        Do(DeleteCollection("tabs"), BeforeLast, Changed), Do(DeleteCollection("tabs"), SinceLast, Done),
        State(&[("notes", 1, 3)]), Record("tabs", "a", None), Do(Put("tabs", &[B]), SinceZero, Done), Ids("tabs", &["b"]),
    ]),
    Case("the store is deleted, and times go on", &[
        Do(Put("notes", &[A]), Always, Done), Do(Put("tabs", &[A]), Always, Done), Do(DeleteStore, BeforeLast, Changed),
        Do(DeleteStore, SinceLast, Done), State(&[]), Do(Put("notes", &[B]), SinceZero, Done), Ids("notes", &["b"]),
    ]),
    Case("records of a batch are visible at its commit, together with the last ones", &[
        Do(OpenBatch("notes", &[A]), Always, Batched), State(&[]), Ids("notes", &[]),
        Do(Append("notes", &[B]), Always, Batched), Ids("notes", &[]),
        Do(Commit("notes", &[rec("c", "three")]), Always, Done), Ids("notes", &["a", "b", "c"]), State(&[("notes", 3, 11)]),
        Times("notes", "a", 0, 0), Times("notes", "c", 0, 0),
    ]),
    Case("of a record that is twice in a batch the last one counts", &[
        Do(OpenBatch("notes", &[A]), Always, Batched), Do(Append("notes", &[rec("a", "two")]), Always, Batched),
        Do(Commit("notes", &[A_ONLY_SORTED]), Always, Done), Record("notes", "a", Some(("two", Some(7)))),
    ]),
    Case("a batch is committed once", &[
        Do(OpenBatch("notes", &[A]), Always, Batched), Do(Commit("notes", &[]), Always, Done),
        Do(Commit("notes", &[]), Always, UnknownBatch), Do(Append("notes", &[B]), Always, UnknownBatch),
    ]),
    Case("a batch belongs to its collection", &[
        Do(OpenBatch("notes", &[A]), Always, Batched), Do(Append("tabs", &[B]), Always, UnknownBatch),
        Do(Commit("tabs", &[]), Always, UnknownBatch), Do(Commit("notes", &[]), Always, Done),
    ]),
    Case("a refused commit leaves the batch open", &[
        Do(OpenBatch("notes", &[A]), Always, Batched), Do(Put("notes", &[B]), Always, Done),
        Do(Commit("notes", &[]), BeforeLast, Changed), Ids("notes", &["b"]), Do(Commit("notes", &[]), SinceLast, Done),
    ]),
    Case("a failed condition takes precedence over an unknown batch", &[
        Do(OpenBatch("notes", &[A]), Always, Batched), Do(Commit("notes", &[]), Always, Done),
        Do(Commit("notes", &[]), BeforeLast, Changed),
    ]),
    Case("a deleted collection loses its batches", &[
        Do(Put("notes", &[B]), Always, Done), Do(OpenBatch("notes", &[A]), Always, Batched),
        Do(DeleteCollection("notes"), Always, Done), Do(Commit("notes", &[]), Always, UnknownBatch),
    ]),
    Case("a deleted store loses its batches", &[
        Do(OpenBatch("notes", &[A]), Always, Batched), Do(DeleteStore, Always, Done),
        Do(Commit("notes", &[]), Always, UnknownBatch),
    ]),
    Case("a batch does not exceed its limits", &[
        Do(OpenBatch("notes", &[A, B, rec("c", "")]), Always, Batched),
        Do(Append("notes", &[rec("d", ""), rec("e", "")]), Always, BatchTooLarge),
        Do(Commit("notes", &[rec("d", ""), rec("e", "")]), Always, BatchTooLarge),
        Do(Commit("notes", &[rec("d", "")]), Always, Done), Ids("notes", &["a", "b", "c", "d"]),
    ]),
];

/// With a quota of ten bytes.
#[rustfmt::skip]
const QUOTA_CASES: &[Case] = &[
    Case("a write beyond the quota is refused and changes nothing", &[
        Do(Put("notes", &[rec("a", "12345678")]), Always, Done), Do(Put("notes", &[rec("b", "123")]), Always, OverQuota),
        Ids("notes", &["a"]), State(&[("notes", 1, 8)]), Do(Put("notes", &[rec("b", "12")]), SinceLast, Done),
    ]),
    Case("a quota includes open batches", &[
        Do(OpenBatch("notes", &[rec("a", "12345678")]), Always, Batched),
        Do(Append("notes", &[rec("b", "123")]), Always, OverQuota), Do(Commit("notes", &[]), Always, Done),
    ]),
    Case("at the quota a store may shrink", &[
        Do(Put("notes", &[rec("a", "1234567890")]), Always, Done), Do(Put("tabs", &[rec("a", "1")]), Always, OverQuota),
        State(&[("notes", 1, 10)]), Do(Put("notes", &[rec("a", "12345")]), Always, Done),
        Do(Put("tabs", &[rec("a", "12345")]), Always, Done), State(&[("notes", 1, 5), ("tabs", 1, 5)]),
    ]),
];

pub(super) async fn run(open: Open<'_>) -> Vec<Outcome> {
    let bounds = |quota_bytes| Bounds {
        limits: Limits {
            max_total_records: MAX_TOTAL_RECORDS,
            ..Limits::default()
        },
        quota_bytes,
    };
    let mut outcomes = Vec::new();
    for (cases, quota) in [(CASES, None), (QUOTA_CASES, Some(10))] {
        let storage = open(bounds(quota));
        for (Case(claim, steps), number) in cases.iter().zip(1..) {
            outcomes.push(outcome(claim, check(&storage, uid(number), steps).await));
        }
    }
    let storage = open(bounds(None));
    let checked = too_many_batches(&storage).await;
    outcomes.push(outcome(
        "a user has a maximum number of open batches",
        checked,
    ));
    outcomes
}

async fn check(storage: &Storage, uid: Uid, steps: &[Step]) -> Checked {
    let mut user = User {
        storage,
        uid,
        times: vec![ServerTime::ZERO],
        batch: None,
    };
    for (step, number) in steps.iter().zip(1..) {
        let checked = user.step(step).await;
        checked.map_err(|failure| format!("step {number}, {step:?}: {failure}"))?;
    }
    Ok(())
}

/// A user of a case.
struct User<'a> {
    storage: &'a Storage,
    uid: Uid,
    /// The times of the writes so far.
    times: Vec<ServerTime>,
    batch: Option<BatchId>,
}

impl User<'_> {
    async fn step(&mut self, step: &Step) -> Checked {
        match *step {
            Do(op, condition, then) => self.write(op, condition, then).await,
            Record(collection, record, expected) => {
                let records = &self.storage.records;
                let found = records.record(self.uid, name(collection), id(record)).await;
                let found = found.map_err(|error| fails("record", &error))?;
                let found = found.map(|found| {
                    let payload = String::from_utf8_lossy(&found.payload).into_owned();
                    (payload, found.sortindex)
                });
                let expected = expected.map(|(payload, index)| (payload.to_owned(), index));
                same("record", &found, &expected)
            }
            Ids(collection, expected) => {
                let request = request(self.uid, collection, Selection::default());
                let page = read(self.storage, request).await?;
                same("ids", &page.ids(), &expected.to_vec())
            }
            State(expected) => {
                let state = self.storage.records.state(self.uid, true).await;
                let state = state.map_err(|error| fails("state", &error))?;
                let mut found: Vec<_> = state
                    .collections
                    .iter()
                    .map(|found| (found.name.as_str(), found.records, found.bytes))
                    .collect();
                found.sort_unstable();
                same("state", &found, &expected.to_vec())?;
                same("time of the store", &state.modified, &self.last(0)?)
            }
            Times(collection, record, of_record, of_collection) => {
                let records = &self.storage.records;
                let found = records.record(self.uid, name(collection), id(record)).await;
                let found = found.map_err(|error| fails("record", &error))?;
                let modified = found.map(|found| found.modified);
                same(
                    "time of the record",
                    &modified,
                    &Some(self.last(of_record)?),
                )?;
                let state = records.state(self.uid, false).await;
                let state = state.map_err(|error| fails("state", &error))?;
                let found = state.collections.iter().find(|one| one.name == collection);
                let modified = found.map(|found| found.modified);
                same(
                    "time of the collection",
                    &modified,
                    &Some(self.last(of_collection)?),
                )
            }
        }
    }

    fn last(&self, back: usize) -> Result<ServerTime, String> {
        let time = self.times.iter().rev().nth(back);
        time.copied().ok_or_else(|| "too few writes".to_owned())
    }

    async fn write(&mut self, op: Op, condition: If, then: Then) -> Checked {
        let last = self.last(0)?;
        let since = match condition {
            Always => None,
            SinceLast => Some(last),
            BeforeLast => Some(ServerTime::from_hundredths(
                last.hundredths().saturating_sub(1),
            )),
            SinceZero => Some(ServerTime::ZERO),
        };
        let conditions = Conditions {
            if_unmodified_since: since,
            ..Conditions::default()
        };
        let write = self.convert(op)?;
        match self
            .storage
            .records
            .write(self.uid, conditions, write)
            .await
        {
            Ok(written) => self.check_written(&written, last, then),
            Err(error) => {
                let found = match error {
                    WriteError::Changed { .. } => Changed,
                    WriteError::NotFound => NotFound,
                    WriteError::UnknownBatch => UnknownBatch,
                    WriteError::BatchTooLarge => BatchTooLarge,
                    WriteError::OverQuota => OverQuota,
                    error => return Err(fails("write", &error)),
                };
                same("result", &found, &then)
            }
        }
    }

    fn check_written(&mut self, written: &Written, last: ServerTime, then: Then) -> Checked {
        let found = if let Some(batch) = written.batch {
            self.batch = Some(batch);
            Batched
        } else if written.modified > last {
            self.times.push(written.modified);
            Done
        } else if written.modified == last {
            Unchanged
        } else {
            return Err(format!("time {} is before {last}", written.modified));
        };
        same("result", &found, &then)
    }

    fn convert(&self, op: Op) -> Result<Write, String> {
        let batch = || self.batch.ok_or_else(|| "no batch was opened".to_owned());
        Ok(match op {
            Put(collection, records) => Write::Put {
                collection: name(collection),
                records: incoming(records),
                target: Target::Collection,
            },
            PutOne(collection, record) => Write::Put {
                collection: name(collection),
                records: incoming(&[record]),
                target: Target::Record,
            },
            OpenBatch(collection, records) => Write::Append {
                collection: name(collection),
                batch: None,
                records: incoming(records),
            },
            Append(collection, records) => Write::Append {
                collection: name(collection),
                batch: Some(batch()?),
                records: incoming(records),
            },
            Commit(collection, records) => Write::Commit {
                collection: name(collection),
                batch: batch()?,
                records: incoming(records),
            },
            DeleteOne(collection, record) => Write::DeleteRecord {
                collection: name(collection),
                id: id(record),
                target: Target::Record,
            },
            DeleteSome(collection, records) => Write::DeleteRecords {
                collection: name(collection),
                ids: records.iter().map(|record| id(record)).collect(),
            },
            DeleteCollection(collection) => Write::DeleteCollection {
                collection: name(collection),
            },
            DeleteStore => Write::DeleteStore,
        })
    }
}

async fn too_many_batches(storage: &Storage) -> Checked {
    let open = || {
        let write = Write::Append {
            collection: name("notes"),
            batch: None,
            records: Vec::new(),
        };
        storage.records.write(uid(1), Conditions::default(), write)
    };
    for _ in 0..MAX_OPEN {
        open().await.map_err(|error| fails("open", &error))?;
    }
    same(
        "one more",
        &open().await.err(),
        &Some(WriteError::TooManyBatches),
    )
}
