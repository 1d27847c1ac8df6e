use alloc::format;

use super::*;
use crate::script::{Answer, Expected, Script, json, post, status};
use crate::server::client::tests::client;

mod properties;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

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

/// Adds records whose JSON is their id in quotes; returns the commits.
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
fn a_server_without_batches_commits_each_post() {
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
fn each_rejected_record_is_reported_with_its_reason() {
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
fn records_that_did_not_fit_into_a_post_are_sent_again_in_the_same_batch() {
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
fn records_that_did_not_fit_into_a_commit_are_sent_in_another_batch() {
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
fn a_record_over_the_limit_is_reported_and_does_not_affect_the_others() {
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
fn an_error_ends_the_upload_and_the_open_batch_is_not_reported() {
    type Row = (Answer, fn(&Error) -> bool);
    let rows: [Row; 6] = [
        (status(400), |error| {
            matches!(error, Error::BatchLost { .. })
        }),
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

/// A scripted 413 of a proxy, with an HTML page.
fn too_large() -> Answer {
    status(413).body("<html><h1>413 Request Entity Too Large</h1></html>")
}

#[test]
fn a_post_that_a_proxy_rejects_is_split_and_later_posts_stay_small() {
    let host = Script::new()
        .expect(
            wanted("storage/notes?batch=true", "1.00", &["a", "b", "c", "d"]),
            too_large(),
        )
        .expect(
            wanted("storage/notes?batch=true", "1.00", &["a", "b"]),
            held("7", &["a", "b"]),
        )
        .expect(
            wanted("storage/notes?batch=7", "1.00", &["c", "d"]),
            held("7", &["c", "d"]),
        )
        // Four records have 17 bytes, so no later POST has more than 9 bytes, or two records.
        .expect(
            wanted("storage/notes?batch=7", "1.00", &["e", "f"]),
            too_large(),
        )
        .expect(
            wanted("storage/notes?batch=7", "1.00", &["e"]),
            held("7", &["e"]),
        )
        .expect(
            wanted("storage/notes?batch=7", "1.00", &["f"]),
            held("7", &["f"]),
        )
        .expect(
            wanted("storage/notes?batch=7&commit=true", "1.00", &["g"]),
            done("2.00", &["g"]),
        );
    let client = client(&host);
    pollster::block_on(async {
        let mut upload = upload(&client, limits(4, 100));
        add(&mut upload, &["a", "b", "c", "d", "e", "f", "g"]).await;
        let committed = upload.finish().await.unwrap().unwrap();
        assert_eq!(successes(&committed), ["a", "b", "c", "d", "e", "f", "g"]);
        assert!(committed.failed.is_empty());
        assert_eq!(upload.finish().await, Ok(None));
    });
    host.done();
}

#[test]
fn a_server_without_batches_commits_each_half() {
    let host = Script::new()
        .expect(
            wanted("storage/notes?batch=true&commit=true", "1.00", &["a", "b"]),
            too_large(),
        )
        .expect(
            wanted("storage/notes?batch=true", "1.00", &["a"]),
            done("2.00", &["a"]),
        )
        .expect(
            wanted("storage/notes", "2.00", &["b"]),
            done("3.00", &["b"]),
        );
    let client = client(&host);
    pollster::block_on(async {
        let mut upload = upload(&client, limits(4, 100));
        add(&mut upload, &["a", "b"]).await;
        let committed = upload.finish().await.unwrap().unwrap();
        assert_eq!(successes(&committed), ["a", "b"]);
        assert_eq!(committed.modified, ServerTime::from_hundredths(300));
        assert_eq!(upload.finish().await, Ok(None));
    });
    host.done();
}

#[test]
fn a_record_that_is_too_large_by_itself_is_skipped_and_the_others_are_committed() {
    let host = Script::new()
        .expect(
            wanted("storage/notes?batch=true&commit=true", "1.00", &["a", "b"]),
            too_large(),
        )
        .expect(
            wanted("storage/notes?batch=true", "1.00", &["a"]),
            held("7", &["a"]),
        )
        .expect(
            wanted("storage/notes?batch=7&commit=true", "1.00", &["b"]),
            too_large(),
        )
        .expect(
            wanted("storage/notes?batch=7&commit=true", "1.00", &[]),
            done("2.00", &[]),
        )
        .expect(
            wanted("storage/notes?batch=true&commit=true", "2.00", &["c"]),
            too_large(),
        );
    let client = client(&host);
    pollster::block_on(async {
        let mut upload = upload(&client, limits(4, 100));
        add(&mut upload, &["a", "b"]).await;
        let committed = upload.finish().await.unwrap().unwrap();
        assert_eq!(successes(&committed), ["a"]);
        assert_eq!(committed.failed.len(), 1);
        assert_eq!(committed.failed[0].id, id("b"));
        assert_eq!(committed.failed[0].reason, Reason::TooLargeAlone(5));
        assert_eq!(upload.finish().await, Ok(None));
        add(&mut upload, &["c"]).await;
        let committed = upload.finish().await.unwrap().unwrap();
        assert_eq!((committed.success.len(), committed.failed.len()), (0, 1));
        assert_eq!(committed.modified, ServerTime::from_hundredths(200));
        assert_eq!(upload.finish().await, Ok(None));
    });
    host.done();
}

#[test]
fn smaller_posts_do_not_help_against_a_batch_limit() {
    let host = Script::new()
        .expect(
            wanted("storage/notes?batch=true", "1.00", &["a", "b"]),
            held("7", &["a", "b"]),
        )
        .expect(
            wanted("storage/notes?batch=7&commit=true", "1.00", &["c", "d"]),
            status(400).body("17"),
        );
    let client = client(&host);
    pollster::block_on(async {
        let mut upload = upload(&client, limits(2, 100));
        add(&mut upload, &["a", "b", "c", "d"]).await;
        assert!(matches!(
            upload.finish().await,
            Err(Error::TooLarge { status: 400, .. })
        ));
    });
    host.done();
}

#[test]
fn the_commit_of_one_half_is_reported_before_the_error_of_the_other() {
    let host = Script::new()
        .expect(
            wanted("storage/notes?batch=true&commit=true", "1.00", &["a", "b"]),
            too_large(),
        )
        .expect(
            wanted("storage/notes?batch=true", "1.00", &["a"]),
            done("2.00", &["a"]),
        )
        .expect(wanted("storage/notes", "2.00", &["b"]), status(503));
    let client = client(&host);
    pollster::block_on(async {
        let mut upload = upload(&client, limits(4, 100));
        add(&mut upload, &["a", "b"]).await;
        let committed = upload.finish().await.unwrap().unwrap();
        assert_eq!(successes(&committed), ["a"]);
        assert!(matches!(
            upload.finish().await,
            Err(Error::Wait { status: 503, .. })
        ));
    });
    host.done();
}
