//! Whole syncs against a scripted storage server: which requests are sent, and which are not.

mod clients;
mod errors;
mod legacy;
mod selection;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::{Cell, Ref, RefCell, RefMut};

use pollster::block_on;

use super::*;
use crate::account::Credentials;
use crate::crypto::{KeyBundle, payload};
use crate::engine::{Generic, Records};
use crate::error::Error;
use crate::host::{
    Clock, Commit, Committed, Counts, MemoryStore, PageLimit, Random, RandomError, Selection,
    Store, StoreError, Stored,
};
use crate::http::{Fetch, FetchError, FetchErrorKind, Method, Request, Response};
use crate::ids::{CollectionName, RecordId};
use crate::script::{Answer, ENDPOINT, Script, ScriptedBody, fails, json, status};
use crate::time::{LocalTime, ServerTime};

/// The records of the scripted server by `collection/id`: time in hundredths, and payload.
type Rows = BTreeMap<String, (u64, String)>;

/// What the scripted server keeps. Its clock never goes back, whatever is deleted.
#[derive(Clone, Default)]
struct Shelf {
    records: Rc<RefCell<Rows>>,
    clock: Rc<Cell<u64>>,
    /// Records of one page at most; 0 for any number.
    page: Rc<Cell<usize>>,
}

impl Shelf {
    fn borrow(&self) -> Ref<'_, Rows> {
        self.records.borrow()
    }

    fn borrow_mut(&self) -> RefMut<'_, Rows> {
        self.records.borrow_mut()
    }

    fn tick(&self) -> u64 {
        self.clock.set(self.clock.get() + 100);
        self.clock.get()
    }
}

/// A device whose network is a script and whose store is in memory.
struct Device {
    script: Script,
    store: MemoryStore,
}

impl Fetch for Device {
    type Body = ScriptedBody;
    async fn fetch(&self, request: Request) -> Result<Response<ScriptedBody>, FetchError> {
        self.script.fetch(request).await
    }
}

impl Clock for Device {
    fn now(&self) -> LocalTime {
        self.script.now()
    }
}

impl Random for Device {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self.script.fill(bytes)
    }
}

impl Store for Device {
    async fn global(&self) -> Result<Option<String>, StoreError> {
        self.store.global().await
    }
    async fn state(&self, collection: &CollectionName) -> Result<Option<String>, StoreError> {
        self.store.state(collection).await
    }
    async fn collections(&self) -> Result<Vec<CollectionName>, StoreError> {
        self.store.collections().await
    }
    async fn counts(&self, collection: &CollectionName) -> Result<Counts, StoreError> {
        self.store.counts(collection).await
    }
    async fn read(
        &self,
        collection: &CollectionName,
        ids: &[RecordId],
    ) -> Result<Vec<Option<Stored>>, StoreError> {
        self.store.read(collection, ids).await
    }
    async fn page(
        &self,
        collection: &CollectionName,
        selection: Selection,
        after: Option<&RecordId>,
        limit: PageLimit,
    ) -> Result<Vec<Stored>, StoreError> {
        self.store.page(collection, selection, after, limit).await
    }
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.store.commit(commit).await
    }
}

/// A scripted storage server: enough of the protocol for meta/global, crypto/keys and small collections.
fn serve(shelf: &Shelf, request: &Request) -> Answer {
    let page = shelf.page.get();
    let now = shelf.clock.get() + 100;
    if request.method != Method::Get {
        shelf.tick();
    }
    let mut shelf = shelf.borrow_mut();
    let path = request
        .url
        .strip_prefix(ENDPOINT)
        .unwrap_or_default()
        .trim_start_matches('/');
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let parts: Vec<&str> = path.split('/').collect();
    let latest = |prefix: &str| {
        shelf
            .iter()
            .filter(|(key, _)| key.starts_with(prefix))
            .map(|(_, (time, _))| *time)
            .max()
            .unwrap_or(0)
    };
    let time = |hundredths| ServerTime::from_hundredths(hundredths).to_string();
    let condition = |name: &str| {
        request
            .header(name)
            .map(|text| ServerTime::parse(text).unwrap().hundredths())
    };
    let target = parts
        .get(1)
        .map_or(String::new(), |name| match parts.get(2) {
            Some(id) => format!("{name}/{id}"),
            None => format!("{name}/"),
        });
    if condition("X-If-Unmodified-Since").is_some_and(|seen| latest(&target) > seen) {
        return status(412).header("X-Last-Modified", time(latest(&target)));
    }
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["info", "collections"]) => {
            if condition("X-If-Modified-Since").is_some_and(|seen| latest("") <= seen) {
                return status(304);
            }
            let names: BTreeMap<&str, u64> = shelf.keys().filter_map(|key| key.split('/').next()).map(|name| (name, latest(&format!("{name}/")))).collect();
            let body: Vec<String> = names.iter().map(|(name, at)| format!("{name:?}:{}", time(*at))).collect();
            json(format!("{{{}}}", body.join(","))).header("X-Last-Modified", time(latest("")))
        }
        ("GET", ["info", "configuration"]) => json("{}"),
        ("GET", ["storage", _]) => {
            let asked = |name: &str| {
                query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
            };
            let bound = |name, otherwise| asked(name).map_or(otherwise, |text| ServerTime::parse(text).unwrap().hundredths());
            let (newer, older) = (bound("newer", 0), bound("older", u64::MAX));
            let ids: Option<Vec<&str>> = asked("ids").map(|ids| ids.split(',').collect());
            let mut found: Vec<(&str, u64, &str)> = shelf
                .iter()
                .filter_map(|(key, (at, payload))| Some((key.strip_prefix(&target)?, *at, payload.as_str())))
                .filter(|(id, at, _)| (newer + 1..older).contains(at) && ids.as_ref().is_none_or(|ids| ids.contains(id)))
                .collect();
            match asked("sort") {
                Some("newest") => found.sort_by_key(|(_, at, _)| core::cmp::Reverse(*at)),
                Some("oldest") => found.sort_by_key(|(_, at, _)| *at),
                _ => {}
            }
            let mut rows: Vec<String> = found
                .into_iter()
                .map(|(id, at, payload)| {
                    if !query.contains("full=1") {
                        return format!("{id:?}");
                    }
                    let payload = serde_json::Value::from(payload);
                    format!("{{\"id\":{id:?},\"modified\":{},\"payload\":{payload}}}", time(at))
                })
                .collect();
            let offset: usize = asked("offset").map_or(0, |text| text.parse().unwrap());
            let mut rest = rows.split_off(offset);
            let more = if page > 0 { rest.split_off(page.min(rest.len())) } else { Vec::new() };
            let answer = json(format!("[{}]", rest.join(","))).header("X-Last-Modified", time(latest(&target)));
            if more.is_empty() { answer } else { answer.header("X-Weave-Next-Offset", (offset + page).to_string()) }
        }
        ("GET", ["storage", _, id]) => match shelf.get(&target) {
            None => status(404),
            Some((at, payload)) => json(
                serde_json::json!({"id": id, "modified": ServerTime::from_hundredths(*at), "payload": payload}).to_string(),
            )
            .header("X-Last-Modified", time(*at)),
        },
        ("PUT", ["storage", _, _]) => {
            let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            shelf.insert(target, (now, body["payload"].as_str().unwrap().to_string()));
            json(time(now)).header("X-Last-Modified", time(now))
        }
        ("POST", ["storage", collection]) => {
            let body: Vec<serde_json::Value> = serde_json::from_slice(&request.body).unwrap();
            let ids: Vec<&str> = body.iter().map(|bso| bso["id"].as_str().unwrap()).collect();
            for bso in &body {
                let payload = bso["payload"].as_str().unwrap().to_string();
                shelf.insert(format!("{collection}/{}", bso["id"].as_str().unwrap()), (now, payload));
            }
            json(serde_json::json!({"modified": ServerTime::from_hundredths(now), "success": ids, "failed": {}}).to_string())
                .header("X-Last-Modified", time(now))
        }
        ("DELETE", ["storage"]) => {
            shelf.clear();
            json("{}").header("X-Last-Modified", time(now))
        }
        ("DELETE", ["storage", _]) => {
            let ids = query.split('&').find_map(|pair| pair.strip_prefix("ids="));
            let ids: Option<Vec<&str>> = ids.map(|ids| ids.split("%2C").flat_map(|ids| ids.split(',')).collect());
            shelf.retain(|key, _| match (key.strip_prefix(&target), &ids) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(id), Some(ids)) => !ids.contains(&id),
            });
            json("{}").header("X-Last-Modified", time(now))
        }
        (method, _) => panic!("the scripted server knows no {method} {path}"),
    }
}

fn sync_key() -> KeyBundle {
    KeyBundle::new([1; 32], [2; 32])
}

fn credentials(sync_key: &KeyBundle) -> Credentials {
    let json = serde_json::json!({
        "api_endpoint": ENDPOINT, "id": "id", "key": "key", "uid": 777, "hashalg": "sha256", "duration": 3600,
        "ksync_b64url": sync_key.to_b64url().as_str(),
    });
    Credentials::from_json(json.to_string().as_bytes()).unwrap()
}

fn notes() -> CollectionName {
    CollectionName::new("notes").unwrap()
}

fn device(shelf: &Shelf) -> Device {
    device_with(shelf, |_, _| None)
}

/// A device whose requests are looked at by `meddle` first: it may answer them itself, or change the server meanwhile.
fn device_with(
    shelf: &Shelf,
    mut meddle: impl FnMut(&Shelf, &Request) -> Option<Answer> + 'static,
) -> Device {
    // Scripts draw the same bytes: each device begins elsewhere.
    let others = Rc::strong_count(&shelf.clock);
    let server = shelf.clone();
    let script = Script::serving(move |request| {
        meddle(&server, request).unwrap_or_else(|| serve(&server, request))
    });
    (0..others).for_each(|_| script.fill(&mut [0; 64]).unwrap());
    Device {
        script,
        store: MemoryStore::default(),
    }
}

impl Device {
    fn sync_with(&self, sync_key: &KeyBundle) -> Report {
        let options = Options {
            engines: alloc::vec![Generic::new(notes()).unwrap()],
            situation: Situation::default(),
            client: OwnClient::default(),
            user_agent: None,
            progress: &|_| (),
        };
        block_on(sync(self, &credentials(sync_key), &mut None, &options))
    }

    fn sync(&self) -> Report {
        self.sync_with(&sync_key())
    }

    fn preview(&self) -> Preview {
        let options = Options {
            engines: alloc::vec![Generic::new(notes()).unwrap()],
            situation: Situation::default(),
            client: OwnClient::default(),
            user_agent: None,
            progress: &|_| (),
        };
        block_on(preview(
            self,
            &credentials(&sync_key()),
            &mut None,
            &options,
        ))
        .unwrap()
    }

    fn put(&self, id: &str, json: &str) {
        let records = Records::new(self, self, self, notes());
        block_on(records.put(Some(RecordId::new(id).unwrap()), json)).unwrap();
    }

    fn get(&self, id: &str) -> Option<String> {
        block_on(Records::new(self, self, self, notes()).get(&RecordId::new(id).unwrap())).unwrap()
    }

    /// The requests since the last time this was asked.
    fn requests(&self, before: usize) -> Vec<String> {
        let line = |request: &Request| {
            let path = request
                .url
                .strip_prefix(ENDPOINT)
                .unwrap_or(&request.url)
                .trim_start_matches('/');
            format!(
                "{} {}",
                request.method.as_str(),
                path.split('?').next().unwrap_or_default()
            )
        };
        self.script
            .requests()
            .iter()
            .skip(before)
            .map(line)
            .collect()
    }

    fn count(&self) -> usize {
        self.script.requests().len()
    }
}

/// Replaces the payload of a record on the server, as another client would.
fn write(shelf: &Shelf, key: &str, payload: &str) {
    let now = shelf.tick();
    shelf.borrow_mut().insert(key.into(), (now, payload.into()));
}

/// A payload under the keys that the account has.
fn sealed(shelf: &Shelf, device: &Device, cleartext: &str) -> String {
    let keys = shelf.borrow()["crypto/keys"].1.clone();
    let keys = CollectionKeys::open(&sync_key(), &keys).unwrap();
    payload::seal(keys.bundle("notes"), device, cleartext).unwrap()
}

#[test]
fn the_first_sync_sets_the_account_up_in_the_order_of_the_protocol() {
    let shelf = Shelf::default();
    let device = device(&shelf);
    device.put("a", r#"{"x":1}"#);
    let report = device.sync();
    assert_eq!(
        (report.ending.clone(), report.fresh_start),
        (Ending::Done, true),
        "{report:?}"
    );
    let expected = [
        "GET info/collections",
        "PUT storage/meta/global",
        "PUT storage/crypto/keys",
        "GET info/collections",
        "GET storage/crypto/keys",
        "GET info/collections",
        "GET info/configuration",
        "POST storage/clients",
        "POST storage/notes",
    ];
    assert_eq!(device.requests(0), expected);
    let meta = shelf.borrow()["meta/global"].1.clone();
    let Verdict::ResetAllAndAdopt(meta) = MetaGlobal::judge(Seen::Payload(&meta), None) else {
        panic!("{meta}")
    };
    for name in ["clients", "bookmarks", "extension-storage", "notes"] {
        assert!(meta.engine(name).is_some(), "{name} is listed");
    }
}

#[test]
fn a_sync_with_nothing_to_do_is_one_request() {
    let shelf = Shelf::default();
    let device = device(&shelf);
    device.put("a", "{}");
    device.sync();
    for _ in 0..3 {
        let before = device.count();
        let report = device.sync();
        assert!(report.is_success());
        assert_eq!(
            (device.requests(before).as_slice(), report.traffic.requests),
            (&["GET info/collections".to_string()][..], 1)
        );
    }
}

#[test]
fn two_devices_come_to_have_the_same() {
    let shelf = Shelf::default();
    let (a, b) = (device(&shelf), device(&shelf));
    a.put("one", r#"{"x":1,"y":1}"#);
    assert!(a.sync().is_success());
    assert!(b.sync().is_success());
    a.put("one", r#"{"x":2,"y":1}"#);
    b.put("one", r#"{"x":1,"y":2}"#);
    for device in [&a, &b, &a] {
        assert!(device.sync().is_success());
    }
    assert_eq!(a.get("one").as_deref(), Some(r#"{"id":"one","x":2,"y":2}"#));
    assert!(crate::reconcile::has_same_content(
        &a.get("one").unwrap(),
        &b.get("one").unwrap()
    ));
}

#[test]
fn a_wrong_sync_key_writes_nothing() {
    let shelf = Shelf::default();
    device(&shelf).sync();
    let before = shelf.borrow().clone();
    let stranger = device(&shelf);
    stranger.put("a", "{}");
    let report = stranger.sync_with(&KeyBundle::new([7; 32], [7; 32]));
    assert_eq!(report.ending, Ending::Stopped(Error::WrongKey));
    assert_eq!(*shelf.borrow(), before);
    assert!(
        stranger
            .requests(0)
            .iter()
            .all(|request| request.starts_with("GET"))
    );
}

#[test]
fn meta_global_that_stops_the_sync_is_left_alone() {
    let rows = [
        (
            "{nope",
            Error::Undecodable {
                record: "meta/global",
            },
        ),
        (
            r#"{"syncID":"x","storageVersion":6}"#,
            Error::UpgradeNeeded { server: 6 },
        ),
    ];
    for (payload, expected) in rows {
        let shelf = Shelf::default();
        let device = device(&shelf);
        device.sync();
        write(&shelf, "meta/global", payload);
        device.put("a", "{}");
        let before = shelf.borrow().clone();
        assert_eq!(device.sync().ending, Ending::Stopped(expected));
        assert_eq!(*shelf.borrow(), before);
    }
}

#[test]
fn another_clients_fresh_start_brings_everything_up_again() {
    let shelf = Shelf::default();
    let (a, b) = (device(&shelf), device(&shelf));
    a.put("one", r#"{"x":1}"#);
    a.sync();
    shelf.borrow_mut().clear();
    b.put("two", "{}");
    assert!(b.sync().fresh_start);
    let report = a.sync();
    assert!(report.is_success() && !report.fresh_start, "{report:?}");
    b.sync();
    for device in [&a, &b] {
        assert!(device.get("one").is_some() && device.get("two").is_some());
    }
}

#[test]
fn keys_that_were_changed_elsewhere_reset_and_never_wipe() {
    let shelf = Shelf::default();
    let device = device(&shelf);
    device.put("one", r#"{"x":1}"#);
    device.sync();
    let keys = CollectionKeys::make(&device).unwrap();
    write(
        &shelf,
        "crypto/keys",
        &keys.seal(&sync_key(), &device).unwrap(),
    );
    shelf.borrow_mut().remove("notes/one");
    assert!(device.sync().is_success());
    let payload = shelf.borrow()["notes/one"].1.clone();
    assert!(
        payload::open(keys.bundle("notes"), &payload, "one").is_ok(),
        "it is there again, under the new key"
    );
}

#[test]
fn a_collection_that_nobody_listed_is_taken_over_and_nothing_of_it_is_lost() {
    let shelf = Shelf::default();
    let device = device(&shelf);
    device.put("ours", "{}");
    device.sync();
    let mut meta: serde_json::Value =
        serde_json::from_str(&shelf.borrow()["meta/global"].1).unwrap();
    meta["engines"].as_object_mut().unwrap().remove("notes");
    write(&shelf, "meta/global", &meta.to_string());
    let theirs = sealed(&shelf, &device, r#"{"id":"theirs","z":1}"#);
    write(&shelf, "notes/theirs", &theirs);
    let before = device.count();
    assert!(device.sync().is_success());
    assert!(
        device
            .requests(before)
            .contains(&"DELETE storage/notes".to_string())
    );
    assert!(device.get("theirs").is_some());
    assert!(
        shelf.borrow().contains_key("notes/theirs") && shelf.borrow().contains_key("notes/ours")
    );
}

#[test]
fn a_collection_that_nobody_listed_is_not_wiped_when_it_cannot_be_read() {
    let shelf = Shelf::default();
    let device = device(&shelf);
    device.sync();
    let mut meta: serde_json::Value =
        serde_json::from_str(&shelf.borrow()["meta/global"].1).unwrap();
    meta["engines"].as_object_mut().unwrap().remove("notes");
    write(&shelf, "meta/global", &meta.to_string());
    write(&shelf, "notes/theirs", "no payload of ours");
    let before = shelf.borrow().clone();
    let report = device.sync();
    let failed = CollectionStatus::Failed(Error::Unlisted {
        collection: notes(),
        damaged: 1,
    });
    assert_eq!(report.collections[0].status, failed);
    assert_eq!(*shelf.borrow(), before);
}

#[test]
fn one_damaged_record_does_not_stop_the_others() {
    let shelf = Shelf::default();
    let (a, b) = (device(&shelf), device(&shelf));
    a.put("good", "{}");
    a.sync();
    write(&shelf, "notes/bad", "{oops");
    let report = b.sync();
    let collection = &report.collections[0];
    assert_eq!(
        (
            collection.status.clone(),
            collection.pulled.received,
            collection.pulled.failed_count
        ),
        (CollectionStatus::Partial, 1, 1)
    );
    assert!(b.get("good").is_some());
    // It is asked for once more, then left alone until it changes.
    assert_eq!(b.sync().collections[0].pulled.failed_count, 1);
    assert_eq!(b.sync().ending, Ending::NothingToDo);
}

#[test]
fn records_under_another_key_stop_the_collection_where_it_stood() {
    let shelf = Shelf::default();
    let device = device(&shelf);
    device.sync();
    for number in 0..12 {
        let id = format!("r{number}");
        let foreign = payload::seal(
            &KeyBundle::new([5; 32], [5; 32]),
            &device,
            &format!("{{\"id\":\"{id}\"}}"),
        )
        .unwrap();
        write(&shelf, &format!("notes/{id}"), &foreign);
    }
    for _ in 0..2 {
        let report = device.sync();
        assert_eq!(
            report.collections[0].status,
            CollectionStatus::Failed(Error::WrongCollectionKey)
        );
    }
}

#[test]
fn a_preview_writes_nothing_and_says_what_would_happen() {
    let shelf = Shelf::default();
    let (a, b) = (device(&shelf), device(&shelf));
    a.put("one", "{}");
    assert!(a.preview().fresh_start);
    assert_eq!(a.preview().collections[0].outgoing, 1);
    assert!(shelf.borrow().is_empty());
    a.sync();
    b.put("two", "{}");
    let before = shelf.borrow().clone();
    let preview = b.preview();
    assert_eq!(
        (
            preview.fresh_start,
            preview.collections[0].incoming,
            preview.collections[0].outgoing
        ),
        (false, 1, 1)
    );
    assert_eq!(*shelf.borrow(), before);
    assert!(
        b.requests(0)
            .iter()
            .all(|request| request.starts_with("GET"))
    );
}

/// Five records on the server, two a page.
fn paged() -> Shelf {
    let shelf = Shelf::default();
    let writer = device(&shelf);
    for id in ["a", "b", "c", "d", "e"] {
        writer.put(id, "{}");
        writer.sync();
    }
    shelf.page.set(2);
    shelf
}

/// Loses the connection at the first request for the second page.
fn cut_once() -> impl FnMut(&Shelf, &Request) -> Option<Answer> {
    let mut is_cut = false;
    move |_, request| {
        let cuts = !is_cut && request.url.contains("offset=");
        is_cut |= cuts;
        cuts.then(|| fails(FetchErrorKind::Offline))
    }
}

#[test]
fn a_download_that_is_cut_goes_on_from_the_last_page() {
    let shelf = paged();
    let reader = device_with(&shelf, cut_once());
    assert!(matches!(
        reader.sync().ending,
        Ending::Stopped(Error::Network { .. })
    ));
    assert!(reader.get("b").is_some() && reader.get("c").is_none());
    let report = reader.sync();
    assert_eq!(
        report.collections[0].pulled.received, 3,
        "only what was missing"
    );
    assert!(
        ["a", "b", "c", "d", "e"]
            .iter()
            .all(|id| reader.get(id).is_some())
    );
    assert_eq!(reader.sync().ending, Ending::NothingToDo);
}

#[test]
fn a_download_of_what_has_changed_meanwhile_begins_again() {
    let shelf = paged();
    let (reader, other) = (device_with(&shelf, cut_once()), device(&shelf));
    reader.sync();
    other.sync();
    other.put("a", r#"{"x":1}"#);
    other.sync();
    let report = reader.sync();
    assert!(report.is_success(), "{report:?}");
    assert_eq!(report.collections[0].pulled.received, 5);
    assert_eq!(reader.get("a").as_deref(), Some(r#"{"id":"a","x":1}"#));
    assert_eq!(reader.sync().ending, Ending::NothingToDo);
}

fn is_post_of_notes(request: &Request) -> bool {
    request.method == Method::Post && request.url.contains("storage/notes")
}

#[test]
fn an_upload_that_meets_another_devices_is_merged_and_sent_again() {
    let shelf = Shelf::default();
    let other = device(&shelf);
    other.put("r", r#"{"x":1,"y":1}"#);
    other.sync();
    let mut other = Some(other);
    let ours = device_with(&shelf, move |_, request| {
        if is_post_of_notes(request)
            && let Some(other) = other.take()
        {
            other.put("r", r#"{"x":1,"y":2}"#);
            assert!(other.sync().is_success());
        }
        None
    });
    ours.sync();
    ours.put("r", r#"{"x":2,"y":1}"#);
    let report = ours.sync();
    assert!(report.is_success(), "{report:?}");
    assert_eq!(
        (
            report.collections[0].pulled.applied.merged,
            report.collections[0].pushed.sent
        ),
        (1, 1)
    );
    assert!(crate::reconcile::has_same_content(
        &ours.get("r").unwrap(),
        r#"{"id":"r","x":2,"y":2}"#
    ));
}

#[test]
fn a_reply_that_is_lost_after_the_commit_does_no_harm() {
    let shelf = Shelf::default();
    let mut is_lost = false;
    let ours = device_with(&shelf, move |shelf, request| {
        (is_post_of_notes(request) && !core::mem::replace(&mut is_lost, true)).then(|| {
            serve(shelf, request);
            fails(FetchErrorKind::Cut)
        })
    });
    ours.put("r", "{}");
    assert!(matches!(
        ours.sync().ending,
        Ending::Stopped(Error::Network { .. })
    ));
    let report = ours.sync();
    assert_eq!(
        (
            report.collections[0].pulled.applied.total(),
            report.collections[0].pushed.sent
        ),
        (0, 0),
        "it is known again"
    );
    assert_eq!(ours.sync().ending, Ending::NothingToDo);
}

#[test]
fn a_server_that_asks_to_wait_is_left_alone_across_syncs() {
    let shelf = Shelf::default();
    let mut is_asked = false;
    let ours = device_with(&shelf, move |_, _| {
        (!core::mem::replace(&mut is_asked, true)).then(|| status(503).header("Retry-After", "60"))
    });
    assert!(matches!(
        ours.sync().ending,
        Ending::Stopped(Error::Wait { status: 503, .. })
    ));
    let until = ours.script.now().plus_seconds(60);
    assert_eq!(
        ours.sync().ending,
        Ending::Blocked(Obstacle::Wait { until })
    );
    ours.script.set_now(until);
    assert_eq!(ours.sync().ending, Ending::Done);
}

#[test]
fn what_a_cut_sync_saw_but_did_not_fetch_is_fetched_by_the_next() {
    for cut in [
        "storage/meta/global",
        "storage/crypto/keys",
        "storage/notes",
    ] {
        let shelf = Shelf::default();
        let writer = device(&shelf);
        let mut cuts = 0;
        let reader = device_with(&shelf, move |_, request| {
            cuts += u32::from(request.url.contains(cut));
            (request.url.contains(cut) && cuts == 1).then(|| fails(FetchErrorKind::Offline))
        });
        writer.put("a", "{}");
        writer.sync();
        assert!(
            matches!(reader.sync().ending, Ending::Stopped(Error::Network { .. })),
            "{cut}"
        );
        reader.sync();
        assert!(reader.get("a").is_some(), "{cut}");
        writer.put("b", "{}");
        writer.sync();
        reader.sync();
        assert!(reader.get("b").is_some(), "{cut}");
        assert_eq!(reader.sync().ending, Ending::NothingToDo, "{cut}");
    }
}

#[test]
fn a_collection_that_was_left_out_is_synced_when_it_is_asked_for_again() {
    let shelf = Shelf::default();
    let (writer, reader) = (device(&shelf), device(&shelf));
    writer.sync();
    reader.sync();
    writer.put("a", "{}");
    writer.sync();
    let nothing = Options {
        engines: Vec::new(),
        situation: Situation::default(),
        client: OwnClient::default(),
        user_agent: None,
        progress: &|_| (),
    };
    block_on(sync(
        &reader,
        &credentials(&sync_key()),
        &mut None,
        &nothing,
    ));
    reader.sync();
    assert!(reader.get("a").is_some());
}
