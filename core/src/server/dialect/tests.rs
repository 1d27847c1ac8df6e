use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::super::{Access, Added, Client, Conditional, Limits, PageEvent, PutRecord, Query, Sort};
use super::*;
use crate::error::{Error, Result};
use crate::ids::{CollectionName, RecordId};
use crate::script::{Answer, Script, delete, get, json, newlines, post, put, status};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const fn time(hundredths: u64) -> ServerTime {
    ServerTime::from_hundredths(hundredths)
}

#[test]
fn each_dialect_sends_the_conditions_that_it_supports() {
    use Condition::{IfModifiedSince, IfUnmodifiedSince, None};
    let (since, unmodified) = (IfModifiedSince(time(5)), IfUnmodifiedSince(time(5)));
    let rows = [
        (Dialect::V1_5, Method::Get, since, since),
        (Dialect::V1_5, Method::Get, unmodified, unmodified),
        (Dialect::V1_5, Method::Put, unmodified, unmodified),
        (Dialect::V1_1, Method::Get, since, None),
        (Dialect::V1_1, Method::Get, unmodified, None),
        (Dialect::V1_1, Method::Put, unmodified, unmodified),
        (Dialect::V1_1, Method::Post, unmodified, unmodified),
        (Dialect::V1_1, Method::Delete, unmodified, unmodified),
        (Dialect::V1_1, Method::Delete, since, None),
        (Dialect::V1_1, Method::Post, None, None),
    ];
    for (dialect, method, condition, sent) in rows {
        let left = dialect.condition(method, condition);
        assert_eq!(left, sent, "{dialect:?} {method:?} {condition:?}");
    }
}

#[test]
fn the_time_of_a_write_is_found_in_header_or_body() {
    type Row<'a> = (Dialect, &'a [(&'a str, &'a str)], &'a str, Option<u64>);
    let both = [("X-Weave-Timestamp", "2.00"), ("X-Last-Modified", "1.00")];
    let rows: [Row<'_>; 14] = [
        (Dialect::V1_5, &both, "3", Some(100)),
        (Dialect::V1_5, &both[..1], "3", Some(200)),
        (Dialect::V1_5, &[], "3.5", Some(350)),
        (Dialect::V1_5, &[], "\"3.5\"\n", Some(350)),
        (Dialect::V1_5, &[], r#"{"modified":3.5}"#, Some(350)),
        (Dialect::V1_5, &[("X-Last-Modified", "-1")], "3", Some(300)),
        (Dialect::V1_5, &[], "", None),
        (Dialect::V1_5, &[], "true", None),
        (Dialect::V1_1, &both, "3", Some(200)),
        (Dialect::V1_1, &both, "1.5", Some(150)),
        (Dialect::V1_1, &both, "true", Some(200)),
        (
            Dialect::V1_1,
            &[],
            r#"{"modified":3.5,"success":[]}"#,
            Some(350),
        ),
        (Dialect::V1_1, &[("X-Last-Modified", "1.00")], "", None),
        (Dialect::V1_1, &[], "", None),
    ];
    for (dialect, headers, body, expected) in rows {
        let headers = headers.iter().copied().collect();
        let found = dialect.write_time(&headers, body.as_bytes());
        let found = found.map(ServerTime::hundredths);
        assert_eq!(found, expected, "{dialect:?} {headers:?} {body}");
    }
}

#[test]
fn a_conflict_over_one_record_is_distinguished_from_one_over_other_records() {
    let rows = [
        ("1.5 compares the record", Dialect::V1_5, 5, 9, 5, None),
        ("another record changed", Dialect::V1_1, 5, 9, 5, Some(9)),
        ("the record changed", Dialect::V1_1, 5, 9, 9, None),
        ("the record was deleted", Dialect::V1_1, 5, 9, 0, Some(9)),
        ("neither changed", Dialect::V1_1, 5, 5, 5, None),
        (
            "a new record, others changed",
            Dialect::V1_1,
            0,
            9,
            0,
            Some(9),
        ),
        ("created meanwhile", Dialect::V1_1, 0, 9, 9, None),
        ("the collection is missing", Dialect::V1_1, 0, 0, 0, None),
    ];
    for (name, dialect, guard, collection, record, expected) in rows {
        let second = dialect.retry_condition(time(guard), time(collection), time(record));
        assert_eq!(second, expected.map(time), "{name}");
    }
}

#[test]
fn the_last_time_is_read_again_only_if_times_may_be_shared() {
    assert_eq!(Dialect::V1_5.newer_than(time(5)), time(5));
    assert_eq!(Dialect::V1_1.newer_than(time(5)), time(4));
    assert_eq!(Dialect::V1_1.newer_than(time(0)), time(0));
}

const ROOT: &str = "https://node.example/1.1/johndoe";

fn client(host: &Script) -> Client<'_, Script> {
    let access = Access::basic("https://node.example/", "johndoe", "pass:wörd").unwrap();
    assert_eq!(access.endpoint(), ROOT);
    Client::new(host, access, None)
}

fn at(path: &str) -> String {
    format!("{ROOT}/{path}")
}

fn notes() -> CollectionName {
    CollectionName::new("notes").unwrap()
}

fn id(text: &str) -> RecordId {
    RecordId::new(text).unwrap()
}

fn info(body: &str) -> (crate::script::Expected, Answer) {
    let expected = get(&at("info/collections"))
        .without("X-If-Modified-Since")
        .without("X-If-Unmodified-Since");
    (expected, json(body).genuine())
}

fn script(steps: Vec<(crate::script::Expected, Answer)>) -> Script {
    steps
        .into_iter()
        .fold(Script::new(), |script, (expected, answer)| {
            script.expect(expected, answer)
        })
}

fn records(rows: &[(&str, u64)]) -> Answer {
    let line = |(id, modified): &(&str, u64)| {
        let modified = time(*modified);
        format!("{{\"id\":\"{id}\",\"modified\":{modified},\"payload\":\"\"}}\n")
    };
    newlines(rows.iter().map(line).collect::<String>())
        .header("X-Weave-Records", rows.len().to_string())
}

/// The received ids, and the collection's time.
fn read(host: &Script, query: Query) -> Result<(Vec<String>, Option<ServerTime>)> {
    let client = client(host);
    let mut pages = client.pages(notes(), query);
    pollster::block_on(async {
        let mut ids = Vec::new();
        while let Some(mut arrived) = pages.next().await? {
            while let Some(event) = arrived.next()? {
                match event {
                    PageEvent::Record(record) => ids.push(record.unwrap().id.to_string()),
                    PageEvent::Id(id) => ids.push(id.unwrap().to_string()),
                    PageEvent::PageEnd { .. } => {}
                }
            }
        }
        Ok((ids, pages.last_modified()))
    })
}

fn oldest(limit: u32) -> Query {
    Query {
        newer: Some(time(100)),
        sort: Some(Sort::Oldest),
        limit: Some(limit),
        ..Query::full()
    }
}

#[test]
fn each_request_contains_the_password_and_no_signature() {
    let host = script([info("{}")].into());
    let unmodified = client(&host);
    let answer = pollster::block_on(unmodified.info_collections(Some(time(5)))).unwrap();
    assert!(
        matches!(answer, Conditional::Changed { .. }),
        "there is no 304"
    );
    let requests = host.requests();
    let expected = "Basic am9obmRvZTpwYXNzOnfDtnJk";
    assert_eq!(requests[0].header("Authorization"), Some(expected));
    assert!(!format!("{unmodified:?}").contains("am9obmRvZ"));
}

#[test]
fn a_401_is_not_attributed_to_the_clock() {
    let refused = status(401).header("X-Weave-Timestamp", "1.00");
    let host = Script::new().expect(get(&at("info/collections")), refused);
    let error = pollster::block_on(client(&host).info_collections(None)).unwrap_err();
    assert!(matches!(error, Error::SignedOut { .. }), "{error}");
    host.done();
}

#[test]
fn the_limits_are_the_defaults_and_are_not_requested() {
    let host = Script::new();
    let limits = pollster::block_on(client(&host).info_configuration());
    assert_eq!(limits, Ok(Limits::default()));
}

#[test]
fn a_download_reads_the_collections_time_first_and_continues_by_record_times() {
    let page = |query: &str| get(&at(query)).without("X-If-Unmodified-Since");
    let host = script(
        [
            info(r#"{"notes":4.00,"tabs":9}"#),
            (
                page("storage/notes?full=1&newer=1.00&sort=oldest&limit=2"),
                records(&[("a", 200), ("b", 300)]),
            ),
            (
                page("storage/notes?full=1&newer=2.99&sort=oldest&limit=2"),
                records(&[("b", 300), ("c", 300)]),
            ),
            (
                page("storage/notes?full=1&newer=2.99&sort=oldest"),
                records(&[("b", 300), ("c", 300), ("d", 500)]),
            ),
        ]
        .into(),
    );
    let (ids, modified) = read(&host, oldest(2)).unwrap();
    assert_eq!(ids, ["a", "b", "b", "c", "b", "c", "d"]);
    assert_eq!(
        modified,
        Some(time(400)),
        "d is newer and is downloaded again"
    );
    host.done();
}

#[test]
fn a_server_without_sorting_is_read_in_one_page() {
    let host = script(
        [
            info(r#"{"notes":4.00}"#),
            (
                get(&at("storage/notes?full=1&newer=1.00&sort=oldest&limit=2")),
                records(&[("b", 300), ("a", 200)]),
            ),
            (
                get(&at("storage/notes?full=1&newer=1.00&sort=oldest")),
                records(&[("b", 300), ("a", 200), ("c", 250)]),
            ),
        ]
        .into(),
    );
    let (ids, _) = read(&host, oldest(2)).unwrap();
    assert_eq!(ids, ["b", "a", "b", "a", "c"]);
    host.done();
}

#[test]
fn a_query_that_cannot_be_paginated_by_time_has_no_limit() {
    let rows = [
        (
            Query {
                limit: Some(2),
                ..Query::full()
            },
            "full=1",
        ),
        (
            Query {
                limit: Some(2),
                sort: Some(Sort::Index),
                ..Query::full()
            },
            "full=1&sort=index",
        ),
        (
            Query {
                limit: Some(2),
                sort: Some(Sort::Oldest),
                ..Query::ids()
            },
            "sort=oldest",
        ),
    ];
    for (query, expected) in rows {
        let answer = if query.full {
            records(&[("a", 1), ("b", 1)])
        } else {
            newlines("\"a\"\n\"b\"\n")
        };
        let target = at(&format!("storage/notes?{expected}"));
        let host = script([info("{}"), (get(&target), answer)].into());
        assert_eq!(read(&host, query).unwrap().0, ["a", "b"], "{expected}");
        host.done();
    }
}

#[test]
fn a_missing_collection_is_empty() {
    let host = script(
        [
            info("{}"),
            (get(&at("storage/notes?full=1")), status(404).genuine()),
            (delete(&at("storage/notes")), status(404).genuine()),
            (
                delete(&at("storage")).with("X-Confirm-Delete", "1"),
                status(404).genuine(),
            ),
        ]
        .into(),
    );
    assert_eq!(read(&host, Query::full()), Ok((Vec::new(), Some(time(0)))));
    let client = client(&host);
    pollster::block_on(async {
        assert_eq!(client.delete_collection(&notes(), None).await, Ok(time(0)));
        assert_eq!(client.delete_storage(time(0)).await, Ok(()));
    });
    host.done();
}

#[test]
fn a_truncated_page_is_an_error() {
    let cut = records(&[("a", 200)]).header("X-Weave-Records", "1");
    let short = newlines("").header("X-Weave-Records", "1");
    for (answer, is_whole) in [(cut, true), (short, false)] {
        let host = script([info("{}"), (get(&at("storage/notes?full=1")), answer)].into());
        assert_eq!(read(&host, Query::full()).is_ok(), is_whole);
    }
}

#[test]
fn each_post_is_final_and_conditional_on_the_last_one() {
    let answer = |time: &str, failed: &str| {
        let body = format!(r#"{{"modified":{time},"success":["a"],"failed":{failed}}}"#);
        json(body).header("X-Weave-Timestamp", time)
    };
    let host = script(
        [
            (
                post(&at("storage/notes")).with("X-If-Unmodified-Since", "1.00"),
                answer("2.00", r#"{"b":["invalid ttl","too old"]}"#),
            ),
            (
                post(&at("storage/notes")).with("X-If-Unmodified-Since", "2.00"),
                answer("3.00", "{}"),
            ),
        ]
        .into(),
    );
    let client = client(&host);
    let limits = Limits {
        max_post_records: 2,
        ..Limits::default()
    };
    let mut upload = client.upload(notes(), limits, time(100)).unwrap();
    pollster::block_on(async {
        assert_eq!(upload.add(id("a"), 1, 2, b"{}").await, Ok(Added::Held));
        assert_eq!(upload.add(id("b"), 2, 2, b"{}").await, Ok(Added::Held));
        let Ok(Added::Committed(done)) = upload.add(id("a"), 3, 2, b"{}").await else {
            panic!("the first POST is final")
        };
        assert_eq!((done.modified, done.success.len()), (time(200), 1));
        let reason = done.failed[0].reason.to_string();
        assert_eq!(
            reason,
            "the server rejected the record: invalid ttl, too old"
        );
        let done = upload.finish().await.unwrap().unwrap();
        assert_eq!(done.modified, time(300));
        assert_eq!(upload.finish().await, Ok(None));
    });
    host.done();
}

#[test]
fn a_record_is_written_if_only_other_records_changed() {
    let target = at("storage/meta/global");
    let there = |modified: &str| {
        json(format!(
            r#"{{"id":"global","modified":{modified},"payload":"{{}}"}}"#
        ))
    };
    let (meta, global) = (CollectionName::new("meta").unwrap(), id("global"));
    for (found, is_written) in [
        (there("1.00"), true),
        (there("1.01"), false),
        (status(404).genuine(), true),
    ] {
        let mut steps = Vec::from([
            (
                put(&target).with("X-If-Unmodified-Since", "1.00"),
                status(412),
            ),
            info(r#"{"meta":5}"#),
            (get(&target).without("X-If-Unmodified-Since"), found),
        ]);
        if is_written {
            let guarded = put(&target).with("X-If-Unmodified-Since", "5.00");
            steps.push((guarded, json("6.00").header("X-Weave-Timestamp", "6.00")));
        }
        let host = script(steps);
        let client = client(&host);
        let record = PutRecord {
            payload: Some("{}"),
            ..PutRecord::default()
        };
        let put = client.put_record(&meta, &global, record, Some(time(100)));
        match pollster::block_on(put) {
            Ok(written) => assert!(is_written && written == time(600)),
            Err(error) => assert!(!is_written && matches!(error, Error::Conflict { .. })),
        }
        host.done();
    }
}
