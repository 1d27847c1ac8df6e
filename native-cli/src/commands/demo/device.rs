//! A device of the demo: its own store, the account, and the connection to the server.

use std::cell::RefCell;
use std::path::Path;

use selvedge_core::account::Credentials;
use selvedge_core::engines::{Generic, Records};
use selvedge_core::ids::CollectionName;
use selvedge_core::sync::{self, Ending, KeptToken, Options, OwnClient, Report, Situation};

use super::{NOTES, Synced};
use crate::progress::Progress;
use selvedge_host::USER_AGENT;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::{NativeFetch, NativeHost, SqliteStore, SystemClock, SystemRandom};

pub(super) struct DemoDevice {
    pub(super) name: &'static str,
    pub(super) host: NativeHost<SqliteStore>,
    pub(super) collection: CollectionName,
    credentials: Credentials,
    token: RefCell<Option<KeptToken>>,
}

impl DemoDevice {
    pub(super) fn new(
        name: &'static str,
        fetch: NativeFetch,
        store: &Path,
        credentials: Credentials,
    ) -> Result<Self> {
        let collection =
            CollectionName::new(NOTES).map_err(|error| HostError::Failed(error.to_string()))?;
        Ok(Self {
            name,
            host: NativeHost::new(fetch, SqliteStore::open(store)?),
            collection,
            credentials,
            token: RefCell::default(),
        })
    }

    /// Its notes.
    pub(super) fn notes(&self) -> Records<'_, SqliteStore, SystemClock, SystemRandom> {
        Records::new(
            &self.host.store,
            &SystemClock,
            &SystemRandom,
            self.collection.clone(),
        )
    }

    /// Syncs once; an incomplete sync is an error.
    pub(super) async fn sync(&self, what: &'static str, progress: &Progress) -> Result<Synced> {
        let stage = |stage: sync::Stage<'_>| progress.stage(stage);
        let options = Options {
            engines: &[Box::new(Generic::new(self.collection.clone())?)],
            situation: Situation {
                is_asked_for: true,
                ..Situation::default()
            },
            client: OwnClient {
                name: self.name.into(),
                ..OwnClient::default()
            },
            user_agent: Some(USER_AGENT.into()),
            progress: &stage,
        };
        let mut token = self.token.take();
        let report = sync::sync(&self.host, &self.credentials, &mut token, &options).await;
        self.token.replace(token);
        whole(self.name, &report)?;
        Ok(Synced {
            device: self.name,
            what,
            report,
        })
    }
}

fn whole(name: &str, report: &Report) -> Result<()> {
    if let Ending::Stopped(error) = &report.ending {
        return Err(error.clone().into());
    }
    if report.is_success() {
        return Ok(());
    }
    let statuses: Vec<_> = report
        .collections
        .iter()
        .map(|collection| collection.status.word())
        .collect();
    Err(HostError::Failed(format!(
        "the sync of device {name} was incomplete: {} {}",
        report.ending.word(),
        statuses.join(" ")
    )))
}
