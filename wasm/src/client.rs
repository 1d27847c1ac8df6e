//! A client: one account, its store, and its syncs.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::Future;
use std::rc::Rc;

use js_sys::{Array, Function, Promise};
use selvedge_core::account::{Credentials, JoinCode};
use selvedge_core::engine::Generic;
use selvedge_core::host::Store;
use selvedge_core::ids::CollectionName;
use selvedge_core::life::{self, KeptToken, Options, OwnClient, Report, Situation};
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use zeroize::Zeroizing;

use crate::collection::Collection;
use crate::host::JsHost;
use crate::types::{OpenOptions, SyncOptions, member};
use crate::{Error, json};

/// Opens a client on an account. Its records live in memory until it is freed.
///
/// Rejects with "input" when the account is no join code and no credentials, or when there is no fetch.
#[wasm_bindgen(unchecked_return_type = "Promise<Client>")]
pub fn open(options: OpenOptions) -> Promise {
    promise(async move {
        let credentials = credentials(&member(&options, "account"))?;
        let host = JsHost::new(fetch_function(&options)?);
        let inner = Inner {
            host: Rc::new(host),
            credentials,
            token: RefCell::default(),
            is_syncing: Cell::default(),
            followed: RefCell::default(),
        };
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
    credentials: Credentials,
    /// The storage token of the last sync.
    token: RefCell<Option<KeptToken>>,
    is_syncing: Cell<bool>,
    /// The collections that the program has asked for.
    followed: RefCell<BTreeSet<CollectionName>>,
}

#[wasm_bindgen]
impl Client {
    /// A collection by its name; from now on it is synced by default.
    ///
    /// Throws "input" when the name is not of the protocol's form, or belongs to the sync itself.
    pub fn collection(&self, name: String) -> Result<Collection, Error> {
        let name = collection_name(name)?;
        self.0.followed.borrow_mut().insert(name.clone());
        Ok(Collection::new(Rc::clone(&self.0.host), name))
    }

    /// Syncs once. Whatever happens on the way to the server is told by the report, not thrown: look at its `ending`.
    ///
    /// Rejects with "input" when a collection's name is not usable, and with "store" when the store is not.
    #[wasm_bindgen(unchecked_return_type = "Promise<SyncReport>")]
    pub fn sync(&self, options: Option<SyncOptions>) -> Promise {
        let this = Rc::clone(&self.0);
        promise(async move {
            let asked = options.map_or(JsValue::UNDEFINED, |options| {
                member(&options, "collections")
            });
            let names = this.chosen(&asked).await?;
            let report = this.sync(names).await?;
            let told = report.serialize(&Serializer::json_compatible());
            told.map_err(|error| Error::Input {
                message: "the report holds a number too large",
                cause: Some(error.into()),
            })
        })
    }
}

impl Inner {
    /// The collections to sync: those asked for, or all that are followed or held.
    async fn chosen(&self, asked: &JsValue) -> Result<Vec<CollectionName>, Error> {
        if asked.is_undefined() || asked.is_null() {
            let held = self.host.collections().await?;
            let held = held
                .into_iter()
                .filter(|name| Generic::new(name.clone()).is_ok());
            let all: BTreeSet<CollectionName> =
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

    async fn sync(&self, names: Vec<CollectionName>) -> Result<Report, Error> {
        let engines = names
            .into_iter()
            .map(Generic::new)
            .collect::<Result<_, _>>()?;
        let is_running = self.is_syncing.replace(true);
        let situation = Situation {
            is_running,
            is_asked_for: true,
            ..Situation::default()
        };
        // Programs in a browser may not say who they are.
        let options = Options {
            engines,
            situation,
            client: OwnClient {
                fxa_device_id: self.credentials.device_id.clone(),
                ..OwnClient::default()
            },
            user_agent: None,
            progress: &|_| {},
        };
        if is_running {
            return Ok(life::sync(&*self.host, &self.credentials, &mut None, &options).await);
        }
        let running = Running(&self.is_syncing);
        let mut token = self.token.take();
        let report = life::sync(&*self.host, &self.credentials, &mut token, &options).await;
        self.token.replace(token);
        drop(running);
        Ok(report)
    }
}

/// A sync that is under way, also when it is dropped on its way.
struct Running<'a>(&'a Cell<bool>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
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

fn fetch_function(options: &JsValue) -> Result<Function, Error> {
    let given = member(options, "fetch");
    let is_given = !given.is_undefined() && !given.is_null();
    let fetch = if is_given {
        given
    } else {
        member(&js_sys::global(), "fetch")
    };
    fetch
        .dyn_into()
        .map_err(|_| Error::input("this host has no fetch: give a function as the option fetch"))
}

/// A promise of what a future brings, with this crate's errors.
pub(crate) fn promise(future: impl Future<Output = Result<JsValue, Error>> + 'static) -> Promise {
    js_sys::futures::future_to_promise(async move { future.await.map_err(JsValue::from) })
}
