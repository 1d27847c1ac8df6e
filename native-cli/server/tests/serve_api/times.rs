//! Times increase strictly per user, and no write is refused for being fast.

use std::collections::BTreeSet;

use serde_json::json;

use crate::client::Running;

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_connections_get_strictly_increasing_times() {
    let running = Running::start().await;
    let user = running.user().await;
    // A delete in a collection that does not exist changes nothing and repeats a time.
    for n in 0..3 {
        let made = user.put(&format!("/storage/c{n}/first"), json!({})).await;
        assert_eq!(made.status, 200, "{made:?}");
    }
    let writers = (0..16).map(|writer| {
        let user = user.clone();
        tokio::spawn(async move {
            let mut times = Vec::new();
            for n in 0..10 {
                let collection = format!("c{}", (writer + n) % 3);
                let reply = match n % 3 {
                    0 => {
                        user.put(
                            &format!("/storage/{collection}/{writer}-{n}"),
                            json!({"payload": "p"}),
                        )
                        .await
                    }
                    1 => {
                        user.post(
                            &format!("/storage/{collection}"),
                            json!([{"id": format!("{writer}-{n}")}]),
                        )
                        .await
                    }
                    _ => {
                        user.delete(&format!("/storage/{collection}?ids=none"))
                            .await
                    }
                };
                assert_eq!(reply.status, 200, "{reply:?}");
                times.push(reply.last_modified());
                let info = user.get("/info/collections").await;
                assert!(
                    info.last_modified() >= *times.last().unwrap(),
                    "a read is never earlier than an earlier write"
                );
            }
            times
        })
    });
    let mut all = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        let times = writer.await.unwrap();
        assert!(times.is_sorted());
        all.extend(times);
    }
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}

#[tokio::test]
async fn writes_to_different_collections_of_one_user_never_share_a_time() {
    let user = Running::start().await.user().await;
    let mut last = selvedge_core::time::ServerTime::ZERO;
    for n in 0..20 {
        let time = user
            .put(&format!("/storage/c{n}/a"), json!({}))
            .await
            .last_modified();
        assert!(time > last);
        last = time;
    }
}

#[tokio::test]
async fn a_reply_is_never_timed_before_what_it_tells_of() {
    let user = Running::start().await.user().await;
    let time = |text: &str| selvedge_core::time::ServerTime::parse(text).unwrap();
    let mut last = selvedge_core::time::ServerTime::ZERO;
    for n in 0..50 {
        // Faster than hundredths pass, so that times run ahead of the clock.
        let put = user.put(&format!("/storage/notes/{n}"), json!({})).await;
        assert_eq!(put.status, 200, "{put:?}");
        assert!(time(put.text()) > last);
        last = time(put.text());
        assert_eq!(put.last_modified(), last);
        let shown = user.get("/storage/notes?full=1&newer=0").await;
        let info = user.get("/info/collections").await;
        for reply in [&put, &shown, &info] {
            assert_eq!(reply.last_modified(), last);
            assert!(time(reply.header("x-weave-timestamp")) >= last, "{reply:?}");
        }
        assert_eq!(put.header("x-weave-timestamp"), put.text());
    }
}
