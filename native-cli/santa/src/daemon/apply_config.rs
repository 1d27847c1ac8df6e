//! Applies the daemon's configuration at the start and after changes.

use std::path::PathBuf;
use std::rc::Rc;

use selvedge_santa::ipc::Fault;
use selvedge_santa::{self as santa, Link, Status, SyncState, Wake};

use super::event_loop::{EventLoop, Server};
use super::reload::{Change, FileStamp};
use crate::failure::failed_status;
use crate::{Config, Runner, SantaStore};
use selvedge_host::exit::{HostError, Result};

/// How long the settings of a server remain after it was removed from the configuration.
const CLEAR_SECONDS: u64 = 600;

impl EventLoop {
    /// Applies the first configuration.
    pub(super) async fn apply_initial(&mut self, config: Config) -> Result<()> {
        self.stamp = FileStamp::of(&config.path);
        let is_removed = config.base_url.is_none();
        self.server = self.open(config)?;
        self.restart_schedule().await;
        if is_removed && self.has_server_state().await {
            self.clear_later();
        }
        self.report_next_sync();
        Ok(())
    }

    /// Reloads the configuration if its file has changed.
    pub(super) async fn reload_if_changed(&mut self) {
        if FileStamp::of(&self.config_file()) != self.stamp {
            self.reload().await;
        }
    }

    /// Reloads the configuration. An invalid one is logged and not applied.
    pub(super) async fn reload(&mut self) {
        self.stamp = FileStamp::of(&self.config_file());
        let changed = match Config::load(&self.paths, self.config_path.as_deref()) {
            Ok(config) => self.change_to(config).await,
            Err(error) => Err(error),
        };
        if let Err(error) = changed {
            let text = format!("{error}; the daemon keeps its previous configuration");
            self.log.say("configuration", &text);
        }
    }

    async fn change_to(&mut self, config: Config) -> Result<()> {
        let is_removed = config.base_url.is_none();
        let old_url = self.base_url();
        let new = self.open(config)?;
        let old = std::mem::replace(&mut self.server, new);
        match Change::decide(old_url.as_deref(), self.base_url().as_deref()) {
            Change::Same => {
                // A running countdown continues.
                if let (Server::Unset { clear_at, .. }, Server::Unset { clear_at: was, .. }) =
                    (&mut self.server, old)
                {
                    *clear_at = was.filter(|_| is_removed);
                }
                self.log
                    .say("configuration", "the configuration has been reloaded");
                self.restart_push();
            }
            Change::Moved | Change::Returned => {
                self.log.say(
                    "configuration",
                    "the server has changed: the schedule starts again",
                );
                self.stop_syncing(Fault::NotConfigured);
                self.restart_schedule().await;
            }
            Change::Removed => {
                self.log.say(
                    "configuration",
                    "the server was removed from the configuration",
                );
                self.stop_syncing(Fault::NotConfigured);
                self.restart_push();
                // An invalid address is probably a mistake, and no reason to clear anything.
                if is_removed {
                    self.clear_later();
                }
            }
        }
        self.report_next_sync();
        Ok(())
    }

    /// Starts the schedule again, as after the start of the daemon.
    async fn restart_schedule(&mut self) {
        let (mut known, mut spread) = (None, 0);
        if let Some(runner) = self.runner() {
            spread = runner.config().spread_percent;
            // The first sync reports a state that cannot be read.
            let state = SyncState::load(runner.store()).await.unwrap_or_default();
            known = state.settings.full_sync_interval;
        }
        self.schedule = santa::Daemon::new(known).spread(spread.into());
        self.notify_schedule(Wake::Started);
        self.restart_push();
    }

    /// Prepares the runner for the server of a configuration, if it has one.
    fn open(&self, config: Config) -> Result<Server> {
        for warning in &config.warnings {
            self.log.say("warning", warning);
        }
        let host_info = self.host_info.clone();
        match Runner::with(&self.paths, config, host_info, Link::default()) {
            Ok(runner) => Ok(Server::Set(Rc::new(match self.runner() {
                Some(old) => runner.sharing_in_flight(old),
                None => runner,
            }))),
            Err(error) => match failed_status(&error) {
                Some(status @ (Status::NoServer | Status::NoMachineId)) => {
                    self.log.say("configuration", &error.to_string());
                    Ok(Server::Unset {
                        status,
                        clear_at: None,
                    })
                }
                _ => Err(error),
            },
        }
    }

    fn base_url(&self) -> Option<String> {
        self.runner()
            .and_then(|runner| runner.config().base_url.clone())
    }

    fn config_file(&self) -> PathBuf {
        let chosen = self.config_path.clone();
        chosen.unwrap_or_else(|| self.paths.config_path())
    }

    /// Whether the store has state from a server.
    async fn has_server_state(&self) -> bool {
        let path = self.paths.store_path();
        let store = path
            .exists()
            .then(|| SantaStore::open(&path).ok())
            .flatten();
        match store {
            Some(store) => SyncState::load(&store)
                .await
                .is_ok_and(|state| state != SyncState::default()),
            None => false,
        }
    }

    /// Clears the settings of the server 10 minutes after it was removed from the configuration. Rules and events
    /// remain.
    pub(super) async fn clear_if_due(&mut self) {
        let now = self.clock.now();
        let Server::Unset { clear_at, .. } = &mut self.server else {
            return;
        };
        if !clear_at.is_some_and(|at| at <= now) {
            return;
        }
        *clear_at = None;
        let text = match self.clear().await {
            Ok(()) => {
                "the configuration has no server: the settings of the old server are cleared; rules and events remain"
                    .into()
            }
            Err(error) => format!("the settings of the old server cannot be cleared: {error}"),
        };
        self.log.say("cleared", &text);
    }

    async fn clear(&self) -> Result<()> {
        let store = SantaStore::open(&self.paths.store_path())?;
        let cleared = SyncState::default().save(&store).await;
        cleared.map_err(|error| HostError::Failed(error.to_string()))
    }

    fn clear_later(&mut self) {
        let at = self.clock.now().plus_seconds(CLEAR_SECONDS);
        if let Server::Unset { clear_at, .. } = &mut self.server {
            *clear_at = Some(at);
        }
    }
}
