//! The daemon's configuration, at the start and when it changes.

use std::path::PathBuf;
use std::rc::Rc;

use selvedge_santa::ipc::Fault;
use selvedge_santa::{self as santa, Link, Status, SyncState, Wake};

use super::event_loop::{EventLoop, Server};
use super::reload::{Change, Stamp};
use crate::failure::failed_status;
use crate::{Config, Runner, SantaStore};
use selvedge_host::exit::{HostError, Result};

/// After the server was taken out of the configuration, what it had set stays for so long.
const CLEAR_SECONDS: u64 = 600;

impl EventLoop {
    /// Begins with a configuration.
    pub(super) async fn begin_with(&mut self, config: Config) -> Result<()> {
        self.stamp = Stamp::of(&config.path);
        let is_removed = config.base_url.is_none();
        self.server = self.open(config)?;
        self.restart().await;
        if is_removed && self.was_served().await {
            self.clear_later();
        }
        self.say_next();
        Ok(())
    }

    /// Reads the configuration again if its file is another one.
    pub(super) async fn reload_if_changed(&mut self) {
        if Stamp::of(&self.config_file()) != self.stamp {
            self.reload().await;
        }
    }

    /// Reads the configuration again. One that cannot be used changes nothing.
    pub(super) async fn reload(&mut self) {
        self.stamp = Stamp::of(&self.config_file());
        let changed = match Config::load(&self.paths, self.config_path.as_deref()) {
            Ok(config) => self.change_to(config).await,
            Err(error) => Err(error),
        };
        if let Err(error) = changed {
            let text = format!("{error}; the daemon goes on with what it had");
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
                // A countdown that runs goes on.
                if let (Server::Unset { clear_at, .. }, Server::Unset { clear_at: was, .. }) =
                    (&mut self.server, old)
                {
                    *clear_at = was.filter(|_| is_removed);
                }
                self.log
                    .say("configuration", "the configuration was read again");
                self.push_anew();
            }
            Change::Moved | Change::Returned => {
                self.log.say(
                    "configuration",
                    "there is another server: the daemon begins anew",
                );
                self.stop_syncing(Fault::NotConfigured);
                self.restart().await;
            }
            Change::Removed => {
                self.log.say("configuration", "there is no server any more");
                self.stop_syncing(Fault::NotConfigured);
                self.push_anew();
                // An address that is wrong is a slip, and no reason to clear anything.
                if is_removed {
                    self.clear_later();
                }
            }
        }
        self.say_next();
        Ok(())
    }

    /// As just started: the first sync comes when all has settled.
    async fn restart(&mut self) {
        let (mut known, mut spread) = (None, 0);
        if let Some(runner) = self.runner() {
            spread = runner.config().spread_percent;
            // What cannot be read now will be said by the first sync.
            let state = SyncState::load(runner.store()).await.unwrap_or_default();
            known = state.settings.full_sync_interval;
        }
        self.schedule = santa::Daemon::new(known).spread(spread.into());
        self.tell(Wake::Started);
        self.push_anew();
    }

    /// Gets ready for a configuration's server, if it has one.
    fn open(&self, config: Config) -> Result<Server> {
        for warning in &config.warnings {
            self.log.say("warning", warning);
        }
        let host_info = self.host_info.clone();
        match Runner::with(&self.paths, config, host_info, Link::default()) {
            Ok(runner) => Ok(Server::Set(Rc::new(match self.runner() {
                Some(old) => runner.beside(old),
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

    /// Whether a server has left anything here.
    async fn was_served(&self) -> bool {
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

    /// 10 minutes after the server was taken out of the configuration, what it had set is cleared. Rules and events stay.
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
                "there is no server any more: what it had set is cleared, rules and events stay"
                    .into()
            }
            Err(error) => format!("what the server had set cannot be cleared: {error}"),
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
