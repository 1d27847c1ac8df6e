//! Runs the syncs of one machine: one for `santa sync`, many for the daemon.

use std::cell::RefCell;

use selvedge_core::http::{Method, Request};
use selvedge_santa::wire::Token;
use selvedge_santa::{
    self as santa, BadAddress, Connection, EventId, Kind, Link, Logs, Occurrence, Options, Report,
    Stage, Status, Uploaded,
};
use serde::Serialize;

use super::config::Config;
use super::failure::sync_failure;
use super::fetch::{self, SantaFetch};
use super::host::SantaHost;
use super::host_info::HostInfo;
use super::in_flight::InFlight;
use super::logs;
use super::machine_id::machine_id;
use super::online::has_default_route;
use super::paths::Paths;
use super::store::SantaStore;
use selvedge_host::exit::{HostError, Result};

/// Runs syncs for one machine and one server. It keeps state of the server for the lifetime of the process (token,
/// announcements), so a daemon keeps one `Runner`.
#[derive(Debug)]
pub struct Runner {
    paths: Paths,
    config: Config,
    host_info: HostInfo,
    host: SantaHost,
    connection: Connection,
    link: Link,
    push_token: RefCell<Token>,
}

/// The result of a check whether the server is reachable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The HTTP status; 0 without a response.
    pub http: u16,
    /// The result as a sentence for people.
    pub text: String,
}

impl Runner {
    /// Opens the store and prepares the connection to the server.
    ///
    /// # Errors
    /// [`sync_failure`] when no server is configured or the machine has no id; another error when the store or the
    /// configuration cannot be used.
    pub fn open(paths: &Paths, config: Config) -> Result<Self> {
        Self::with(paths, config, HostInfo::gather(), Link::default())
    }

    /// Like [`Runner::open`], with the host facts gathered before privileges were dropped, and with the [`Link`] of an
    /// earlier runner for the same server.
    ///
    /// # Errors
    /// As [`Runner::open`].
    pub fn with(paths: &Paths, config: Config, host_info: HostInfo, link: Link) -> Result<Self> {
        paths.make_dir()?;
        let id = machine_id(paths, &config, true)?.unwrap_or_default();
        let connection = config.connection(&id).map_err(|error| {
            let message = format!("{error}: see {}", config.path.display());
            sync_failure(status_of(error), message)
        })?;
        let fetch =
            SantaFetch::new(&config, &connection.address).map_err(|error| HostError::BadFile {
                path: config.path.clone(),
                detail: format!(
                    "its certificates or its proxy cannot be used: {}",
                    error.detail
                ),
            })?;
        let store = SantaStore::open(&paths.store_path())?.with_configured(&config.static_rules);
        Ok(Self {
            paths: paths.clone(),
            host_info,
            host: SantaHost {
                fetch,
                store,
                in_flight: InFlight::default(),
            },
            connection,
            link,
            push_token: RefCell::default(),
            config,
        })
    }

    /// Shares the set of events in flight with another runner for the same store, whose uploads may still run.
    #[must_use]
    pub fn sharing_in_flight(mut self, other: &Self) -> Self {
        self.host.in_flight = other.host.in_flight.clone();
        self
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The facts about the machine.
    #[must_use]
    pub const fn host_info(&self) -> &HostInfo {
        &self.host_info
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &SantaStore {
        &self.host.store
    }

    /// State of the server that lives as long as this process, including announcements from push messages.
    #[must_use]
    pub const fn link(&self) -> &Link {
        &self.link
    }

    /// The id that identifies this machine to the server.
    #[must_use]
    pub fn machine_id(&self) -> &str {
        self.connection.address.machine()
    }

    /// The address of the server and the headers of requests.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns the parts that another runner for the same server can continue with.
    #[must_use]
    pub fn into_parts(self) -> (HostInfo, Link) {
        (self.host_info, self.link)
    }

    /// Sets the push token that the next syncs send to the server.
    pub fn set_push_token(&self, token: Option<Token>) {
        *self.push_token.borrow_mut() = token.unwrap_or_default();
    }

    /// Runs all stages of a sync once. A clean sync that a person requests is stored and requested again until the
    /// server grants it.
    ///
    /// # Errors
    /// [`sync_failure`] while another process syncs; another error when the store cannot be used. Errors of a stage are
    /// in the report.
    pub async fn sync(
        &self,
        kind: Option<Kind>,
        is_pushed: bool,
        progress: &dyn Fn(Stage),
    ) -> Result<Report> {
        let _lock = self.lock()?;
        if let Some(kind) = kind.filter(|kind| kind.is_clean()) {
            santa::request(&self.host.store, kind)
                .await
                .map_err(|error| sync_failure(Status::Agent, error.to_string()))?;
        }
        let tracker = self.host.in_flight.track_sync();
        let progress = |stage| {
            tracker.stage(stage);
            progress(stage);
        };
        let report = self
            .with_options(is_pushed, &progress, async |options| {
                santa::sync(&self.host, options, &self.link).await
            })
            .await;
        self.keep(&report)?;
        Ok(report)
    }

    /// Downloads rules, without the other stages.
    ///
    /// # Errors
    /// As [`Runner::sync`].
    pub async fn sync_rules(&self, progress: &dyn Fn(Stage)) -> Result<Report> {
        let _lock = self.lock()?;
        let report = self
            .with_options(true, progress, async |options| {
                santa::sync_rules(&self.host, options, &self.link).await
            })
            .await;
        Ok(report)
    }

    /// Uploads events immediately, in parallel with any sync. Stored events are deleted after the server has accepted
    /// them. The first part of the result counts the events that the server accepted before a failure.
    pub async fn upload_now(
        &self,
        events: Vec<(Option<EventId>, Occurrence)>,
    ) -> (Uploaded, santa::Result<()>) {
        self.with_options(false, &|_| {}, async |options| {
            santa::upload_now(&self.host, options, &self.link, events).await
        })
        .await
    }

    /// Uploads the pending events with these keys immediately, in parallel with any sync. No event is sent twice: this
    /// waits until a running sync has finished its event upload, and then sends what is left. The events are deleted
    /// after the server has accepted them.
    pub async fn upload_waiting(&self, keys: &[String]) -> (Uploaded, santa::Result<()>) {
        self.host.in_flight.wait_for_sync_upload().await;
        let waiting = match self.host.store.waiting(keys) {
            Ok(waiting) => waiting,
            Err(error) => return (Uploaded::default(), Err(error.into())),
        };
        let events: Vec<_> = waiting
            .into_iter()
            .filter(|event| !self.host.in_flight.has(event.id))
            .map(|event| (Some(event.id), event.occurrence))
            .collect();
        let ids = events.iter().filter_map(|(id, _)| *id);
        let _claim = self.host.in_flight.claim(ids);
        self.upload_now(events).await
    }

    /// Whether the server may be reachable: it is on this machine, or the kernel has a default route.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.connection.address.is_loopback() || has_default_route()
    }

    /// Checks with one request without data whether the server is reachable (spec §5.2).
    pub async fn check(&self) -> Check {
        let request = self.bare_request(self.connection.address.check_url());
        let client = match fetch::client(&self.config) {
            Ok(client) => client,
            Err(error) => {
                return Check {
                    http: 0,
                    text: error.to_string(),
                };
            }
        };
        let limit = std::time::Duration::from_secs(30);
        match fetch::send(&client, request, limit).await {
            Err(error) => Check {
                http: 0,
                text: error.to_string(),
            },
            Ok(response) => {
                let http = response.status().as_u16();
                let text = match http {
                    200 => "the server is reachable and accepts this client".into(),
                    401 | 403 => "the server is reachable and rejects this client: check the extra headers and the client certificate".into(),
                    404 | 405 => "this URL has no Santa server: check SyncBaseURL".into(),
                    300..=399 => "the server redirects, and redirects are not followed: set SyncBaseURL to the URL of the redirect".into(),
                    _ => format!("the server is reachable and responds with status {http}"),
                };
                Check { http, text }
            }
        }
    }

    /// A request without a body, with the headers that all requests have.
    pub(super) fn bare_request(&self, url: String) -> Request {
        let mut request = Request::new(Method::Post, url);
        request.add_header("User-Agent", self.connection.user_agent.as_str());
        for (name, value) in self.connection.extra_headers.iter() {
            if request.header(name).is_none() {
                request.add_header(name.to_owned(), value);
            }
        }
        request
    }

    fn lock(&self) -> Result<selvedge_host::profile::Lock> {
        self.paths.lock().map_err(|error| match error {
            HostError::InUse => sync_failure(
                Status::TooManySyncs,
                "another process syncs this machine: try again when it has finished",
            ),
            error => error,
        })
    }

    /// Stores the report, so that `santa status` can show it in any process.
    fn keep(&self, report: &Report) -> Result<()> {
        let json =
            serde_json::to_string(report).map_err(|error| HostError::Failed(error.to_string()))?;
        Ok(self.host.store.keep_last_sync(&json)?)
    }

    async fn with_options<T>(
        &self,
        is_pushed: bool,
        progress: &dyn Fn(Stage),
        run: impl AsyncFnOnce(&Options<'_>) -> T,
    ) -> T {
        let config = &self.config;
        let mut machine = config.machine(self.machine_id(), &self.host_info);
        machine.push_token = self.push_token.borrow().clone();
        let files = || logs::read(&config.log_files, config.max_log_bytes);
        let allowed = Logs {
            files: &files,
            any_host: config.logs_to_any_host,
            max_bytes: config.max_log_bytes,
        };
        let is_online = || self.is_online();
        let options = Options {
            uploads_on_clean: config.uploads_on_clean,
            is_pushed,
            max_rules: config.max_rules,
            logs: (!config.log_files.is_empty()).then_some(allowed),
            is_online: &is_online,
            progress,
            ..Options::new(self.connection.clone(), machine)
        };
        run(&options).await
    }
}

/// The status of a sync whose server address is unusable.
const fn status_of(error: BadAddress) -> Status {
    match error {
        BadAddress::NoMachine | BadAddress::Slash => Status::NoMachineId,
        _ => Status::NoServer,
    }
}
