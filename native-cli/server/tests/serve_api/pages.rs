//! GET on a collection: selection, order, pages, streams.

use std::collections::BTreeSet;

use reqwest::Method;
use selvedge_core::time::ServerTime;
use selvedge_server::Options;
use serde_json::json;

use crate::client::{Reply, Running, User};

/// Reads all pages of a query and returns the ids in order.
async fn all_pages(user: &User, query: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut offset = String::new();
    loop {
        let page = user.get(&format!("/storage/notes?{query}{offset}")).await;
        assert_eq!(page.status, 200, "{page:?}");
        assert_eq!(page.header("x-weave-records"), page.ids().len().to_string());
        ids.extend(page.ids());
        match page.next() {
            Some(next) => offset = format!("&offset={next}"),
            None => return ids,
        }
    }
}

fn names(range: impl Iterator<Item = usize>) -> Vec<String> {
    range.map(|n| format!("n{n:06}")).collect()
}

#[tokio::test]
async fn pages_of_every_order_and_size_cover_the_collection_once() {
    let user = Running::start().await.user().await;
    user.fill("notes", 250).await;
    for sort in ["newest", "oldest", "index"] {
        for limit in [1, 7, 100, 249, 250, 251] {
            for full in ["", "&full=1"] {
                let ids = all_pages(&user, &format!("sort={sort}&limit={limit}{full}")).await;
                assert_eq!(ids.len(), 250, "{sort} {limit}");
                assert_eq!(
                    ids.iter().collect::<BTreeSet<_>>().len(),
                    250,
                    "{sort} {limit}"
                );
                if sort == "index" {
                    assert_eq!(ids, names((0..250).rev()), "{limit}");
                }
            }
        }
    }
    assert_eq!(all_pages(&user, "limit=30").await.len(), 250);
}

#[tokio::test]
async fn no_page_is_larger_than_the_operator_allows() {
    let options = Options {
        max_page_records: Some(30),
        ..Options::default()
    };
    let user = Running::with(options).await.user().await;
    user.fill("notes", 100).await;
    for (query, first) in [("", 30), ("?limit=50", 30), ("?full=1&limit=20", 20)] {
        let page = user.get(&format!("/storage/notes{query}")).await;
        assert_eq!(page.header("x-weave-records"), first.to_string(), "{query}");
        assert!(page.next().is_some(), "{query}");
    }
    assert_eq!(all_pages(&user, "sort=oldest").await.len(), 100);
}

#[tokio::test]
async fn a_page_that_is_the_last_names_no_next_one() {
    let user = Running::start().await.user().await;
    user.fill("notes", 10).await;
    assert!(user.get("/storage/notes?limit=10").await.next().is_none());
    assert!(user.get("/storage/notes?limit=9").await.next().is_some());
    assert!(user.get("/storage/notes").await.next().is_none());
}

#[tokio::test]
async fn newest_and_oldest_go_by_time_and_index_puts_those_without_last() {
    let user = Running::start().await.user().await;
    for (id, sortindex) in [
        ("a", json!(-5)),
        ("b", json!(null)),
        ("c", json!(999_999_999)),
        ("d", json!(0)),
    ] {
        user.put(
            &format!("/storage/notes/{id}"),
            json!({"sortindex": sortindex}),
        )
        .await;
    }
    for (sort, ids) in [
        ("oldest", ["a", "b", "c", "d"]),
        ("newest", ["d", "c", "b", "a"]),
        ("index", ["c", "d", "a", "b"]),
    ] {
        assert_eq!(
            user.get(&format!("/storage/notes?sort={sort}")).await.ids(),
            ids,
            "{sort}"
        );
        assert_eq!(
            all_pages(&user, &format!("sort={sort}&limit=1")).await,
            ids,
            "{sort}"
        );
    }
}

#[tokio::test]
async fn newer_and_older_are_strict() {
    let user = Running::start().await.user().await;
    let mut times = Vec::new();
    for id in ["a", "b", "c", "d"] {
        times.push(
            user.put(&format!("/storage/notes/{id}"), json!({}))
                .await
                .last_modified(),
        );
    }
    let (first, last) = (times[0], times[3]);
    for (query, ids) in [
        (format!("newer={first}"), vec!["b", "c", "d"]),
        (format!("older={last}"), vec!["a", "b", "c"]),
        (format!("newer={first}&older={last}"), vec!["b", "c"]),
        (format!("newer={last}"), vec![]),
        (format!("newer={first}&sort=newest"), vec!["d", "c", "b"]),
        (format!("newer={first}&sort=index"), vec!["d", "c", "b"]),
    ] {
        assert_eq!(
            user.get(&format!("/storage/notes?{query}")).await.ids(),
            ids,
            "{query}"
        );
        assert_eq!(
            all_pages(&user, &format!("{query}&limit=1")).await,
            ids,
            "{query}"
        );
    }
}

#[tokio::test]
async fn ids_select_records_and_leave_out_the_missing() {
    let user = Running::start().await.user().await;
    user.fill("notes", 150).await;
    let got = user
        .get("/storage/notes?full=1&ids=n000003,unknown,n000149")
        .await;
    assert_eq!(got.ids(), ["n000003", "n000149"]);
    let hundred = names(0..100).join(",");
    assert_eq!(
        user.get(&format!("/storage/notes?ids={hundred}"))
            .await
            .ids()
            .len(),
        100
    );
    assert_eq!(
        all_pages(&user, &format!("ids={hundred}&limit=7&sort=newest"))
            .await
            .len(),
        100
    );
    let reply = user
        .get(&format!("/storage/notes?ids={hundred},n000100"))
        .await;
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn malformed_queries_are_refused() {
    let user = Running::start().await.user().await;
    for query in [
        "newer=x", "older=-1", "limit=0", "limit=-5", "sort=up", "offset=x", "ids=",
    ] {
        assert_eq!(
            user.get(&format!("/storage/notes?{query}")).await.status,
            400,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_page_can_be_guarded_against_changes() {
    let user = Running::start().await.user().await;
    user.fill("notes", 10).await;
    let first = user.get("/storage/notes?limit=5").await;
    let rest = format!("/storage/notes?limit=5&offset={}", first.next().unwrap());
    let guard = first.header("x-last-modified").to_owned();
    let call = || {
        user.call(Method::GET, &rest)
            .header("x-if-unmodified-since", &guard)
    };
    assert_eq!(call().send().await.status, 200);
    user.put("/storage/notes/x", json!({})).await;
    assert_eq!(call().send().await.status, 412);
}

#[tokio::test]
async fn records_written_while_paging_from_the_oldest_are_not_missed() {
    let user = Running::start().await.user().await;
    user.fill("notes", 20).await;
    let first = user.get("/storage/notes?limit=10").await;
    user.put("/storage/notes/n000000", json!({"payload": "changed"}))
        .await;
    user.put("/storage/notes/new", json!({})).await;
    let rest = user
        .get(&format!("/storage/notes?offset={}", first.next().unwrap()))
        .await;
    let seen: BTreeSet<String> = first.ids().into_iter().chain(rest.ids()).collect();
    assert_eq!(seen.len(), 21);
    assert!(rest.ids().contains(&"n000000".to_owned()));
}

#[tokio::test]
async fn a_list_of_many_megabytes_comes_whole_and_counted() {
    let user = Running::start().await.user().await;
    for post in 0..5 {
        let payload = "\"".repeat(100_000);
        let records = (0..10).map(|n| json!({"id": format!("r{post}{n}"), "payload": payload}));
        assert_eq!(
            user.post("/storage/notes", records.collect()).await.status,
            200
        );
    }
    user.put("/storage/notes/gone", json!({"payload": "p", "ttl": 0}))
        .await;
    for (query, records, more) in [
        ("", 50, false),
        ("&limit=45", 45, true),
        ("&limit=50", 50, false),
        ("&sort=index", 50, false),
    ] {
        let list = user.get(&format!("/storage/notes?full=1{query}")).await;
        assert!(list.body.len() > 1_000_000);
        assert_eq!(list.ids().len(), records, "{query}");
        assert_eq!(
            list.header("x-weave-records"),
            records.to_string(),
            "{query}"
        );
        assert_eq!(list.next().is_some(), more, "{query}");
        assert!(list.last_modified() > ServerTime::ZERO);
    }
    assert_eq!(
        all_pages(&user, "full=1&limit=20&sort=newest").await.len(),
        50
    );
}

#[tokio::test]
async fn clients_that_stop_reading_do_not_stop_the_others() {
    let running = Running::start().await;
    let user = running.user().await;
    let payload = "x".repeat(500_000);
    for post in 0..6 {
        let records = (0..5).map(|n| json!({"id": format!("r{post}{n}"), "payload": payload}));
        assert_eq!(
            user.post("/storage/notes", records.collect()).await.status,
            200
        );
    }
    let mut stalled = Vec::new();
    for n in 0..14 {
        let url = format!("{}/storage/notes?full=1", user.endpoint);
        let signed = user.sign(
            "GET",
            &url,
            crate::client::seconds(),
            &format!("stalled{n}"),
        );
        let reply = running
            .http
            .get(url)
            .header("authorization", signed)
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status(), 200);
        stalled.push(reply);
    }
    let other = running.user().await;
    assert_eq!(other.put("/storage/notes/a", json!({})).await.status, 200);
    assert_eq!(other.get("/storage/notes").await.ids(), ["a"]);
    // Nobody got a part of the list unasked, whether or not there was a stream left.
    for reply in stalled {
        assert!(!reply.headers().contains_key("x-weave-next-offset"));
        assert_eq!(reply.headers()["x-weave-records"], "30");
        let reply = Reply::read(reply).await;
        assert_eq!(reply.ids().len(), 30);
    }
    assert_eq!(all_pages(&user, "full=1").await.len(), 30);
}
