use alloc::format;
use alloc::vec::Vec;

use super::*;
use crate::script::{Answer, Script, delete, get, json, put, status};
use crate::server::client::tests::client;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn meta() -> (CollectionName, RecordId) {
    (
        CollectionName::new("meta").unwrap(),
        RecordId::new("global").unwrap(),
    )
}

fn time(hundredths: u64) -> ServerTime {
    ServerTime::from_hundredths(hundredths)
}

fn written(text: &str) -> Answer {
    json(text).header("X-Last-Modified", text)
}

#[test]
fn a_record_is_read_or_absent_or_unmodified_or_changed() {
    let (collection, id) = meta();
    let body =
        r#"{"id":"global","modified":12.30,"payload":"{\"x\":1}","sortindex":-3,"new":null}"#;
    let host = Script::new()
        .expect(get("storage/meta/global"), json(body))
        .expect(get("storage/meta/global"), status(404).genuine())
        .expect(
            get("storage/meta/global").with("X-If-Modified-Since", "12.30"),
            status(304),
        )
        .expect(
            get("storage/meta/global").with("X-If-Unmodified-Since", "12.30"),
            status(412),
        )
        .expect(
            get("storage/meta/global"),
            json(r#"{"id":"other","modified":1,"payload":""}"#),
        )
        .expect(
            get("storage/meta/global"),
            status(404)
                .header("Content-Type", "text/html")
                .body("<h1>Not Found</h1>"),
        )
        .expect(
            get("storage/meta/global"),
            status(200).genuine().body("<h1>Welcome</h1>"),
        )
        .expect(get("storage/meta/global"), status(200).genuine());
    let client = client(&host);
    pollster::block_on(async {
        let record = client.get_record(&collection, &id).await.unwrap().unwrap();
        assert_eq!(record.payload, r#"{"x":1}"#);
        assert_eq!((record.modified, record.sortindex), (time(1230), Some(-3)));
        assert_eq!(client.get_record(&collection, &id).await, Ok(None));
        let condition = Condition::IfModifiedSince(time(1230));
        let answer = client.get_record_if(&collection, &id, condition).await;
        assert_eq!(answer, Ok(Conditional::Unmodified));
        let condition = Condition::IfUnmodifiedSince(time(1230));
        let answer = client.get_record_if(&collection, &id, condition).await;
        assert!(matches!(answer, Err(Error::Conflict { .. })));
        let answer = client.get_record(&collection, &id).await;
        assert!(matches!(answer, Err(Error::Answer { .. })));
        let answer = client.get_record(&collection, &id).await;
        assert!(
            matches!(answer, Err(Error::NotGenuine { status: 404, .. })),
            "a proxy's 404 does not mean a missing record"
        );
        for found in ["a page", "nothing"] {
            let answer = client.get_record(&collection, &id).await;
            assert!(matches!(answer, Err(Error::Answer { .. })), "{found}");
        }
    });
    host.done();
}

#[test]
fn a_write_sends_only_the_given_members_and_its_condition() {
    let (collection, id) = meta();
    let host = Script::new()
        .expect(
            put("storage/meta/global")
                .with("X-If-Unmodified-Since", "0.00")
                .with("Content-Type", "application/json")
                .body(r#"{"payload":"\"é\"","sortindex":5,"ttl":60}"#),
            written("12.34"),
        )
        .expect(
            put("storage/meta/global")
                .without("X-If-Unmodified-Since")
                .body(r#"{"ttl":1}"#),
            written("12.35"),
        )
        .expect(put("storage/meta/global"), status(412));
    let client = client(&host);
    pollster::block_on(async {
        let full = PutRecord {
            payload: Some("\"é\""),
            sortindex: Some(5),
            ttl: Some(60),
        };
        let put = client.put_record(&collection, &id, full, Some(ServerTime::ZERO));
        assert_eq!(put.await, Ok(time(1234)));
        let touch = PutRecord {
            ttl: Some(1),
            ..PutRecord::default()
        };
        let put = client.put_record(&collection, &id, touch, None).await;
        assert_eq!(put, Ok(time(1235)));
        let put = client.put_record(&collection, &id, touch, None).await;
        assert!(matches!(put, Err(Error::Conflict { .. })));
    });
    host.done();
}

#[test]
fn deletions_are_sent_to_the_given_target() {
    let (collection, id) = meta();
    let host = Script::new()
        .expect(
            delete("storage/meta/global").with("X-If-Unmodified-Since", "1.00"),
            written("2.00"),
        )
        .expect(delete("storage/meta/global"), status(404).genuine())
        .expect(delete("storage/meta"), json(r#"{"modified":3}"#))
        .expect(
            delete("storage")
                .with("X-Confirm-Delete", "1")
                .with("X-If-Unmodified-Since", "4.00"),
            json("null").genuine(),
        )
        .expect(delete("storage"), status(204).genuine())
        .expect(delete("storage"), status(404).genuine())
        .expect(delete("storage"), status(412).genuine())
        .expect(delete("storage"), status(404))
        .expect(delete("storage"), status(200).body("<h1>Welcome</h1>"));
    let client = client(&host);
    pollster::block_on(async {
        let deleted = client
            .delete_record(&collection, &id, Some(time(100)))
            .await;
        assert_eq!(deleted, Ok(time(200)));
        let deleted = client.delete_record(&collection, &id, None).await;
        assert!(matches!(deleted, Err(Error::NotFound { .. })));
        assert_eq!(
            client.delete_collection(&collection, None).await,
            Ok(time(300))
        );
        for answer in ["null", "no content", "there is nothing"] {
            assert_eq!(client.delete_storage(time(400)).await, Ok(()), "{answer}");
        }
        assert!(matches!(
            client.delete_storage(time(400)).await,
            Err(Error::Conflict { .. })
        ));
        for answer in ["a proxy's 404", "a proxy's 200"] {
            let deleted = client.delete_storage(time(400)).await;
            assert!(matches!(deleted, Err(Error::NotGenuine { .. })), "{answer}");
        }
        let up = CollectionName::new("..").unwrap();
        let deleted = client.delete_collection(&up, None).await;
        assert!(matches!(deleted, Err(Error::Input(_))));
    });
    host.done();
}

#[test]
fn many_ids_are_deleted_in_chunks_each_conditional_on_the_previous_one() {
    let (collection, _) = meta();
    let ids: Vec<RecordId> = (0..150)
        .map(|n| RecordId::new(format!("guid{n:08}")).unwrap())
        .collect();
    let chunk = |range: core::ops::Range<usize>| {
        let texts: Vec<&str> = ids[range].iter().map(RecordId::as_str).collect();
        format!("storage/meta?ids={}", texts.join(","))
    };
    let host = Script::new()
        .expect(
            delete(&chunk(0..100)).with("X-If-Unmodified-Since", "1.00"),
            written("2.00"),
        )
        .expect(
            delete(&chunk(100..150)).with("X-If-Unmodified-Since", "2.00"),
            written("3.00"),
        );
    let client = client(&host);
    let guard = Some(time(100));
    let deleted = pollster::block_on(client.delete_ids(&collection, &ids, guard));
    assert_eq!(deleted, Ok(Some(time(300))));
    host.done();
    let deleted = pollster::block_on(client.delete_ids(&collection, &[], guard));
    assert_eq!(deleted, Ok(None));
}
