//! Failures during a sync: refused credentials, a server that requests a pause, records that do not open.

use super::*;
use crate::account::Source;
use crate::server::Backoff;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Credentials whose token comes from a token server.
fn renewable() -> Credentials {
    let json = serde_json::json!({
        "tokenserver_url": "https://token.example.org", "access_token": "access", "kid": "1-kid",
        "ksync_b64url": sync_key().to_b64url().as_str(),
    });
    Credentials::from_json(json.to_string().as_bytes()).unwrap()
}

fn token() -> Answer {
    json(
        serde_json::json!({
            "api_endpoint": ENDPOINT, "id": "id", "key": "key", "uid": 777, "hashalg": "sha256", "duration": 3600,
        })
        .to_string(),
    )
}

fn is_for_a_token(request: &Request) -> bool {
    request.url.starts_with("https://token.example.org")
}

impl Device {
    fn sync_asked_for(&self, credentials: &Credentials, is_asked_for: bool) -> Report {
        let options = Options {
            engines: &engines(),
            situation: Situation {
                is_asked_for,
                ..Situation::default()
            },
            client: OwnClient::default(),
            user_agent: None,
            progress: &|_| (),
        };
        block_on(sync(self, credentials, &mut None, &options))
    }

    fn global(&self) -> GlobalState {
        block_on(GlobalState::load(&self.store)).unwrap()
    }
}

#[test]
fn credentials_that_are_refused_are_renewed_once() {
    for code in [401, 404] {
        let shelf = Shelf::default();
        let (refusals, tokens) = (Rc::new(Cell::new(1u32)), Rc::new(Cell::new(0)));
        let (left, given) = (Rc::clone(&refusals), Rc::clone(&tokens));
        let device = device_with(&shelf, move |_, request| {
            if is_for_a_token(request) {
                given.set(given.get() + 1);
                return Some(token());
            }
            left.get().checked_sub(1).map(|rest| {
                left.set(rest);
                status(code).genuine()
            })
        });
        let report = device.sync_asked_for(&renewable(), false);
        assert!(report.is_success(), "{code} {report:?}");
        assert_eq!(tokens.get(), 2, "{code}");
    }
}

#[test]
fn credentials_that_are_refused_twice_are_not_tried_again_for_a_quarter_of_an_hour() {
    let shelf = Shelf::default();
    let device = device_with(&shelf, |_, request| {
        Some(if is_for_a_token(request) {
            token()
        } else {
            status(401)
        })
    });
    let report = device.sync_asked_for(&renewable(), false);
    assert_eq!(report.outcome(), Outcome::LoginNeeded);
    let until = device.now().plus_seconds(900);
    let soft = Backoff {
        soft: Some(until),
        hard: None,
    };
    assert_eq!(
        (report.backoff, device.global().device.backoff),
        (soft, soft)
    );
    let before = device.count();
    let report = device.sync_asked_for(&renewable(), false);
    assert_eq!(
        report.ending,
        Ending::Blocked(Obstacle::Wait { until }),
        "nobody asked for it"
    );
    assert_eq!(device.count(), before);
    let report = device.sync_asked_for(&renewable(), true);
    assert_eq!(report.outcome(), Outcome::LoginNeeded, "a person may try");
}

#[test]
fn a_server_that_wants_peace_in_the_middle_is_left_before_the_next_collection() {
    let rows = [
        ("Retry-After", true, true),
        ("Retry-After", false, true),
        ("X-Weave-Backoff", false, true),
        ("X-Weave-Backoff", true, false),
    ];
    for (header, is_asked_for, leaves) in rows {
        let shelf = Shelf::default();
        assert!(device(&shelf).sync().is_success());
        let device = device_with(&shelf, move |shelf, request| {
            let is_meta = request.url.ends_with("/meta/global") && request.method == Method::Get;
            is_meta.then(|| serve(shelf, request).header(header, "60"))
        });
        device.put("a", "{}");
        let report = device.sync_asked_for(&credentials(&sync_key()), is_asked_for);
        let skipped = CollectionStatus::Skipped(Skip::NotReached);
        assert_eq!(
            (
                report.ending == Ending::CutShort,
                report.collections[0].status == skipped
            ),
            (leaves, leaves),
            "{header}, asked for: {is_asked_for}"
        );
        let until = Some(device.now().plus_seconds(60));
        assert_eq!(device.global().device.backoff.until(), until, "it is kept");
    }
}

/// Writes a record under other keys to the server, as a device does that has not read the new keys.
fn write_foreign(shelf: &Shelf, device: &Device, id: &str) -> KeyBundle {
    let foreign = KeyBundle::make(device).unwrap();
    let cleartext = format!(r#"{{"id":{id:?},"by":"another"}}"#);
    let payload = payload::seal(&foreign, device, &cleartext).unwrap();
    write(shelf, &format!("notes/{id}"), &payload);
    foreign
}

#[test]
fn a_bad_hmac_has_the_keys_looked_at_once_and_told_again() {
    let shelf = Shelf::default();
    let device = device(&shelf);
    device.put("a", "{}");
    assert!(device.sync().is_success());
    write_foreign(&shelf, &device, "b");
    let keys = shelf.borrow()["crypto/keys"].clone();
    let before = device.count();
    let report = device.sync();
    assert_eq!(report.outcome(), Outcome::Partial, "{report:?}");
    let asked = device.requests(before);
    for request in ["GET storage/crypto/keys", "PUT storage/crypto/keys"] {
        let times = asked.iter().filter(|line| *line == request).count();
        assert_eq!(times, 1, "{request} of {asked:?}");
    }
    let told = shelf.borrow()["crypto/keys"].clone();
    assert!(
        told.0 > keys.0 && told.1 == keys.1,
        "the same keys at a later time"
    );
    write_foreign(&shelf, &device, "c");
    let before = device.count();
    device.sync();
    let asked = device.requests(before);
    assert!(
        !asked.iter().any(|line| line.ends_with("crypto/keys")),
        "only once in ten minutes: {asked:?}"
    );
}

#[test]
fn keys_that_change_in_the_middle_of_a_sync_begin_it_again() {
    let shelf = Shelf::default();
    let first = device(&shelf);
    first.put("a", r#"{"x":1}"#);
    assert!(first.sync().is_success());
    // While the device reads its notes for the first time, another device replaces the keys and writes under them.
    let replaced = Rc::new(Cell::new(false));
    let done = Rc::clone(&replaced);
    let second = device_with(&shelf, move |shelf, request| {
        if request.url.contains("/storage/notes?") && !done.replace(true) {
            let random = Script::serving(|_| status(500));
            let keys = CollectionKeys::new(KeyBundle::new([3; 32], [4; 32]));
            write(
                shelf,
                "crypto/keys",
                &keys.seal(&sync_key(), &random).unwrap(),
            );
            let cleartext = r#"{"id":"a","x":2}"#;
            let sealed = payload::seal(keys.bundle("notes").unwrap(), &random, cleartext).unwrap();
            write(shelf, "notes/a", &sealed);
        }
        None
    });
    let report = second.sync();
    assert!(report.is_success(), "{report:?}");
    assert_eq!(second.get("a").as_deref(), Some(r#"{"id":"a","x":2}"#));
}

#[test]
fn what_lies_under_former_keys_is_read_and_sent_again_by_who_knows_them() {
    let shelf = Shelf::default();
    let (a, b) = (device(&shelf), device(&shelf));
    a.put("mine", r#"{"x":1}"#);
    assert!(a.sync().is_success());
    let old_record = shelf.borrow()["notes/mine"].1.clone();
    // Another device sets the account up again at that moment; the record is written afterwards.
    shelf.borrow_mut().clear();
    assert!(b.sync().fresh_start);
    write(&shelf, "notes/mine", &old_record);
    assert_eq!(b.sync().outcome(), Outcome::Partial);
    for device in [&a, &b, &a, &b] {
        device.sync();
    }
    assert!(b.sync().is_success());
    assert_eq!(b.get("mine").as_deref(), Some(r#"{"id":"mine","x":1}"#));
}

#[test]
fn a_history_beyond_the_cap_is_read_newest_first_and_its_rest_by_ids_in_later_syncs() {
    const CAP: usize = 5000;
    let history = CollectionName::new("history").unwrap();
    let engine: [Box<dyn Engine>; 1] = [Box::new(Generic::new(history.clone()).unwrap())];
    let shelf = Shelf::default();
    shelf.page.set(1000);
    let options = || Options {
        engines: &engine,
        situation: Situation::default(),
        client: OwnClient::default(),
        user_agent: None,
        progress: &|_| (),
    };
    let one = device(&shelf);
    let sync_one = || block_on(sync(&one, &credentials(&sync_key()), &mut None, &options()));
    assert!(sync_one().is_success());
    let total = CAP + 1500;
    let keys = shelf.borrow()["crypto/keys"].1.clone();
    let keys = CollectionKeys::open(&sync_key(), &keys).unwrap();
    for n in 0..total {
        let cleartext = format!(r#"{{"id":"page-{n:05}"}}"#);
        let sealed = payload::seal(keys.bundle("history").unwrap(), &one, &cleartext).unwrap();
        write(&shelf, &format!("history/page-{n:05}"), &sealed);
    }
    let count = || block_on(one.counts(&history)).unwrap().live as usize;
    assert!(sync_one().is_success());
    assert!(
        (CAP..total).contains(&count()),
        "{} of {total} in the first sync",
        count()
    );
    let oldest = block_on(one.read(&history, &[RecordId::new("page-00000").unwrap()])).unwrap();
    assert_eq!(oldest, [None], "the oldest come last");
    assert!(sync_one().is_success());
    assert_eq!(count(), total);
    let before = one.count();
    assert_eq!(sync_one().ending, Ending::NothingToDo);
    assert_eq!(one.count(), before + 1);
}

#[test]
fn a_batch_that_the_server_has_forgotten_is_begun_again() {
    let shelf = Shelf::default();
    let forgotten = Rc::new(Cell::new(false));
    let done = Rc::clone(&forgotten);
    // Batches of one record per POST; the server discards the first batch before its second POST.
    let device = device_with(&shelf, move |shelf, request| {
        let query = request
            .url
            .split_once("/storage/notes?")
            .map(|(_, query)| query);
        if request.url.ends_with("/info/configuration") {
            return Some(json(r#"{"max_post_records":1,"max_total_records":10}"#));
        }
        match (request.method, query) {
            (Method::Post, Some("batch=true")) if !done.get() => {
                Some(json(r#"{"batch":"b","success":["a"],"failed":{}}"#).status(202))
            }
            (Method::Post, Some(query)) if query.starts_with("batch=b") => {
                done.set(true);
                Some(status(400))
            }
            _ => Some(serve(shelf, request)),
        }
    });
    device.put("a", "{}");
    device.put("b", "{}");
    let report = device.sync();
    assert!(forgotten.get() && report.is_success(), "{report:?}");
    assert_eq!(report.collections[0].pushed.sent, 2);
    assert!(shelf.borrow().contains_key("notes/a") && shelf.borrow().contains_key("notes/b"));
}

#[test]
fn a_server_that_is_closed_for_good_is_asked_again_only_by_a_person_or_where_another_is_named() {
    let closings: [fn() -> Answer; 2] = [
        || status(513),
        || {
            json("{}").header(
                "X-Weave-Alert",
                r#"{"code":"hard-eol","message":"m","url":"u"}"#,
            )
        },
    ];
    for closing in closings {
        let shelf = Shelf::default();
        let is_closed = Rc::new(Cell::new(true));
        let closed = Rc::clone(&is_closed);
        let device = device_with(&shelf, move |_, request| {
            if request.url.starts_with("https://token") {
                return Some(token());
            }
            closed.get().then(closing)
        });
        let report = device.sync_asked_for(&renewable(), false);
        assert_eq!(report.ending, Ending::Stopped(Error::ServiceClosed));
        let before = device.count();
        let report = device.sync_asked_for(&renewable(), false);
        assert_eq!(report.ending, Ending::Blocked(Obstacle::Closed));
        assert_eq!(device.count(), before);
        let report = device.sync_asked_for(&renewable(), true);
        assert_eq!(report.ending, Ending::Stopped(Error::ServiceClosed));
        is_closed.set(false);
        let mut moved = renewable();
        if let Source::TokenServer { url, .. } = &mut moved.source {
            *url = "https://token2.example.org".into();
        }
        let before = device.global();
        assert!(device.sync_asked_for(&moved, false).is_success());
        assert_eq!(device.global().device.closed, None);
        block_on(before.save(&device)).unwrap();
        assert!(device.sync_asked_for(&renewable(), true).is_success());
        assert!(device.sync_asked_for(&renewable(), false).is_success());
    }
}

#[test]
fn another_node_is_not_told_the_programs_version_on_the_same_day() {
    let shelf = Shelf::default();
    let device = device_with(&shelf, |shelf, request| {
        let mut request = request.clone();
        request.url = request.url.replace("elsewhere", "sync");
        Some(serve(shelf, &request))
    });
    for endpoint in [ENDPOINT, "https://elsewhere.example.org/1.5/777"] {
        let mut credentials = credentials(&sync_key());
        if let Source::Token(token) = &mut credentials.source {
            token.api_endpoint = endpoint.into();
        }
        let options = Options {
            engines: &engines(),
            situation: Situation {
                tells_version: Some("7"),
                ..Situation::default()
            },
            client: OwnClient::default(),
            user_agent: None,
            progress: &|_| (),
        };
        let report = block_on(sync(&device, &credentials, &mut None, &options));
        assert!(report.is_success(), "{report:?}");
    }
    let requests = device.script.requests();
    let telling = requests
        .iter()
        .filter(|request| request.url.ends_with("?v=7"));
    assert_eq!(telling.count(), 1);
    assert!(
        requests
            .iter()
            .any(|request| request.url.contains("elsewhere"))
    );
}
