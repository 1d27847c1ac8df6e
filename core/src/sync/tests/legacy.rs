//! Whole syncs over dialect 1.1: the same steps, another server.

use pollster::block_on;

use super::*;
use crate::account::legacy::Account;
use crate::script::status;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const NODE: &str = "https://node.example";
const ASK: &str = "https://auth.example/user/1.0/johndoe/node/weave";
const KEY: &str = "gbh7teqqcgyzd65svjgibd7tqy";

fn account(password: &str, key: &str) -> Credentials {
    Account::new("https://auth.example", "johndoe", password, key)
        .unwrap()
        .into_credentials()
}

/// A server of dialect 1.1: the shelf on one node, and a server that returns the node.
#[derive(Clone)]
struct Service {
    shelf: Shelf,
    /// The response to a request for the node.
    node: Rc<RefCell<(u16, String)>>,
    /// The URL where the storage accepts the password.
    home: Rc<RefCell<String>>,
}

impl Service {
    fn new() -> Self {
        Self {
            shelf: Shelf::default(),
            node: Rc::new(RefCell::new((200, NODE.into()))),
            home: Rc::new(RefCell::new(NODE.into())),
        }
    }

    fn answer(&self, request: &Request) -> Answer {
        if request.url == ASK {
            assert_eq!(request.header("Authorization"), None);
            let (code, body) = self.node.borrow().clone();
            return status(code).body(body);
        }
        let root = format!("{}/1.1/johndoe", self.home.borrow());
        let is_let_in = request.header("Authorization") == Some("Basic am9obmRvZTpwYXNzd29yZA==");
        let Some(path) = request.url.strip_prefix(&root).filter(|_| is_let_in) else {
            return status(401);
        };
        for absent in ["batch", "offset", "info/configuration"] {
            assert!(!path.contains(absent), "{path}");
        }
        assert_eq!(request.header("X-If-Modified-Since"), None, "{path}");
        if request.method == Method::Get {
            assert_eq!(request.header("X-If-Unmodified-Since"), None, "{path}");
        }
        let mut inner = request.clone();
        inner.url = format!("{ENDPOINT}{path}");
        serve(&self.shelf, &inner).bare().genuine()
    }

    fn device(&self) -> Device {
        let this = self.clone();
        device_with(&self.shelf, move |_, request| Some(this.answer(request)))
    }
}

fn sync_as(device: &Device, credentials: &Credentials) -> Report {
    let options = Options {
        engines: &engines(),
        situation: Situation {
            is_asked_for: true,
            ..Situation::default()
        },
        client: OwnClient::default(),
        user_agent: None,
        progress: &|_| (),
    };
    block_on(sync(device, credentials, &mut None, &options))
}

fn sync_well(device: &Device) {
    let report = sync_as(device, &account("password", KEY));
    assert!(
        matches!(report.ending, Ending::Done | Ending::NothingToDo),
        "{report:?}"
    );
}

/// The requests since `before`, with whole URLs.
fn urls(device: &Device, before: usize) -> Vec<String> {
    let requests = device.script.requests();
    requests[before..]
        .iter()
        .map(|request| format!("{} {}", request.method.as_str(), request.url))
        .collect()
}

#[test]
fn a_fresh_start_is_verified_and_two_devices_agree() {
    let service = Service::new();
    let (a, b) = (service.device(), service.device());
    a.put("x", r#"{"n":1}"#);
    sync_well(&a);
    let requests = urls(&a, 0);
    assert_eq!(requests[0], format!("GET {ASK}"));
    let put = format!("PUT {NODE}/1.1/johndoe/storage/crypto/keys");
    let read = format!("GET {NODE}/1.1/johndoe/storage/crypto/keys");
    let place = |line: &String| requests.iter().position(|found| found == line).unwrap();
    assert!(place(&put) < place(&read), "what was written is read back");
    sync_well(&b);
    b.put("y", r#"{"n":2}"#);
    a.put("x", r#"{"n":3}"#);
    sync_well(&b);
    sync_well(&a);
    sync_well(&b);
    for device in [&a, &b] {
        assert!(device.get("x").unwrap().contains('3'));
        assert!(device.get("y").unwrap().contains('2'));
    }
}

#[test]
fn a_sync_with_nothing_to_do_is_one_request() {
    let service = Service::new();
    let a = service.device();
    a.put("x", "{}");
    sync_well(&a);
    // The second sync reads the times of the records that the first one wrote.
    let before = a.count();
    sync_well(&a);
    assert_eq!(urls(&a, before).len(), 1);
    let before = a.count();
    let report = sync_as(&a, &account("password", KEY));
    assert!(matches!(report.ending, Ending::NothingToDo), "{report:?}");
    let only = format!("GET {NODE}/1.1/johndoe/info/collections");
    assert_eq!(urls(&a, before), [only]);
}

#[test]
fn a_node_that_moved_is_asked_for_after_a_401_and_nothing_is_lost() {
    let service = Service::new();
    let a = service.device();
    a.put("x", "{}");
    sync_well(&a);
    *service.home.borrow_mut() = "https://other.example".into();
    *service.node.borrow_mut() = (200, "https://other.example/".into());
    service.shelf.borrow_mut().clear();
    let before = a.count();
    sync_well(&a);
    let requests = urls(&a, before);
    assert_eq!(requests[1], format!("GET {ASK}"), "{requests:?}");
    assert!(requests[2].starts_with("GET https://other.example/1.1/johndoe/"));
    assert!(a.get("x").is_some());
    assert!(
        service.shelf.borrow().contains_key("notes/x"),
        "it was sent again"
    );
    let before = a.count();
    sync_well(&a);
    assert_eq!(urls(&a, before).len(), 1, "the new node is kept");
}

#[test]
fn a_wrong_password_is_said_after_the_node_was_asked_for_once_more() {
    let service = Service::new();
    let a = service.device();
    a.put("x", "{}");
    let report = sync_as(&a, &account("mistyped", KEY));
    assert!(
        matches!(report.ending, Ending::Stopped(Error::SignedOut { .. })),
        "{report:?}"
    );
    let info = format!("GET {NODE}/1.1/johndoe/info/collections");
    let ask = format!("GET {ASK}");
    assert_eq!(urls(&a, 0), [ask.clone(), info, ask]);
    assert!(service.shelf.borrow().is_empty());
    sync_well(&a);
}

#[test]
fn a_wrong_sync_key_writes_nothing() {
    let service = Service::new();
    let (a, b) = (service.device(), service.device());
    a.put("x", "{}");
    sync_well(&a);
    let rows = service.shelf.borrow().clone();
    b.put("y", "{}");
    let other = account("password", &KEY.replace('g', "h"));
    let report = sync_as(&b, &other);
    assert!(
        matches!(report.ending, Ending::Stopped(Error::WrongKey)),
        "{report:?}"
    );
    assert_eq!(*service.shelf.borrow(), rows);
    sync_well(&b);
    assert!(service.shelf.borrow().contains_key("notes/y"));
}

#[test]
fn without_a_node_the_sync_waits_ten_minutes() {
    let service = Service::new();
    *service.node.borrow_mut() = (200, "null".into());
    let a = service.device();
    let report = sync_as(&a, &account("password", KEY));
    let until = Some(a.now().plus_seconds(600));
    assert!(
        matches!(&report.ending, Ending::Stopped(Error::Wait { until: found, .. }) if *found == until),
        "{report:?}"
    );
    assert_eq!(report.backoff.until(), until);
    assert_eq!(a.count(), 1);
    *service.node.borrow_mut() = (404, String::new());
    *service.home.borrow_mut() = "https://auth.example".into();
    sync_well(&a);
}

#[test]
fn no_password_goes_to_the_node_of_another_server() {
    let service = Service::new();
    let a = service.device();
    sync_well(&a);
    let elsewhere = Account::new("https://elsewhere.example", "johndoe", "secret", KEY);
    let before = a.count();
    let report = sync_as(&a, &elsewhere.unwrap().into_credentials());
    assert!(matches!(report.ending, Ending::Stopped(_)), "{report:?}");
    let asked = urls(&a, before);
    assert!(asked[0].starts_with("GET https://elsewhere.example/user/1.0/"));
    assert!(asked.iter().all(|line| !line.contains(NODE)), "{asked:?}");
}
