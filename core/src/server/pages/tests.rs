use alloc::string::ToString;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::http::FetchErrorKind;
use crate::ids::RecordId;
use crate::script::{Answer, Script, fails, get, json, newlines, status};
use crate::server::client::tests::client;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn notes() -> CollectionName {
    CollectionName::new("notes").unwrap()
}

fn lines(ids: &[&str]) -> String {
    ids.iter()
        .map(|id| {
            format!("{{\"id\":\"{id}\",\"modified\":1.25,\"payload\":\"{{\\\"é\\\":1}}\"}}\n")
        })
        .collect()
}

fn array(ids: &[&str]) -> String {
    format!("[{}]", lines(ids).trim_end().replace('\n', ","))
}

/// The events of a download, as texts.
async fn events(pages: &mut Pages<'_, '_, Script>) -> (Vec<String>, Result<()>) {
    let mut seen = Vec::new();
    let result = async {
        while let Some(mut arrived) = pages.next().await? {
            while let Some(event) = arrived.next()? {
                seen.push(match event {
                    PageEvent::Record(Ok(envelope)) => {
                        assert_eq!(envelope.payload.unescaped().as_deref(), Some("{\"é\":1}"));
                        assert_eq!(envelope.modified.hundredths(), 125);
                        envelope.id.to_string()
                    }
                    PageEvent::Record(Err(error)) => format!("{:?} {error}", error.id),
                    PageEvent::Id(id) => format!("{id:?}"),
                    PageEvent::PageEnd { next } => match next {
                        Some(next) => serde_json::to_string(&next).unwrap(),
                        None => "end".into(),
                    },
                });
            }
        }
        Ok(())
    }
    .await;
    (seen, result)
}

fn of(host: &Script, query: Query) -> (Vec<String>, Result<()>) {
    pollster::block_on(events(&mut client(host).pages(notes(), query)))
}

fn two_pages() -> Script {
    Script::new()
        .expect(
            get("storage/notes?full=1&newer=1.00")
                .with("Accept", "application/newlines")
                .without("X-If-Unmodified-Since"),
            newlines(lines(&["a", "b"]))
                .header("X-Last-Modified", "9.00")
                .header("X-Weave-Records", "2")
                .header("X-Weave-Next-Offset", "1:2"),
        )
        .expect(
            get("storage/notes?full=1&newer=1.00&offset=1%3A2")
                .with("X-If-Unmodified-Since", "9.00"),
            newlines(lines(&["c"])).header("X-Last-Modified", "9.00"),
        )
}

fn newer() -> Query {
    Query {
        newer: Some(ServerTime::from_hundredths(100)),
        ..Query::full()
    }
}

const MIDDLE: &str = r#"{"offset":"1:2","unmodified_since":9.00}"#;

#[test]
fn every_page_is_followed_even_if_the_server_limits_pages_unasked() {
    let host = two_pages();
    let client = client(&host);
    let mut pages = client.pages(notes(), newer());
    let (seen, result) = pollster::block_on(events(&mut pages));
    assert_eq!(result, Ok(()));
    assert_eq!(seen, ["a", "b", MIDDLE, "c", "end"]);
    assert_eq!(pages.last_modified().map(ServerTime::hundredths), Some(900));
    host.done();
}

#[test]
fn a_killed_process_continues_from_its_position() {
    let host = Script::new().expect(
        get("storage/notes?full=1&newer=1.00&offset=1%3A2").with("X-If-Unmodified-Since", "9.00"),
        newlines(lines(&["c"])).header("X-Last-Modified", "9.00"),
    );
    let client = client(&host);
    let position: Position = serde_json::from_str(MIDDLE).unwrap();
    let mut pages = client.resume_pages(notes(), newer(), position);
    assert_eq!(pages.last_modified().map(ServerTime::hundredths), Some(900));
    let (seen, result) = pollster::block_on(events(&mut pages));
    assert_eq!(
        (seen, result),
        (["c".to_string(), "end".to_string()].into(), Ok(()))
    );
    host.done();
}

#[test]
fn a_change_between_two_pages_is_a_conflict() {
    let host = Script::new()
        .expect(
            get("storage/notes?full=1"),
            newlines(lines(&["a"]))
                .header("X-Last-Modified", "9.00")
                .header("X-Weave-Next-Offset", "x"),
        )
        .expect(get("storage/notes?full=1&offset=x"), status(412));
    let (seen, result) = of(&host, Query::full());
    assert_eq!(seen.len(), 2);
    assert!(matches!(result, Err(Error::Conflict { .. })), "{result:?}");
}

#[test]
fn a_truncated_page_is_a_failed_fetch() {
    let whole = lines(&["a", "b"]);
    let rows: [(&str, Answer); 6] = [
        (
            "fewer records",
            newlines(lines(&["a"])).header("X-Weave-Records", "2"),
        ),
        (
            "fewer bytes",
            newlines(lines(&["a"])).header("Content-Length", whole.len().to_string()),
        ),
        ("within a line", newlines(&whole[..whole.len() - 3])),
        ("within an array", json("[{\"id\":\"a\"")),
        ("an empty array's body", json("")),
        ("the connection", newlines(lines(&["a"])).cut()),
    ];
    for (name, answer) in rows {
        let host = Script::new().expect(get("storage/notes?full=1"), answer);
        let (seen, result) = of(&host, Query::full());
        assert!(
            matches!(&result, Err(Error::Network { source, .. }) if source.kind == FetchErrorKind::Cut),
            "{name}: {result:?}"
        );
        assert!(!seen.contains(&"end".to_string()), "{name}");
    }
}

#[test]
fn the_length_of_a_compressed_body_is_ignored() {
    let answer = newlines(lines(&["a"]))
        .header("Content-Length", "1000000")
        .header("Content-Encoding", "gzip");
    let host = Script::new().expect(get("storage/notes?full=1"), answer);
    assert_eq!(of(&host, Query::full()).1, Ok(()));
}

#[test]
fn a_damaged_record_is_reported_and_does_not_affect_the_others() {
    let body = format!("{}{{\"id\":\"bad\"}}\n\n{}", lines(&["a"]), lines(&["b"]));
    let host = Script::new().expect(
        get("storage/notes?full=1"),
        newlines(body).header("X-Weave-Records", "3"),
    );
    let (seen, result) = of(&host, Query::full());
    assert_eq!(result, Ok(()));
    assert_eq!(
        seen,
        [
            "a",
            "Some(\"bad\") the server's record is malformed",
            "b",
            "end"
        ]
    );
}

#[test]
fn a_response_that_is_not_a_list_is_an_error() {
    let rows = [
        status(200)
            .header("Content-Type", "text/html")
            .body("<html>"),
        status(200).body("[]"),
        json("{}"),
        json("[] []"),
    ];
    for answer in rows {
        let host = Script::new().expect(get("storage/notes?full=1"), answer);
        let (seen, result) = of(&host, Query::full());
        assert!(
            matches!(result, Err(Error::Answer { .. })),
            "{seen:?} {result:?}"
        );
    }
}

#[test]
fn page_loops_are_not_followed() {
    let circle = || newlines("").header("X-Weave-Next-Offset", "x");
    let host = Script::new()
        .expect(get("storage/notes?full=1"), circle())
        .expect(get("storage/notes?full=1&offset=x"), circle());
    let (_, result) = of(&host, Query::full());
    assert!(matches!(result, Err(Error::Answer { .. })), "{result:?}");
    let endless = newlines("").header("X-Weave-Next-Offset", "x".repeat(MAX_TOKEN_BYTES + 1));
    let host = Script::new().expect(get("storage/notes?full=1"), endless);
    assert!(matches!(
        of(&host, Query::full()).1,
        Err(Error::Answer { .. })
    ));
}

#[test]
fn ids_are_listed_without_their_records() {
    let host = Script::new().expect(
        get("storage/notes?sort=newest&limit=2"),
        json("[\"a\", \"b\", 3]").header("X-Weave-Records", "3"),
    );
    let query = Query {
        sort: Some(super::super::Sort::Newest),
        limit: Some(2),
        ..Query::ids()
    };
    let (seen, result) = of(&host, query);
    assert_eq!(result, Ok(()));
    assert_eq!(seen, ["Ok(\"a\")", "Ok(\"b\")", "Err(Malformed)", "end"]);
}

#[test]
fn many_ids_are_requested_in_chunks_with_one_condition_and_no_ids_send_nothing() {
    let ids: Vec<RecordId> = (0..70)
        .map(|n| RecordId::new(format!("guid{n:08}")).unwrap())
        .collect();
    let target = |range: core::ops::Range<usize>| {
        let texts: Vec<&str> = ids[range].iter().map(RecordId::as_str).collect();
        format!("storage/notes?full=1&ids={}", texts.join(","))
    };
    let host = Script::new()
        .expect(
            get(&target(0..50)).without("X-If-Unmodified-Since"),
            newlines(lines(&["a"])).header("X-Last-Modified", "9.00"),
        )
        .expect(
            get(&target(50..70)).with("X-If-Unmodified-Since", "9.00"),
            newlines(lines(&["b"])),
        );
    let query = Query {
        ids: Some(ids.clone()),
        ..Query::full()
    };
    let (seen, result) = of(&host, query);
    assert_eq!(result, Ok(()));
    assert_eq!(
        seen,
        [
            "a",
            r#"{"ids_done":50,"unmodified_since":9.00}"#,
            "b",
            "end"
        ]
    );
    host.done();
    let none = Query {
        ids: Some(Vec::new()),
        ..Query::full()
    };
    assert_eq!(of(&Script::new(), none), (Vec::new(), Ok(())));
}

#[test]
fn conditions_apply_to_the_first_page() {
    let time = ServerTime::from_hundredths(900);
    let host = Script::new()
        .expect(
            get("storage/notes?full=1").with("X-If-Modified-Since", "9.00"),
            status(304),
        )
        .expect(
            get("storage/notes?full=1").with("X-If-Unmodified-Since", "9.00"),
            status(412),
        );
    let client = client(&host);
    pollster::block_on(async {
        let query = |condition| Query {
            condition,
            ..Query::full()
        };
        let mut pages = client.pages(notes(), query(Condition::IfModifiedSince(time)));
        assert!(pages.next().await.unwrap().is_none());
        assert!(pages.is_unmodified());
        let mut pages = client.pages(notes(), query(Condition::IfUnmodifiedSince(time)));
        assert!(matches!(pages.next().await, Err(Error::Conflict { .. })));
    });
}

#[test]
fn events_that_were_not_taken_out_are_returned_again() {
    let host = two_pages();
    let client = client(&host);
    let mut pages = client.pages(notes(), newer());
    let mut seen = Vec::new();
    pollster::block_on(async {
        // One event at a time, even if more have arrived.
        while let Some(mut arrived) = pages.next().await.unwrap() {
            if let Some(event) = arrived.next().unwrap() {
                seen.push(matches!(event, PageEvent::PageEnd { .. }));
            }
        }
    });
    assert_eq!(seen, [false, false, true, false, true]);
}

#[test]
fn a_missing_response_is_a_network_error() {
    let host = Script::new().expect(get("storage/notes?full=1"), fails(FetchErrorKind::Timeout));
    let (_, result) = of(&host, Query::full());
    assert!(matches!(result, Err(Error::Network { .. })));
}

proptest! {
    #[test]
    fn chunks_may_end_anywhere(sizes in prop::collection::vec(1..40usize, 1..20), is_array: bool) {
        let ids = ["a", "b", "c", "d"];
        let answer = if is_array { json(array(&ids)) } else { newlines(lines(&ids)) };
        let host = Script::new().expect(
            get("storage/notes?full=1"),
            answer.header("X-Weave-Records", "4").in_chunks(&sizes),
        );
        let (seen, result) = of(&host, Query::full());
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(seen, ["a", "b", "c", "d", "end"]);
    }
}

/// A server whose pages have `records` records each; `next` maps the requested token to the next one.
fn endless(records: usize, counts: &'static str, next: fn(u32) -> u32) -> Script {
    Script::serving(move |request| {
        if request.url.ends_with("info/collection_counts") {
            return json(counts);
        }
        let asked = request.url.split("offset=").nth(1).unwrap_or("0");
        let next = next(asked.parse().unwrap());
        let ids: Vec<String> = (0..records).map(|n| format!("{asked}-{n}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        newlines(lines(&ids)).header("X-Weave-Next-Offset", next.to_string())
    })
}

#[test]
fn pages_that_never_end_are_an_error() {
    type Row = (usize, &'static str, fn(u32) -> u32, usize);
    let rows: [Row; 5] = [
        (3, "{}", |_| 10, 2),
        (3, "{}", |asked| if asked == 10 { 20 } else { 10 }, 3),
        (3, "{}", |asked| (asked + 1) % 100, 103),
        (0, "{}", |asked| asked + 1, 17),
        // 64 pages are 1,280 records; the count is requested after 32 and 64 pages.
        (20, r#"{"notes":100}"#, |asked| asked + 1, 66),
    ];
    for (records, counts, next, requests) in rows {
        let host = endless(records, counts, next);
        let (_, result) = of(&host, Query::full());
        assert!(matches!(result, Err(Error::Answer { .. })), "{result:?}");
        assert_eq!(host.requests().len(), requests);
    }
}

#[test]
fn a_page_with_another_number_of_records_than_announced_is_an_error() {
    for announced in ["1", "3"] {
        let page = newlines(lines(&["a", "b"])).header("X-Weave-Records", announced);
        let host = Script::new().expect(get("storage/notes?full=1"), page);
        let (_, result) = of(&host, Query::full());
        assert!(result.is_err(), "{announced}");
    }
}

#[test]
fn an_empty_token_means_no_next_page() {
    for token in ["", " "] {
        let page = newlines(lines(&["a"])).header("X-Weave-Next-Offset", token);
        let host = Script::new().expect(get("storage/notes?full=1"), page);
        let (seen, result) = of(&host, Query::full());
        assert_eq!(
            (seen.as_slice(), result),
            (&["a".into(), "end".into()][..], Ok(()))
        );
        host.done();
    }
}
