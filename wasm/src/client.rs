//! A client: one account, its store, and its syncs.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use js_sys::{Array, Function, Object, Promise, Reflect};
use selvedge_core::account::{Credentials, JoinCode};
use selvedge_core::engines::{Engine, Generic};
use selvedge_core::error::Error as CoreError;
use selvedge_core::host::{Clock as _, Store};
use selvedge_core::ids::CollectionName;
use selvedge_core::journal::{self, Entry};
use selvedge_core::json as core_json;
use selvedge_core::schedule::Ended;
use selvedge_core::server::Backoff;
use selvedge_core::sync::{self, Ending, KeptToken, Options, OwnClient, Report, Situation, Stage};
use selvedge_core::time::LocalTime;
use serde::Serialize;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use zeroize::Zeroizing;

use crate::collection::{Collection, record_id};
use crate::host::{Call, JsHost, Syncing};
use crate::pause::pause;
use crate::progress;
use crate::status::PlainStatus;
use crate::types::{OpenOptions, SyncOptions, member};
use crate::{Error, json, token};
use selvedge_core::sorted::Set;

/// Opens a client for an account.
///
/// Rejects with "input" if the account is neither a join code nor credentials, or if there is no fetch or no store, and with
/// "other-account" if the store has another account's records: pass another store, or set `adopt`.
#[wasm_bindgen(skip_typescript)]
pub fn open(options: OpenOptions) -> Promise {
    promise(async move {
        let credentials = credentials(&member(&options, "account"))?;
        let store = member(&options, "store");
        if !store.is_object() {
            return Err(Error::input(
                "open needs a store: an object with the methods of the interface Store",
            ));
        }
        let send = member(&options, "send")
            .dyn_into()
            .map_err(|_| Error::input("only the package's script calls this function"))?;
        let channel = member(&options, "channel");
        let inner = Inner {
            host: JsHost::new(send, store.unchecked_into(), channel),
            store: member(&options, "store"),
            lock: member(&options, "lock").dyn_into().ok(),
            device: member(&options, "deviceName").as_string(),
            credentials,
            token: RefCell::default(),
            is_syncing: Cell::default(),
            opened: RefCell::default(),
            ended: Cell::default(),
            closing: RefCell::default(),
        };
        let (host, account) = (&*inner.host, &inner.credentials);
        let bound = if member(&options, "adopt").is_truthy() {
            sync::adopt_records(host, account).await
        } else {
            sync::bind(host, account).await
        };
        if let Err(other @ CoreError::OtherAccount) = bound {
            return Err(other.into());
        }
        // Other errors of the store are ignored here: the next call that uses the store reports them.
        Ok(Client(Rc::new(inner)).into())
    })
}

/// One account on this device.
#[wasm_bindgen]
#[derive(Debug, Clone)]
pub struct Client(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    host: Rc<JsHost>,
    store: JsValue,
    /// Prevents other windows and workers from syncing the same store at the same time.
    lock: Option<Function>,
    /// The name of this device that the account's other devices show.
    device: Option<String>,
    credentials: Credentials,
    /// The storage token of the last sync.
    token: RefCell<Option<KeptToken>>,
    is_syncing: Cell<bool>,
    /// The collections that the program has opened.
    opened: RefCell<Set<CollectionName>>,
    /// How the last sync ended, for the schedule.
    ended: Cell<Option<(Ended, Backoff)>>,
    /// Settles when the client and its store are closed.
    closing: RefCell<Option<Promise>>,
}

#[wasm_bindgen]
impl Client {
    /// A collection by its name; from now on it is synced by default.
    ///
    /// Throws "input" if the name is invalid or reserved for the protocol, and "closed".
    #[wasm_bindgen(skip_typescript)]
    pub fn collection(&self, name: String) -> Result<Collection, Error> {
        self.0.host.opened()?;
        let name = collection_name(name)?;
        self.0.opened.borrow_mut().insert(name.clone());
        Ok(Collection::new(Rc::clone(&self.0.host), name))
    }

    /// Syncs once. Errors of the network and the server are in the report, not thrown: check its `ending`.
    ///
    /// Rejects with "input" if the name of a collection is invalid, with "store" if the store fails, and with
    /// "closed".
    #[wasm_bindgen(unchecked_return_type = "Promise<SyncReport>")]
    pub fn sync(&self, options: Option<SyncOptions>) -> Promise {
        let this = Rc::clone(&self.0);
        promise_on(Rc::clone(&self.0.host), async move {
            let option = |name| {
                let options = options.as_ref();
                options.map_or(JsValue::UNDEFINED, |options| member(options, name))
            };
            let names = this.chosen(&option("collections")).await?;
            let asked_for = option("isAskedFor");
            let request = SyncRequest {
                names,
                is_asked_for: asked_for.is_undefined() || asked_for.is_truthy(),
                signal: option("signal"),
                progress: option("onProgress").dyn_into().ok(),
            };
            let report = this.sync(request).await?;
            this.ended.set(Some((sync::ended(&report), report.backoff)));
            plain(&report)
        })
    }

    /// What this device knows about its syncs, without a request to the server.
    ///
    /// Rejects with "store" if the store cannot be read, and with "closed".
    #[wasm_bindgen(unchecked_return_type = "Promise<ClientStatus>")]
    pub fn status(&self) -> Promise {
        let this = Rc::clone(&self.0);
        promise_on(Rc::clone(&self.0.host), async move {
            let status = sync::status(&*this.host).await?;
            plain(&PlainStatus::of(&status, this.credentials.server()))
        })
    }

    /// The values that syncs replaced, of one collection or of all, newest first. They are kept for 30 days.
    ///
    /// Rejects with "input" if the name is invalid, with "store" if the store cannot be read, and with "closed".
    #[wasm_bindgen(unchecked_return_type = "Promise<Conflict[]>")]
    pub fn conflicts(&self, collection: Option<String>) -> Promise {
        let this = Rc::clone(&self.0);
        promise_on(Rc::clone(&self.0.host), async move {
            let name = collection.map(collection_name).transpose()?;
            let list = journal::list(&*this.host, name.as_ref(), this.host.now()).await?;
            let rows = Array::new();
            for entry in &list {
                rows.push(&conflict(entry)?);
            }
            Ok(rows.into())
        })
    }

    /// Restores the newest value of a record that a sync replaced, or the newest that was replaced at or before a time in
    /// milliseconds. The next sync uploads it; the value that it replaces can be restored too.
    ///
    /// Rejects with "input" if there is no such value, with "store", and with "closed".
    #[wasm_bindgen(unchecked_return_type = "Promise<Conflict>")]
    pub fn restore(&self, collection: String, id: String, at: Option<f64>) -> Promise {
        let this = Rc::clone(&self.0);
        promise_on(Rc::clone(&self.0.host), async move {
            let host = &*this.host;
            let engine = Generic::new(collection_name(collection)?)?;
            let at = at.map(|millis| LocalTime::from_millis(millis as u64));
            let restored =
                selvedge_core::engines::restore(host, host, host, &engine, &record_id(id)?, at)
                    .await?;
            conflict(&restored)
        })
    }

    /// Closes the client and its store: new calls reject with "closed", and a running sync stops at its next safe point.
    /// Resolves when all running calls have ended and the store is closed. Closing twice is the same as closing once. Do not
    /// await it in the client's own fetch or store: it waits for them.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn close(&self) -> Promise {
        if let Some(closing) = self.0.closing.borrow().as_ref() {
            return closing.clone();
        }
        let this = Rc::clone(&self.0);
        let closing = promise(async move {
            this.closed().await;
            Ok(JsValue::UNDEFINED)
        });
        self.0.closing.replace(Some(closing.clone()));
        self.0.host.close();
        closing
    }
}

impl Client {
    /// How the last sync ended.
    pub(crate) fn ended(&self) -> Option<(Ended, Backoff)> {
        self.0.ended.get()
    }
}

/// An entry of the journal as a plain object, a `Conflict`.
fn conflict(entry: &Entry) -> Result<JsValue, Error> {
    let object = Object::new();
    // Setting a property of a fresh object cannot fail.
    let set = |name: &str, value: JsValue| drop(Reflect::set(&object, &name.into(), &value));
    set("collection", entry.collection.as_str().into());
    set("id", entry.id.as_str().into());
    // Exact until the year 287396.
    set("at", (entry.at.millis() as f64).into());
    set("cause", entry.cause.word().into());
    set("side", entry.side_word().into());
    set("record", json::from_text(&entry.cleartext)?);
    Ok(object.into())
}

/// The options of one sync.
struct SyncRequest {
    names: Vec<CollectionName>,
    is_asked_for: bool,
    signal: JsValue,
    progress: Option<Function>,
}

impl Inner {
    /// Waits until all running calls have ended, and closes the store.
    async fn closed(&self) {
        self.host.closed().await;
        if let Ok(close) = member(&self.store, "close").dyn_into::<Function>() {
            // An error of the store is ignored: the client is closed in any case.
            if let Ok(answer) = close.call0(&self.store) {
                let _ = Promise::resolve(&answer).await;
            }
        }
    }

    /// The collections to sync: the requested ones, or all that are open or stored.
    async fn chosen(&self, requested: &JsValue) -> Result<Vec<CollectionName>, Error> {
        if requested.is_undefined() || requested.is_null() {
            let stored = self.host.collections().await?;
            let stored = stored
                .into_iter()
                .filter(|name| Generic::new(name.clone()).is_ok());
            let opened = self.opened.borrow();
            let all: Set<CollectionName> = opened.iter().cloned().chain(stored).collect();
            return Ok(all.into_iter().collect());
        }
        let requested = requested
            .dyn_ref::<Array>()
            .ok_or(Error::input("collections must be an array of names"))?;
        let name = |name: JsValue| {
            name.as_string()
                .ok_or(Error::input("a collection's name must be a text"))
        };
        requested
            .iter()
            .map(|value| collection_name(name(value)?))
            .collect()
    }

    async fn sync(&self, request: SyncRequest) -> Result<Report, Error> {
        let engines = request
            .names
            .into_iter()
            .map(|name| Ok(Box::new(Generic::new(name)?) as Box<dyn Engine>))
            .collect::<Result<Vec<_>, Error>>()?;
        let running = Running::begin(self).await?;
        let situation = Situation {
            is_running: running.is_none(),
            is_asked_for: request.is_asked_for,
            ..Situation::default()
        };
        let progress = |stage: Stage<'_>| {
            if let Some(listener) = &request.progress {
                // An error that the listener throws does not affect the sync.
                let _ = listener.call1(&JsValue::UNDEFINED, &progress::plain(stage));
            }
        };
        // A browser does not let programs set the header User-Agent.
        let options = Options {
            engines: &engines,
            situation,
            client: self.own_client(),
            user_agent: None,
            progress: &progress,
        };
        let host = Syncing::new(&self.host, request.signal);
        if running.is_none() {
            return Ok(sync::sync(&host, &self.credentials, &mut None, &options).await);
        }
        let was = self.kept_token().await;
        let mut token = was.clone();
        let mut report = sync::sync(&host, &self.credentials, &mut token, &options).await;
        if report.looks_again() {
            // Another device may be setting up the account now.
            pause(sync::SECOND_LOOK_SECONDS).await;
            report = sync::sync(&host, &self.credentials, &mut token, &options).await;
        }
        if matches!(report.ending, Ending::LoggedOut) {
            token = None;
        }
        if token != was {
            let sealed = token
                .as_ref()
                .and_then(|token| token::seal(&self.credentials, token));
            // If the token cannot be stored, the next program requests another one.
            let _ = self.host.keep_token(sealed).await;
        }
        self.token.replace(token);
        drop(running);
        Ok(report)
    }

    /// The storage token of the last sync, by this program or an earlier one.
    async fn kept_token(&self) -> Option<KeptToken> {
        let known = self.token.take();
        if known.is_some() {
            return known;
        }
        let sealed = self.host.sealed_token().await.ok().flatten()?;
        token::open(&self.credentials, &sealed, self.host.now())
    }

    fn own_client(&self) -> OwnClient {
        let client = OwnClient {
            fxa_device_id: self.credentials.device_id.clone(),
            ..OwnClient::default()
        };
        match &self.device {
            Some(name) => OwnClient {
                name: name.clone(),
                ..client
            },
            None => client,
        }
    }
}

/// A running sync; dropping it releases the lock.
struct Running<'a> {
    is_syncing: &'a Cell<bool>,
    release: Option<Function>,
}

impl<'a> Running<'a> {
    /// `None` if another sync of this client, or of this store in another window or worker, is running.
    async fn begin(inner: &'a Inner) -> Result<Option<Self>, Error> {
        if inner.is_syncing.replace(true) {
            return Ok(None);
        }
        let mut running = Self {
            is_syncing: &inner.is_syncing,
            release: None,
        };
        let Some(lock) = &inner.lock else {
            return Ok(Some(running));
        };
        let failed = |cause| Error::Input {
            message: "the option lock failed: see the error's cause",
            cause: Some(cause),
        };
        let called = lock.call0(&JsValue::UNDEFINED).map_err(failed)?;
        let answer = Promise::resolve(&called).await.map_err(failed)?;
        running.release = answer.dyn_into().ok();
        Ok(running.release.is_some().then_some(running))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.is_syncing.set(false);
        if let Some(release) = &self.release {
            // If this fails, the lock is released when the window closes.
            let _ = release.call0(&JsValue::UNDEFINED);
        }
    }
}

/// Converts a value to a plain JavaScript object.
fn plain(value: &impl Serialize) -> Result<JsValue, Error> {
    // It consists of texts, integers and lists, which JSON can represent.
    let text = core_json::to_string(value).unwrap_or_default();
    json::from_text(&text)
}

fn collection_name(name: String) -> Result<CollectionName, Error> {
    let name = CollectionName::new(name).map_err(|_| {
        Error::input("a collection name is 1 to 32 characters of A-Z, a-z, 0-9, '.', '-' and '_'")
    })?;
    // Refuses the names that are reserved for the protocol.
    Generic::new(name.clone())?;
    Ok(name)
}

pub(crate) fn credentials(account: &JsValue) -> Result<Credentials, Error> {
    let text = match account.as_string() {
        Some(text) => Zeroizing::new(text),
        None if account.is_object() => Zeroizing::new(json::to_text(account)?),
        None => {
            return Err(Error::input(
                "open needs an account: a join code, or credentials",
            ));
        }
    };
    let text = text.trim();
    if text.starts_with('{') {
        Ok(Credentials::from_json(text.as_bytes())?)
    } else {
        Ok(text.parse::<JoinCode>()?.into_credentials())
    }
}

/// Converts a future to a promise, which rejects if the client is closed. If the store failed, the error's cause is what the
/// store threw.
pub(crate) fn promise_on(
    host: Rc<JsHost>,
    future: impl Future<Output = Result<JsValue, Error>> + 'static,
) -> Promise {
    match Call::begin(&host) {
        Ok(call) => promise_of(Box::pin(future), Some(call)),
        Err(closed) => Promise::reject(&closed.into()),
    }
}

/// Converts a future to a promise, with this crate's errors.
pub(crate) fn promise(future: impl Future<Output = Result<JsValue, Error>> + 'static) -> Promise {
    promise_of(Box::pin(future), None)
}

/// One type of future for all calls: the executor code is large and would be compiled for each type.
fn promise_of(
    future: Pin<Box<dyn Future<Output = Result<JsValue, Error>>>>,
    call: Option<Call>,
) -> Promise {
    js_sys::futures::future_to_promise(async move {
        let answer = future.await;
        let thrown = call.and_then(|call| call.thrown());
        answer.map_err(|error| {
            let error = JsValue::from(error);
            if let Some(thrown) = thrown {
                // Setting a property of a fresh error cannot fail.
                let _ = Reflect::set(&error, &"cause".into(), &thrown);
            }
            error
        })
    })
}
