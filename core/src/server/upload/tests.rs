use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::rc::Rc;
use core::cell::RefCell;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::http::Request;
use crate::script::{Answer, Expected, Script, json, post, status};
use crate::server::client::tests::client;

const SEEN: ServerTime = ServerTime::from_hundredths(100);

fn notes() -> CollectionName {
    CollectionName::new("notes").unwrap()
}

fn id(text: &str) -> RecordId {
    RecordId::new(text).unwrap()
}

fn limits(post_records: u64, total_records: u64) -> Limits {
    Limits {
        max_post_records: post_records,
        max_total_records: total_records,
        ..Limits::default()
    }
}

fn upload<'c>(client: &'c Client<'c, Script>, limits: Limits) -> Upload<'c, 'c, Script, u32> {
    client.upload(notes(), limits, SEEN).unwrap()
}

/// Adds records whose JSON is their id in quotes; answers what was committed on the way.
async fn add(upload: &mut Upload<'_, '_, Script, u32>, ids: &[&str]) -> Vec<Committed<u32>> {
    let mut committed = Vec::new();
    for (text, tag) in ids.iter().zip(0..) {
        match upload
            .add(id(text), tag, 10, format!("{text:?}").as_bytes())
            .await
            .unwrap()
        {
            Added::Held => {}
            Added::Committed(done) => committed.push(done),
            Added::TooLarge => panic!("{text} is small"),
        }
    }
    committed
}

fn successes(committed: &Committed<u32>) -> Vec<&str> {
    committed
        .success
        .iter()
        .map(|(id, _)| id.as_str())
        .collect()
}

fn wanted(target: &str, since: &str, ids: &[&str]) -> Expected {
    let json: Vec<String> = ids.iter().map(|id| format!("{id:?}")).collect();
    post(target)
        .with("X-If-Unmodified-Since", since)
        .with("X-Weave-Records", ids.len().to_string())
        .with("X-Weave-Bytes", (10 * ids.len()).to_string())
        .with("Content-Type", "application/json")
        .body(format!("[{}]", json.join(",")))
}

fn held(token: &str, ids: &[&str]) -> Answer {
    let body = serde_json::json!({"batch": token, "success": ids, "failed": {}});
    json(body.to_string()).status(202)
}

fn done(time: &str, ids: &[&str]) -> Answer {
    let body = serde_json::json!({"success": ids, "failed": {}});
    json(body.to_string()).header("X-Last-Modified", time)
}

#[test]
fn posts_batches_and_commits_follow_each_other_under_the_latest_guard() {
    let host = Script::new()
        .expect(
            wanted("storage/notes?batch=true", "1.00", &["a", "b"]),
            held("t:1/é", &["a", "b"]),
        )
        .expect(
            wanted(
                "storage/notes?batch=t%3A1%2F%C3%A9&commit=true",
                "1.00",
                &["c"],
            ),
            done("2.00", &["c"]),
        )
        .expect(
            wanted("storage/notes?batch=true&commit=true", "2.00", &["d", "e"]),
            done("3.00", &["d", "e"]),
        );
    let client = client(&host);
    pollster::block_on(async {
        let mut upload = upload(&client, limits(2, 3));
        let first = add(&mut upload, &["a", "b", "c", "d", "e"]).await;
        assert_eq!(first.len(), 1);
        assert_eq!(successes(&first[0]), ["a", "b", "c"]);
        assert_eq!(first[0].success[2].1, 2, "tags come back");
        assert_eq!(first[0].modified.hundredths(), 200);
        let second = upload.finish().await.unwrap().unwrap();
        assert_eq!(successes(&second), ["d", "e"]);
        assert_eq!(upload.unmodified_since().hundredths(), 300);
        assert_eq!(upload.finish().await, Ok(None));
    });
    host.done();
}

#[test]
fn nothing_to_upload_sends_nothing() {
    let host = Script::new();
    let client = client(&host);
    assert_eq!(
        pollster::block_on(upload(&client, limits(2, 3)).finish()),
        Ok(None)
    );
}

#[test]
fn a_server_without_batches_has_each_post_for_good() {
    let host = Script::new()
        .expect(
            wanted("storage/notes?batch=true", "1.00", &["a"]),
            done("2.00", &["a"]),
        )
        .expect(
            wanted("storage/notes", "2.00", &["b"]),
            done("3.00", &["b"]),
        )
        .expect(
            wanted("storage/notes", "3.00", &["c"]),
            done("4.00", &["c"]),
        );
    let client = client(&host);
    pollster::block_on(async {
        let mut upload = upload(&client, limits(1, 100));
        let committed = add(&mut upload, &["a", "b", "c"]).await;
        assert_eq!(committed.len(), 2);
        let last = upload.finish().await.unwrap().unwrap();
        assert_eq!(successes(&last), ["c"]);
    });
    host.done();
}

#[test]
fn each_record_that_the_server_did_not_take_is_told_with_its_reason() {
    let answer =
        json(r#"{"success":["a"],"failed":{"b":"invalid ttl","c":["too","old"]},"modified":2}"#);
    let host = Script::new().expect(
        wanted(
            "storage/notes?batch=true&commit=true",
            "1.00",
            &["a", "b", "c", "d"],
        ),
        answer,
    );
    let client = client(&host);
    pollster::block_on(async {
        let mut upload = upload(&client, limits(9, 9));
        add(&mut upload, &["a", "b", "c", "d"]).await;
        let committed = upload.finish().await.unwrap().unwrap();
        assert_eq!(successes(&committed), ["a"]);
        let failed: Vec<(&str, u32, Reason)> = committed
            .failed
            .iter()
            .map(|failed| (failed.id.as_str(), failed.tag, failed.reason.clone()))
            .collect();
        assert_eq!(
            failed,
            [
                ("b", 1, Reason::Refused("invalid ttl".into())),
                ("c", 2, Reason::Refused("too, old".into())),
                ("d", 3, Reason::Unlisted),
            ]
        );
    });
    host.done();
}

#[test]
fn what_a_full_post_did_not_take_is_sent_once_more_in_the_same_batch() {
    let refusing = |ids: &[&str], again: &str, batch: Option<&str>| {
        serde_json::json!({"batch": batch, "success": ids, "failed": {again: "retry bytes"}})
            .to_string()
    };
    let host = Script::new()
        .expect(
            wanted("storage/notes?batch=true", "1.00", &["a", "b", "c"]),
            json(refusing(&["a", "b"], "c", Some("7"))).status(202),
        )
        .expect(
            wanted("storage/notes?batch=7&commit=true", "1.00", &["d", "c"]),
            json(refusing(&["d"], "c", None)).header("X-Last-Modified", "2.00"),
        );
    let client = client(&host);
    pollster::block_on(async {
        let mut upload = upload(&client, limits(3, 9));
        add(&mut upload, &["a", "b", "c", "d"]).await;
        let committed = upload.finish().await.unwrap().unwrap();
        assert_eq!(successes(&committed), ["a", "b", "d"]);
        assert_eq!(committed.failed[0].id.as_str(), "c");
        assert_eq!(
            committed.failed[0].reason,
            Reason::Refused("retry bytes".into())
        );
        assert_eq!(upload.finish().await, Ok(None));
    });
    host.done();
}

#[test]
fn what_a_commit_did_not_take_goes_into_another_batch() {
    let host = Script::new()
        .expect(
            wanted("storage/notes?batch=true&commit=true", "1.00", &["a", "b"]),
            json(r#"{"success":["a"],"failed":{"b":"retry bso"}}"#)
                .header("X-Last-Modified", "2.00"),
        )
        .expect(
            wanted("storage/notes?batch=true&commit=true", "2.00", &["b"]),
            done("3.00", &["b"]),
        );
    let client = client(&host);
    pollster::block_on(async {
        let mut upload = upload(&client, limits(3, 9));
        add(&mut upload, &["a", "b"]).await;
        let first = upload.finish().await.unwrap().unwrap();
        assert_eq!((successes(&first), first.failed.len()), (["a"].to_vec(), 0));
        let second = upload.finish().await.unwrap().unwrap();
        assert_eq!(successes(&second), ["b"]);
        assert_eq!(upload.finish().await, Ok(None));
    });
    host.done();
}

#[test]
fn a_record_over_the_limit_is_told_and_the_others_go_on() {
    let host = Script::new().expect(
        wanted("storage/notes?batch=true&commit=true", "1.00", &["a"]),
        done("2.00", &["a"]),
    );
    let client = client(&host);
    pollster::block_on(async {
        let mut upload = upload(&client, limits(3, 9));
        let over = limits(3, 9).max_record_payload_bytes + 1;
        assert_eq!(
            upload.add(id("big"), 7, over, b"{}").await,
            Ok(Added::TooLarge)
        );
        add(&mut upload, &["a"]).await;
        assert_eq!(successes(&upload.finish().await.unwrap().unwrap()), ["a"]);
    });
    host.done();
}

#[test]
fn an_error_ends_the_upload_and_nothing_of_the_open_batch_is_told_as_done() {
    let rows: [(Answer, fn(&Error) -> bool); 5] = [
        (status(412), |error| matches!(error, Error::Conflict { .. })),
        (status(503), |error| matches!(error, Error::Wait { .. })),
        (held("8", &["b"]), |error| {
            matches!(error, Error::Answer { .. })
        }),
        (done("9.00", &["b"]), |error| {
            matches!(error, Error::Answer { .. })
        }),
        (json("nonsense").status(202), |error| {
            matches!(error, Error::Answer { .. })
        }),
    ];
    for (answer, is_expected) in rows {
        let shown = format!("{answer:?}");
        let host = Script::new()
            .expect(post("storage/notes?batch=true"), held("7", &["a"]))
            .expect(post("storage/notes?batch=7"), answer);
        let client = client(&host);
        pollster::block_on(async {
            let mut upload = upload(&client, limits(1, 9));
            add(&mut upload, &["a", "b"]).await;
            let error = upload.add(id("c"), 2, 10, b"{}").await.unwrap_err();
            assert!(is_expected(&error), "{shown} gave {error:?}");
            assert_eq!(upload.add(id("d"), 3, 10, b"{}").await, Err(error.clone()));
            assert_eq!(upload.finish().await, Err(error));
        });
        host.done();
    }
}

/// A server that keeps its limits and its batches, and holds what is committed. It stands for no real one.
#[derive(Default)]
struct Kept {
    limits: Limits,
    has_batches: bool,
    /// Refuses every so manieth record of a POST as one too many, the first time.
    refuses: usize,
    refused: BTreeSet<String>,
    is_open: bool,
    open: BTreeMap<String, u64>,
    committed: Vec<String>,
    writes: u64,
}

impl Kept {
    fn answer(&mut self, request: &Request) -> Answer {
        #[derive(Deserialize)]
        struct Bso {
            id: String,
            payload: String,
        }
        let records: Vec<Bso> = serde_json::from_slice(&request.body).unwrap();
        let bytes: u64 = records.iter().map(|bso| bso.payload.len() as u64).sum();
        let count = records.len() as u64;
        let limits = self.limits;
        assert!(
            request.body.len() as u64 <= limits.max_request_bytes,
            "body"
        );
        assert!(
            count <= limits.max_post_records && bytes <= limits.max_post_bytes,
            "POST"
        );
        assert_eq!(
            request.header("X-Weave-Records"),
            Some(count.to_string().as_str())
        );
        assert_eq!(
            request.header("X-Weave-Bytes"),
            Some(bytes.to_string().as_str())
        );
        let guard = ServerTime::from_hundredths(100 + self.writes).to_string();
        assert_eq!(
            request.header("X-If-Unmodified-Since"),
            Some(guard.as_str())
        );
        let query = request.url.split_once('?').map_or("", |(_, query)| query);
        assert_eq!(query.contains("batch=7"), self.is_open, "{query}");
        let mut success = Vec::new();
        let mut failed = BTreeMap::new();
        for (bso, place) in records.into_iter().zip(1..) {
            assert!(
                bso.payload.len() as u64 <= limits.max_record_payload_bytes,
                "payload"
            );
            if self.refuses > 0 && place % self.refuses == 0 && self.refused.insert(bso.id.clone())
            {
                failed.insert(bso.id, "retry bso");
            } else {
                success.push(bso.id.clone());
                assert_eq!(
                    self.open.insert(bso.id, bso.payload.len() as u64),
                    None,
                    "sent twice"
                );
            }
        }
        assert!(self.open.len() as u64 <= limits.max_total_records, "batch");
        assert!(
            self.open.values().sum::<u64>() <= limits.max_total_bytes,
            "batch bytes"
        );
        let is_final = !self.has_batches || query.contains("commit=true");
        let body = serde_json::json!({"success": success, "failed": failed});
        self.is_open = !is_final;
        if is_final {
            self.committed
                .extend(core::mem::take(&mut self.open).into_keys());
            self.writes += 1;
            let time = ServerTime::from_hundredths(100 + self.writes).to_string();
            json(body.to_string()).header("X-Last-Modified", time)
        } else {
            let mut body = body;
            body["batch"] = "7".into();
            json(body.to_string()).status(202)
        }
    }
}

fn any_limits() -> impl Strategy<Value = Limits> {
    (
        200..2000u64,
        50..400u64,
        1..8u64,
        50..900u64,
        1..20u64,
        50..2000u64,
    )
        .prop_map(
            |(request, payload, post_records, post_bytes, total_records, total_bytes)| Limits {
                max_request_bytes: request,
                max_record_payload_bytes: payload,
                max_post_records: post_records,
                max_post_bytes: post_bytes,
                max_total_records: total_records,
                max_total_bytes: total_bytes,
            },
        )
}

proptest! {
    #[test]
    fn no_limit_is_broken_and_each_record_has_one_end(
        limits in any_limits(),
        has_batches: bool,
        refuses in 0..4usize,
        sizes in prop::collection::vec(0..450usize, 0..60),
    ) {
        let kept = Rc::new(RefCell::new(Kept { limits, has_batches, refuses, ..Kept::default() }));
        let server = Rc::clone(&kept);
        let host = Script::serving(move |request| server.borrow_mut().answer(request));
        let client = client(&host);
        let mut told: Vec<String> = Vec::new();
        let mut too_large = 0;
        let mut failed = 0;
        pollster::block_on(async {
            let mut upload = upload(&client, limits);
            let mut tell = |done: Committed<u32>| {
                told.extend(done.success.into_iter().map(|(id, _)| id.to_string()));
                failed += done.failed.len();
            };
            for (size, n) in sizes.iter().zip(0..) {
                let text = format!("r{n}");
                let json = serde_json::json!({"id": text, "payload": "x".repeat(*size)}).to_string();
                match upload.add(id(&text), n, *size as u64, json.as_bytes()).await.unwrap() {
                    Added::Held => {}
                    Added::Committed(done) => tell(done),
                    Added::TooLarge => too_large += 1,
                }
            }
            while let Some(done) = upload.finish().await.unwrap() {
                tell(done);
            }
        });
        let kept = kept.borrow();
        prop_assert!(kept.open.is_empty(), "nothing waits for a commit");
        let mut committed = kept.committed.clone();
        committed.sort();
        let sent = committed.len();
        committed.dedup();
        prop_assert_eq!(committed.len(), sent, "no record is written twice");
        told.sort();
        prop_assert_eq!(&told, &committed);
        prop_assert_eq!(told.len() + too_large + failed, sizes.len());
        prop_assert_eq!(failed, 0, "each was refused once only");
    }
}
