//! What the server says of its collections, in every form.

use super::*;
use crate::script::{Script, get, json, status};
use crate::server::client::tests::client;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn name(text: &str) -> CollectionName {
    CollectionName::new(text).unwrap()
}

#[test]
fn info_collections_may_be_unmodified() {
    let since = ServerTime::from_hundredths(170_000_000_040);
    let host = Script::new()
        .expect(
            get("info/collections").without("X-If-Modified-Since"),
            json(r#"{"notes":1700000000.4}"#).header("X-Last-Modified", "1700000000.50"),
        )
        .expect(
            get("info/collections").with("X-If-Modified-Since", "1700000000.40"),
            status(304).header("X-Last-Modified", "1700000000.4"),
        )
        .expect(get("info/collections"), json(r#"{"a":1.5,"b":2}"#));
    let client = client(&host);
    pollster::block_on(async {
        let Conditional::Changed {
            value,
            last_modified,
        } = client.info_collections(None).await.unwrap()
        else {
            panic!("no condition was sent")
        };
        assert_eq!(value.modified(&name("notes")), Some(since));
        assert_eq!(value.modified(&name("tabs")), None);
        assert_eq!(last_modified.hundredths(), 170_000_000_050);
        let kept = serde_json::to_string(&value).unwrap();
        assert_eq!(
            serde_json::from_str::<InfoCollections>(&kept).unwrap(),
            value
        );
        assert_eq!(
            client.info_collections(Some(since)).await,
            Ok(Conditional::Unmodified)
        );
        let without_header = client.info_collections(None).await.unwrap();
        assert!(
            matches!(without_header, Conditional::Changed { last_modified, .. } if last_modified.hundredths() == 200)
        );
    });
    host.done();
}

#[test]
fn an_entry_without_a_time_is_listed_and_hides_no_other() {
    let rows = [
        ("null", 0),
        ("\"soon\"", 0),
        ("-1", 0),
        ("[1]", 0),
        ("\"1.5\"", 150),
        ("1.5", 150),
    ];
    for (time, hundredths) in rows {
        let text = alloc::format!(r#"{{"meta":{time},"notes":2}}"#);
        let info: InfoCollections = crate::json::from_str(&text).unwrap();
        let expected = Some(ServerTime::from_hundredths(hundredths));
        assert_eq!(info.modified(&name("meta")), expected, "{time}");
        let notes = info.modified(&name("notes")).unwrap();
        assert_eq!(notes.hundredths(), 200, "{time}");
    }
    let info: InfoCollections = crate::json::from_str("[]").unwrap();
    assert_eq!(info, InfoCollections::default());
}

#[test]
fn a_count_is_a_number_of_any_form() {
    let rows = [
        ("3", Some(3)),
        ("2.0", Some(2)),
        ("2.99", Some(2)),
        ("1.5e3", Some(1500)),
        ("1E2", Some(100)),
        ("25e-1", Some(2)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", Some(u64::MAX)),
        ("1e400", Some(u64::MAX)),
        ("1e99999", Some(u64::MAX)),
        ("1e-99999", Some(0)),
        ("0", Some(0)),
        ("-0", Some(0)),
        ("-1", Some(0)),
        ("-1.5e3", Some(0)),
        ("null", None),
        ("\"3\"", None),
        ("[3]", None),
    ];
    for (text, expected) in rows {
        let value: Value = crate::json::from_str(text).unwrap();
        assert_eq!(whole(&value), expected, "{text}");
    }
}

#[test]
fn counts_usage_and_quota_are_read() {
    let host = Script::new()
        .expect(get("info/quota"), json("[12.5, null]"))
        .expect(get("info/quota"), json("[1, 2]"))
        .expect(get("info/quota"), json("[1]"))
        .expect(
            get("info/collection_usage"),
            json(r#"{"notes":0.5,"b c":1}"#),
        )
        .expect(get("info/collection_counts"), json(r#"{"notes":3}"#))
        .expect(
            get("info/collection_counts"),
            json(r#"{"notes":null,"a":2.0,"b":"x"}"#),
        )
        .expect(get("info/collection_counts"), json("[]"));
    let client = client(&host);
    pollster::block_on(async {
        assert_eq!(
            client.info_quota().await,
            Ok(Quota {
                used: 12800,
                total: None
            })
        );
        assert_eq!(
            client.info_quota().await,
            Ok(Quota {
                used: 1024,
                total: Some(2048)
            })
        );
        assert_eq!(
            client.info_quota().await,
            Ok(Quota {
                used: 1024,
                total: None
            })
        );
        let usage = client.info_collection_usage().await.unwrap();
        assert_eq!(usage, [(name("notes"), 512)].into());
        let counts = client.info_collection_counts().await.unwrap();
        assert_eq!(counts, [(name("notes"), 3)].into());
        let counts = client.info_collection_counts().await.unwrap();
        assert_eq!(counts, [(name("a"), 2)].into());
        assert!(client.info_collection_counts().await.unwrap().is_empty());
    });
    host.done();
}

#[test]
fn a_server_without_a_configuration_has_the_defaults() {
    let host = Script::new()
        .expect(get("info/configuration"), status(404).genuine())
        .expect(get("info/configuration"), json(r#"{"max_post_records":7}"#))
        .expect(get("info/configuration"), json("nonsense secret"))
        .expect(get("info/configuration"), status(503))
        .expect(get("info/configuration"), status(404));
    let client = client(&host);
    pollster::block_on(async {
        assert_eq!(client.info_configuration().await, Ok(Limits::default()));
        assert_eq!(
            client.info_configuration().await.unwrap().max_post_records,
            7
        );
        let error = client.info_configuration().await.unwrap_err();
        assert!(
            matches!(&error, Error::Answer { detail, .. } if !detail.contains("secret")),
            "{error}"
        );
        assert!(matches!(
            client.info_configuration().await,
            Err(Error::Wait { status: 503, .. })
        ));
        assert!(
            matches!(
                client.info_configuration().await,
                Err(Error::NotGenuine { status: 404, .. })
            ),
            "a proxy's 404 says nothing of the server's limits"
        );
    });
    host.done();
}

#[test]
fn a_304_that_tells_another_time_is_not_trusted() {
    let since = ServerTime::from_hundredths(500);
    for (answer, name) in [
        (status(304), "no time"),
        (status(304).header("X-Last-Modified", "0.00"), "emptied"),
        (status(304).header("X-Last-Modified", "4.99"), "put back"),
    ] {
        let host = Script::new()
            .expect(
                get("info/collections").with("X-If-Modified-Since", "5.00"),
                answer,
            )
            .expect(
                get("info/collections").without("X-If-Modified-Since"),
                json(r#"{"notes":4}"#),
            );
        let client = client(&host);
        let info = pollster::block_on(client.info_collections(Some(since))).unwrap();
        assert!(
            info.changed().is_some_and(|info| !info.is_empty()),
            "{name}"
        );
        host.done();
    }
}

#[test]
fn an_empty_account_is_believed_only_from_the_server_itself() {
    let host = Script::new()
        .expect(get("info/collections"), json("{}").genuine())
        .expect(get("info/collections"), json("{}"))
        .expect(get("info/collections"), json(r#"{"notes":1}"#))
        .expect(
            get("info/collections"),
            status(200).header("X-Weave-Timestamp", "1").body("<html>"),
        )
        .expect(get("info/collections"), status(200).genuine());
    let client = client(&host);
    pollster::block_on(async {
        let ask = async || client.info_collections(None).await;
        assert!(ask().await.is_ok());
        assert!(matches!(ask().await, Err(Error::NotGenuine { .. })));
        assert!(
            ask().await.is_ok(),
            "a stored record was written by a client with the account's token"
        );
        for answer in ["a page", "nothing"] {
            assert!(matches!(ask().await, Err(Error::Answer { .. })), "{answer}");
        }
    });
    host.done();
}

#[test]
fn an_endless_answer_is_not_read_to_its_end() {
    let host = Script::new().expect(
        get("info/collections"),
        json(" ".repeat(MAX_INFO_BYTES + 1)).in_chunks(&[4096]),
    );
    let client = client(&host);
    let error = pollster::block_on(client.info_collections(None)).unwrap_err();
    assert!(matches!(error, Error::Answer { .. }), "{error}");
}
