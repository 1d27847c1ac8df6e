//! Times increase strictly per user, and no write is refused for being fast.

use std::collections::BTreeSet;

use serde_json::json;

use crate::client::Running;

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_connections_get_strictly_increasing_times() {
    let running = Running::start().await;
    let user = running.user().await;
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
    // A delete of ids in a collection that does not exist yet changes nothing and repeats a time.
    let distinct: BTreeSet<_> = all.iter().collect();
    let writes = all.iter().filter(|time| time.hundredths() > 0).count();
    assert_eq!(
        distinct.iter().filter(|time| time.hundredths() > 0).count(),
        writes
    );
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
