//! `selvedge daemon`: syncs a profile by schedule until it is stopped.

mod log;
mod network;
mod unit;
mod watch;

use std::time::{Duration, SystemTime};

use selvedge_core::host::{Clock as _, Random as _, Store as _};
use selvedge_core::ids::CollectionName;
use selvedge_core::schedule::{Ended, Event, Next, Policy, Schedule};
use selvedge_core::sync::{Report, ended};

use self::network::{Change, Network};
use self::watch::ClockWatch;
use super::sync;
use crate::cli::DaemonArgs;
use crate::device::Device;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::service::{Log, Notifier, Signalled, Signals};
use selvedge_host::{SqliteStore, SystemClock, SystemRandom};

/// The interval between two checks of clock, network, account and store while the daemon waits.
const LOOK: Duration = Duration::from_secs(5);

/// Points of a change that another program made to the records: other devices should receive it soon.
const CHANGE_POINTS: u32 = 301;

/// Syncs by schedule until the process receives a signal to stop, or prints the systemd unit that does so.
///
/// # Errors
/// When there is no account, another daemon runs for the profile, or signal handlers cannot be installed.
pub async fn run(device: &Device, args: DaemonArgs) -> Result<()> {
    if args.print_unit {
        return print_unit(device);
    }
    let server = device.credentials()?.server().to_owned();
    let _instance = device.profile.daemon_lock()?;
    let mut daemon = Daemon::new(device, &args, server)?;
    daemon.notifier.ready();
    daemon.log.say("started", "the daemon is ready");
    daemon.serve().await;
    daemon.notifier.stopping();
    daemon.log.say("stopped", "the daemon stops");
    Ok(())
}

fn print_unit(device: &Device) -> Result<()> {
    let program =
        std::env::current_exe().map_err(HostError::file(std::path::Path::new("selvedge")))?;
    let profile =
        std::path::absolute(device.profile.dir()).map_err(HostError::file(device.profile.dir()))?;
    for path in [&program, &profile] {
        selvedge_host::service::check(path)?;
    }
    let user = std::env::var("USER").unwrap_or_else(|_| "root".into());
    device.output.print(&unit::unit(&program, &profile, &user))
}

struct Daemon<'a> {
    device: &'a Device,
    policy: Policy,
    schedule: Schedule,
    signals: Signals,
    notifier: Notifier,
    log: Log,
    clock: ClockWatch,
    network: Network,
    server: String,
    store: SqliteStore,
    /// The store's change counter at the last check, to detect changes of other programs.
    seen: u64,
    /// The time when the account was last written, to detect that a person joined again.
    joined: Option<SystemTime>,
}

impl<'a> Daemon<'a> {
    fn new(device: &'a Device, args: &DaemonArgs, server: String) -> Result<Self> {
        let signals = Signals::new()?;
        let policy = Policy {
            first_seconds: args.first_sync_after,
            idle_seconds: args.every.unwrap_or(Policy::FIREFOX.idle_seconds),
            ..Policy::FIREFOX
        };
        let now = SystemClock.now();
        let mut schedule = device.profile.schedule()?;
        // A daemon is for accounts with several devices, and runs without a user: both are assumed.
        schedule.handle(&policy, Event::Devices { count: 2 }, now, 0);
        schedule.handle(&policy, Event::Idle, now, 0);
        schedule.handle(&policy, Event::Started, now, 0);
        let store = device.profile.open_store()?;
        Ok(Self {
            device,
            policy,
            schedule,
            signals,
            notifier: Notifier::from_env(),
            log: Log::new(device.output),
            clock: ClockWatch::new(now),
            network: Network::default(),
            server,
            joined: joined(device),
            seen: store.data_version()?,
            store,
        })
    }

    fn tell(&mut self, event: Event) {
        let mut random = [0; 4];
        // Without random bytes the wait is only not randomized.
        let _ = SystemRandom.fill(&mut random);
        let now = SystemClock.now();
        self.schedule
            .handle(&self.policy, event, now, u32::from_le_bytes(random));
    }

    async fn serve(&mut self) {
        loop {
            self.look_around().await;
            self.notifier.alive();
            let now = SystemClock.now();
            let asked = match self.schedule.next(&self.policy, now) {
                Next::Sync { is_asked_for, only } => {
                    let only = only.map(|names| names.into_iter().collect());
                    self.sync(is_asked_for, only.unwrap_or_default()).await
                }
                Next::Wait { until } => {
                    let wait = Duration::from_millis(until.millis().saturating_sub(now.millis()));
                    self.wait(wait).await
                }
                Next::Running | Next::ForPerson => self.wait(LOOK).await,
            };
            match asked {
                Some(Signalled::Stop) => return,
                Some(Signalled::Hangup) => self.ask(),
                None => {}
            }
        }
    }

    /// SIGHUP: syncs now, or logs the reason why not.
    fn ask(&mut self) {
        self.tell(Event::AskedFor);
        if let Some(until) = self.schedule.refused_until(SystemClock.now()) {
            let until = selvedge_host::moment::local(until);
            let text = format!(
                "SIGHUP asked for a sync, but the server asked clients to wait until {until}"
            );
            self.log.say("refused", &text);
        }
    }

    /// Waits, at most until the next check or the next message to the watchdog.
    async fn wait(&mut self, wait: Duration) -> Option<Signalled> {
        let watchdog = self.notifier.watchdog().unwrap_or(LOOK);
        let wait = wait.min(LOOK).min(watchdog);
        tokio::select! {
            asked = self.signals.next() => Some(asked),
            () = tokio::time::sleep(wait) => None,
        }
    }

    async fn look_around(&mut self) {
        if self.clock.has_jumped(SystemClock.now()) {
            self.log.say(
                "woke",
                "the clock jumped: the machine was suspended, or the time was changed",
            );
            self.tell(Event::Woke);
        }
        match self.network.look(&self.server).await {
            Change::None => {}
            Change::Lost => {
                let text = "the server cannot be reached; waiting for the network";
                self.notifier.status(text);
                self.log.say("network", text);
            }
            Change::Back => {
                self.log.say("network", "the server is reachable again");
                self.tell(Event::NetworkBack);
            }
        }
        let joined = joined(self.device);
        if joined.is_some() && joined != std::mem::replace(&mut self.joined, joined) {
            self.log.say("joined", "the credentials changed");
            if let Ok(credentials) = self.device.credentials() {
                self.server = credentials.server().to_owned();
            }
            self.tell(Event::AskedFor);
        }
        match self.has_changed().await {
            Ok(true) => self.tell(Event::Changed {
                points: CHANGE_POINTS,
            }),
            Ok(false) => {}
            // The next sync reports the error in more detail.
            Err(error) => self.log.say("failed", &error.to_string()),
        }
    }

    /// Whether another program changed records that have to be sent.
    async fn has_changed(&mut self) -> Result<bool> {
        let version = self.store.data_version()?;
        Ok(version != std::mem::replace(&mut self.seen, version)
            && self.is_anything_pending().await?)
    }

    async fn is_anything_pending(&self) -> Result<bool> {
        for name in self.store.collections().await? {
            if self.store.counts(&name).await?.pending > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Runs one sync. A signal to stop ends it between two commits, like a lost connection.
    async fn sync(&mut self, is_asked_for: bool, only: Vec<CollectionName>) -> Option<Signalled> {
        self.tell(Event::Began);
        self.notifier.status("syncing");
        let device = self.device;
        let mut wanted = None;
        let report = {
            let mut syncing = std::pin::pin!(sync::once(device, only, is_asked_for));
            let every = self.notifier.watchdog().unwrap_or(LOOK);
            loop {
                tokio::select! {
                    report = &mut syncing => break report,
                    asked = self.signals.next() => match asked {
                        Signalled::Stop => return Some(Signalled::Stop),
                        Signalled::Hangup => wanted = Some(Signalled::Hangup),
                    },
                    () = tokio::time::sleep(every) => self.notifier.alive(),
                }
            }
        };
        self.ended(report);
        // Commits of this process do not count as changes of other programs.
        if let Ok(version) = self.store.data_version() {
            self.seen = version;
        }
        wanted
    }

    fn ended(&mut self, report: Result<Report>) {
        let (how, backoff) = match &report {
            Ok(report) => {
                log::synced(self.log, report);
                (ended(report), report.backoff)
            }
            Err(error) => {
                self.log.say("failed", &error.to_string());
                let how = match error {
                    // A sync that a person started is running.
                    HostError::InUse => Ended::Again,
                    HostError::NoAccount => Ended::NeedsPerson,
                    _ => Ended::Failed,
                };
                (how, selvedge_core::server::Backoff::default())
            }
        };
        self.network.synced(how == Ended::Offline);
        self.tell(Event::Ended { how, backoff });
        if let Err(error) = self.device.profile.keep_schedule(&self.schedule) {
            self.log.say("failed", &error.to_string());
        }
        let text = match self.schedule.next(&self.policy, SystemClock.now()) {
            Next::Wait { until } => {
                format!("next sync at {}", selvedge_host::moment::local(until))
            }
            Next::ForPerson => "action required: run `selvedge status`".into(),
            Next::Sync { .. } | Next::Running => "syncing".into(),
        };
        self.notifier.status(&text);
        self.log.say("next", &text);
    }
}

/// When the credentials were last written, by the time of their file.
fn joined(device: &Device) -> Option<SystemTime> {
    let file = std::fs::metadata(device.profile.credentials_path()).ok()?;
    file.modified().ok()
}
