//! A client: one account, its store, and its syncs.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use js_sys::{Array, Function, Object, Promise, Reflect};
use selvedge_core::account::{Credentials, JoinCode};
use selvedge_core::engine::Generic;
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

/// Opens a client on an account.
///
/// Rejects with "input" when the account is no join code and no credentials, or when there is no fetch or no store, and with
/// "other-account" when the store has another account's records: give it a store of its own, or set `adopt`.
#[wasm_bindgen(skip_typescript)]
pub fn open(options: OpenOptions) -> Promise {
    promise(async move {
        let credentials = credentials(&member(&options, "account"))?;
        let store = member(&options, "store");
        if !store.is_object() {
            return Err(Error::input(
                "open needs a store: an object with its methods",
            ));
        }
        let send = member(&options, "send")
            .dyn_into()
            .map_err(|_| Error::input("open is called by the package's script alone"))?;
        let windows = member(&options, "windows");
        let inner = Inner {
            host: JsHost::new(send, store.unchecked_into(), windows),
            store: member(&options, "store"),
            lock: member(&options, "lock").dyn_into().ok(),
            device: member(&options, "deviceName").as_string(),
            credentials,
            token: RefCell::default(),
            is_syncing: Cell::default(),
            followed: RefCell::default(),
            ended: Cell::default(),
            closing: RefCell::default(),
        };
        let (host, account) = (&*inner.host, &inner.credentials);
        let owned = match member(&options, "adopt").is_truthy() {
            true => sync::adopt_records(host, account).await,
            false => sync::bind(host, account).await,
        };
        if let Err(other @ CoreError::OtherAccount) = owned {
            return Err(other.into());
        }
        // A store that cannot be read or written now says so to whoever uses it.
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
    /// Keeps other windows and workers from syncing the same store at once.
    lock: Option<Function>,
    /// What the account's other devices are told of this one.
    device: Option<String>,
    credentials: Credentials,
    /// The storage token of the last sync.
    token: RefCell<Option<KeptToken>>,
    is_syncing: Cell<bool>,
    /// The collections that the program has asked for.
    followed: RefCell<Set<CollectionName>>,
    /// How the last sync ended, for the schedule.
    ended: Cell<Option<(Ended, Backoff)>>,
    /// Settles when all of it is closed.
    closing: RefCell<Option<Promise>>,
}

#[wasm_bindgen]
impl Client {
    /// A collection by its name; from now on it is synced by default.
    ///
    /// Throws "input" when the name is not of the protocol's form, or belongs to the sync itself, and "closed".
    #[wasm_bindgen(skip_typescript)]
    pub fn collection(&self, name: String) -> Result<Collection, Error> {
        self.0.host.opened()?;
        let name = collection_name(name)?;
        self.0.followed.borrow_mut().insert(name.clone());
        Ok(Collection::new(Rc::clone(&self.0.host), name))
    }

    /// Syncs once. Whatever happens on the way to the server is told by the report, not thrown: look at its `ending`.
    ///
    /// Rejects with "input" when a collection's name is not usable, with "store" when the store is not, and with
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
            let wanted = Wanted {
                names,
                is_asked_for: asked_for.is_undefined() || asked_for.is_truthy(),
                signal: option("signal"),
                progress: option("onProgress").dyn_into().ok(),
            };
            let report = this.sync(wanted).await?;
            this.ended.set(Some((sync::ended(&report), report.backoff)));
            plain(&report)
        })
    }

    /// What this device knows of its syncing, without asking the server.
    ///
    /// Rejects with "store" when the store cannot be read, and with "closed".
    #[wasm_bindgen(unchecked_return_type = "Promise<ClientStatus>")]
    pub fn status(&self) -> Promise {
        let this = Rc::clone(&self.0);
        promise_on(Rc::clone(&self.0.host), async move {
            let status = sync::status(&*this.host).await?;
            plain(&PlainStatus::of(&status, this.credentials.server()))
        })
    }

    /// The values that syncs replaced, of one collection or of all, the newest first. They are kept for 30 days.
    ///
    /// Rejects with "input" for a name that is none, with "store" when the store cannot be read, and with "closed".
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
    /// milliseconds. The next sync sends it; what it replaces can be restored in turn.
    ///
    /// Rejects with "input" when there is no such value, with "store", and with "closed".
    #[wasm_bindgen(unchecked_return_type = "Promise<Conflict>")]
    pub fn restore(&self, collection: String, id: String, at: Option<f64>) -> Promise {
        let this = Rc::clone(&self.0);
        promise_on(Rc::clone(&self.0.host), async move {
            let (host, name) = (&*this.host, collection_name(collection)?);
            let at = at.map(|millis| LocalTime::from_millis(millis as u64));
            let restored =
                selvedge_core::engine::restore(host, host, host, &name, &record_id(id)?, at)
                    .await?;
            conflict(&restored)
        })
    }

    /// Closes the client and its store: from now on nothing more begins, and every call rejects with "closed". A sync that
    /// runs stops at its next safe point. Resolves when that and all else that had begun is at its end and the store is
    /// closed; closing twice is closing once. Do not wait for it inside of the client's own fetch or store, which it waits for.
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

/// A value of the journal as a plain object.
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

/// What a program wants of a sync.
struct Wanted {
    names: Vec<CollectionName>,
    is_asked_for: bool,
    signal: JsValue,
    progress: Option<Function>,
}

impl Inner {
    /// Waits for the end of what had begun, and closes the store.
    async fn closed(&self) {
        self.host.closed().await;
        if let Ok(close) = member(&self.store, "close").dyn_into::<Function>() {
            // Whatever it says: the client is closed.
            if let Ok(answer) = close.call0(&self.store) {
                let _ = Promise::resolve(&answer).await;
            }
        }
    }

    /// The collections to sync: those asked for, or all that are followed or held.
    async fn chosen(&self, asked: &JsValue) -> Result<Vec<CollectionName>, Error> {
        if asked.is_undefined() || asked.is_null() {
            let held = self.host.collections().await?;
            let held = held
                .into_iter()
                .filter(|name| Generic::new(name.clone()).is_ok());
            let all: Set<CollectionName> =
                self.followed.borrow().iter().cloned().chain(held).collect();
            return Ok(all.into_iter().collect());
        }
        let asked = asked
            .dyn_ref::<Array>()
            .ok_or(Error::input("collections must be an array of names"))?;
        let name = |name: JsValue| {
            name.as_string()
                .ok_or(Error::input("a collection's name must be a text"))
        };
        asked
            .iter()
            .map(|value| collection_name(name(value)?))
            .collect()
    }

    async fn sync(&self, wanted: Wanted) -> Result<Report, Error> {
        let engines = wanted
            .names
            .into_iter()
            .map(Generic::new)
            .collect::<Result<_, _>>()?;
        let running = Running::begin(self).await?;
        let situation = Situation {
            is_running: running.is_none(),
            is_asked_for: wanted.is_asked_for,
            ..Situation::default()
        };
        let progress = |stage: Stage<'_>| {
            if let Some(listener) = &wanted.progress {
                // What it throws is not the sync's affair.
                let _ = listener.call1(&JsValue::UNDEFINED, &progress::plain(stage));
            }
        };
        // Programs in a browser may not say who they are.
        let options = Options {
            engines,
            situation,
            client: self.own_client(),
            user_agent: None,
            progress: &progress,
        };
        let host = Syncing::new(&self.host, wanted.signal);
        if running.is_none() {
            return Ok(sync::sync(&host, &self.credentials, &mut None, &options).await);
        }
        let was = self.kept_token().await;
        let mut token = was.clone();
        let mut report = sync::sync(&host, &self.credentials, &mut token, &options).await;
        if report.looks_again() {
            // Another device may be setting the account up at this moment.
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
            // Where it cannot be kept, the next program asks for another.
            let _ = self.host.keep_token(sealed).await;
        }
        self.token.replace(token);
        drop(running);
        Ok(report)
    }

    /// The storage token of the last sync, by whatever program.
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

/// A sync that is under way, also when it is dropped on its way.
struct Running<'a> {
    is_syncing: &'a Cell<bool>,
    release: Option<Function>,
}

impl<'a> Running<'a> {
    /// `None` when another sync of this client, or of this store in another window or worker, is under way.
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
        let cannot = |cause| Error::Input {
            message: "the lock did not work",
            cause: Some(cause),
        };
        let asked = lock.call0(&JsValue::UNDEFINED).map_err(cannot)?;
        let answer = Promise::resolve(&asked).await.map_err(cannot)?;
        running.release = answer.dyn_into().ok();
        Ok(running.release.is_some().then_some(running))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.is_syncing.set(false);
        if let Some(release) = &self.release {
            // A lock that is not given back is given back when its window closes.
            let _ = release.call0(&JsValue::UNDEFINED);
        }
    }
}

/// A plain object of what crosses as one.
fn plain(value: &impl Serialize) -> Result<JsValue, Error> {
    // Of texts, whole numbers and lists: all of it has JSON.
    let text = core_json::to_string(value).unwrap_or_default();
    json::from_text(&text)
}

fn collection_name(name: String) -> Result<CollectionName, Error> {
    let name = CollectionName::new(name).map_err(|_| {
        Error::input("a collection name is 1 to 32 characters of A-Z, a-z, 0-9, '.', '-' and '_'")
    })?;
    // Refuses the names that belong to the sync itself.
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

/// A promise of what a future brings, unless the client is closed; where the store failed, what it threw is the error's
/// cause.
pub(crate) fn promise_on(
    host: Rc<JsHost>,
    future: impl Future<Output = Result<JsValue, Error>> + 'static,
) -> Promise {
    match Call::begin(&host) {
        Ok(call) => promise_of(Box::pin(future), Some(call)),
        Err(closed) => Promise::reject(&closed.into()),
    }
}

/// A promise of what a future brings, with this crate's errors.
pub(crate) fn promise(future: impl Future<Output = Result<JsValue, Error>> + 'static) -> Promise {
    promise_of(Box::pin(future), None)
}

/// One type of future for all of them, for what drives it is large and would be compiled for each.
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
