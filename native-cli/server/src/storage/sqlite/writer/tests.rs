use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;

use selvedge_core::ids::{CollectionName, RecordId};

use super::super::schema::{Durability, open_writer};
use super::*;
use crate::model::{Field, Incoming, Limits, Target};

type Answered = oneshot::Receiver<Result<Written, WriteError>>;

/// A writer whose clock stands at the returned number of hundredths.
fn writer(directory: &Path, clock: u64) -> (Writer, Arc<AtomicU64>) {
    let clock = Arc::new(AtomicU64::new(clock));
    let bounds = Bounds {
        limits: Limits::default(),
        quota_bytes: None,
    };
    let read = Arc::clone(&clock);
    let writer = Writer::new(
        open_writer(&directory.join("db"), Durability::None).unwrap(),
        bounds,
        sync_channel(1).1,
        Box::new(move || ServerTime::from_hundredths(read.load(Ordering::Relaxed))),
        Flusher::none(),
        None,
    );
    (writer, clock)
}

impl Writer {
    fn add(&mut self, uid: u64, write: Write) -> Answered {
        let (reply, answer) = oneshot::channel();
        self.queue(Task::User(UserWrite {
            uid: Uid::new(uid).unwrap(),
            conditions: Conditions::default(),
            write,
            reply,
        }));
        answer
    }

    fn add_put(&mut self, uid: u64) -> Answered {
        let record = Incoming {
            id: RecordId::new("a").unwrap(),
            payload: Field::Set("p".into()),
            sortindex: Field::Keep,
            ttl: Field::Keep,
        };
        self.add(
            uid,
            Write::Put {
                collection: CollectionName::new("notes").unwrap(),
                records: vec![record],
                target: Target::Record,
            },
        )
    }
}

/// The times of the writes that were answered, and how many were not.
fn times(answers: &mut [Answered]) -> (Vec<u64>, usize) {
    let times = answers.iter_mut().filter_map(|answer| {
        let written = answer.try_recv().ok()?.unwrap();
        Some(written.modified.hundredths())
    });
    let times: Vec<u64> = times.collect();
    let left = answers.len() - times.len();
    (times, left)
}

#[test]
fn a_burst_is_committed_at_once_up_to_one_second_ahead_of_the_clock() {
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, clock) = writer(directory.path(), 5000);
    let mut burst: Vec<Answered> = (0..103).map(|_| writer.add_put(1)).collect();
    let mut other = [writer.add_put(2)];
    writer.commit();
    assert_eq!(times(&mut burst), ((5000..=5100).collect(), 2));
    assert_eq!(
        times(&mut other),
        (vec![5000], 0),
        "another user does not wait"
    );
    assert!(writer.waits_for_clock);
    writer.commit();
    assert_eq!(times(&mut burst[101..]), (vec![], 2));
    clock.store(5001, Ordering::Relaxed);
    writer.commit();
    assert_eq!(times(&mut burst[101..]), (vec![5101], 1));
    clock.store(6000, Ordering::Relaxed);
    writer.commit();
    assert_eq!(times(&mut burst[102..]), (vec![6000], 0));
    assert!(!writer.waits_for_clock);
}

#[test]
fn what_waits_for_the_clock_keeps_its_order() {
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, clock) = writer(directory.path(), 5000);
    let mut burst: Vec<Answered> = (0..101).map(|_| writer.add_put(1)).collect();
    writer.commit();
    assert_eq!(times(&mut burst).1, 0);
    let mut first = [writer.add_put(1)];
    let delete = Write::DeleteStore;
    let mut second = [writer.add(1, delete)];
    writer.commit();
    clock.store(5002, Ordering::Relaxed);
    writer.commit();
    assert_eq!(times(&mut first).0, [5101]);
    assert_eq!(times(&mut second).0, [5102]);
}

#[test]
fn times_go_on_over_a_restart_and_a_clock_that_was_set_back() {
    let directory = tempfile::tempdir().unwrap();
    let mut last = 0;
    for clock in [500_000, 500_000, 499_990, 1000, 0, 400_000] {
        let (mut writer, _clock) = writer(directory.path(), clock);
        let mut answers: Vec<Answered> = (0..30).map(|_| writer.add_put(1)).collect();
        writer.commit();
        let (times, left) = times(&mut answers);
        assert_eq!(left, 0, "{clock}");
        assert!(times.is_sorted() && times[0] > last, "{clock}: {times:?}");
        last = times[29];
    }
    assert_eq!(last, 500_179);
}

#[test]
fn a_write_that_is_refused_takes_no_time() {
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, _clock) = writer(directory.path(), 5000);
    let mut first = [writer.add_put(1)];
    let delete = Write::DeleteRecord {
        collection: CollectionName::new("notes").unwrap(),
        id: RecordId::new("missing").unwrap(),
        target: Target::Record,
    };
    let mut refused = writer.add(1, delete);
    let mut second = [writer.add_put(1)];
    writer.commit();
    assert_eq!(times(&mut first).0, [5000]);
    assert_eq!(refused.try_recv().unwrap(), Err(WriteError::NotFound));
    assert_eq!(times(&mut second).0, [5001]);
}

#[test]
fn ahead_of_the_clock_records_still_expire_by_the_clock() {
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, clock) = writer(directory.path(), 900_000);
    let mut first = [writer.add_put(1)];
    writer.commit();
    assert_eq!(times(&mut first).0, [900_000]);
    // The clock is set back by two hours; the next write has the time 900001.
    clock.store(180_000, Ordering::Relaxed);
    let record = Incoming {
        id: RecordId::new("b").unwrap(),
        payload: Field::Set("p".into()),
        sortindex: Field::Keep,
        ttl: Field::Set(10),
    };
    let collection = CollectionName::new("notes").unwrap();
    let mut second = [writer.add(
        1,
        Write::Put {
            collection,
            records: vec![record],
            target: Target::Record,
        },
    )];
    writer.commit();
    assert_eq!(times(&mut second).0, [900_001]);
    let expiry = writer
        .db
        .query_row("SELECT expiry FROM records WHERE id = 'b'", [], |row| {
            row.get::<_, i64>(0)
        });
    assert_eq!(expiry, Ok(181_000));
}

#[test]
fn a_write_that_fails_halfway_takes_its_group_back() {
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, _clock) = writer(directory.path(), 5000);
    let mut before = [writer.add_put(1)];
    writer.commit();
    assert_eq!(times(&mut before).0, [5000]);
    // The second record of the POST meets a database that refuses it.
    writer
        .db
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON records WHEN NEW.id = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .unwrap();
    let record = |id: &str| Incoming {
        id: RecordId::new(id).unwrap(),
        payload: Field::Set("p".into()),
        sortindex: Field::Keep,
        ttl: Field::Keep,
    };
    let collection = CollectionName::new("notes").unwrap();
    let put = Write::Put {
        collection,
        records: vec![record("good"), record("bad")],
        target: Target::Collection,
    };
    let mut other = writer.add_put(2);
    let mut failing = writer.add(1, put);
    writer.commit();
    for answer in [&mut other, &mut failing] {
        assert!(matches!(answer.try_recv(), Ok(Err(WriteError::Storage(_)))));
    }
    let count = |sql: &str| writer.db.query_row(sql, [], |row| row.get::<_, i64>(0));
    assert_eq!(count("SELECT COUNT(*) FROM records"), Ok(1));
    assert_eq!(count("SELECT COUNT(*) FROM ids"), Ok(1));
    let mut after = [writer.add_put(2)];
    writer.commit();
    assert_eq!(times(&mut after).0, [5000]);
}
