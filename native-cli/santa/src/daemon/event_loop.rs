//! The loop: whatever happens comes here, one thing after the other, and is told to the schedule.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use selvedge_core::host::{Clock as _, Random as _};
use selvedge_core::time::LocalTime;
use selvedge_santa::{self as santa, Draw, Due, Error, Preflighted, Report, Stage, Status, Wake};
use tokio::sync::mpsc;

use super::clock::SteadyClock;
use super::jobs::Running;
use super::network::Network;
use super::peers::Asked;
use super::posts::Posts;
use super::pushes::Pushes;
use super::reload::Stamp;
use super::waiters::{Waiters, words};
use crate::{Config, HostInfo, Paths, Runner};
use selvedge_host::exit::Result;
use selvedge_host::service::{Log, Notifier, Signalled, Signals};
use selvedge_host::{SystemClock, SystemRandom};

/// How often the daemon looks around while it waits.
const LOOK: Duration = Duration::from_secs(5);

/// Something that came of what the loop began.
#[derive(Debug)]
pub(super) enum Happened {
    /// The sync of this number is so far.
    Stage(u64, Stage),
    /// It has ended.
    Ended(u64, Box<Result<Report>>),
    /// An upload beside it failed.
    UploadFailed(Error),
}

/// Whom to sync with.
#[derive(Debug)]
pub(super) enum Server {
    /// A server.
    Set(Rc<Runner>),
    /// None; what it had set is cleared at this moment, if nothing comes in between.
    Unset {
        /// Why: none is set, or the machine has no id.
        status: Status,
        /// When.
        clear_at: Option<LocalTime>,
    },
}

/// All that the daemon knows.
#[derive(Debug)]
pub(super) struct EventLoop {
    pub(super) paths: Paths,
    pub(super) config_path: Option<PathBuf>,
    pub(super) host_info: HostInfo,
    pub(super) log: Log,
    pub(super) notifier: Notifier,
    pub(super) clock: SteadyClock,
    pub(super) started: LocalTime,
    pub(super) schedule: santa::Daemon,
    pub(super) server: Server,
    /// The file of the configuration, as it was when it was read.
    pub(super) stamp: Option<Stamp>,
    pub(super) waiters: Waiters,
    pub(super) posts: Posts,
    pub(super) pushes: Pushes,
    pub(super) running: Option<Running>,
    /// How many have begun.
    pub(super) syncs: u64,
    pub(super) happened: mpsc::UnboundedSender<Happened>,
}

/// Where what happens comes from.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) signals: Signals,
    pub(super) asked: mpsc::Receiver<Asked>,
    pub(super) network: Network,
    pub(super) happened: mpsc::UnboundedReceiver<Happened>,
}

/// Whether the loop goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// It does.
    On,
    /// It does not.
    Stop,
}

impl EventLoop {
    /// With a configuration that was read, but not yet used.
    pub(super) fn new(
        paths: Paths,
        config_path: Option<PathBuf>,
        host_info: HostInfo,
        log: Log,
        happened: mpsc::UnboundedSender<Happened>,
        pushes: Pushes,
    ) -> Self {
        let clock = SteadyClock::start();
        Self {
            paths,
            config_path,
            host_info,
            log,
            notifier: Notifier::from_env(),
            clock,
            started: SystemClock.now(),
            schedule: santa::Daemon::new(None),
            server: Server::Unset {
                status: Status::NoServer,
                clear_at: None,
            },
            stamp: None,
            waiters: Waiters::default(),
            posts: Posts::new(clock, happened.clone()),
            pushes,
            running: None,
            syncs: 0,
            happened,
        }
    }

    /// Begins with this configuration, and goes on until it is told to stop.
    pub(super) async fn beat(&mut self, config: Config, mut sources: Sources) -> Result<()> {
        self.begin_with(config).await?;
        self.notifier.ready();
        self.log.say("started", "the daemon is ready");
        loop {
            self.look().await;
            self.begin_due();
            self.notifier.alive();
            let wait = self.wait();
            let flow = tokio::select! {
                signal = sources.signals.next() => match signal {
                    Signalled::Stop => Flow::Stop,
                    Signalled::Hangup => {
                        self.reload().await;
                        Flow::On
                    }
                },
                Some(asked) = sources.asked.recv() => self.answer(asked).await,
                Some(happened) = sources.happened.recv() => {
                    self.take(happened);
                    Flow::On
                }
                Some(event) = self.pushes.next() => {
                    self.pushed(event);
                    Flow::On
                }
                () = sources.network.changed() => Flow::On,
                () = tokio::time::sleep(wait) => Flow::On,
            };
            if flow == Flow::Stop {
                break;
            }
        }
        self.notifier.stopping();
        self.log.say("stopped", "the daemon stops");
        Ok(())
    }

    /// What is seen by looking: a configuration that changed, the network, a moment that has come.
    async fn look(&mut self) {
        self.reload_if_changed().await;
        self.tell(Wake::Network {
            is_up: self.is_online(),
        });
        self.clear_if_due().await;
    }

    /// Tells the schedule. It refuses nothing but a person's wish.
    pub(super) fn tell(&mut self, wake: Wake) {
        let _ = self.schedule.handle(wake, self.clock.now(), draw());
    }

    /// A person's wish; tells whether there was room for it.
    pub(super) fn ask(&mut self, wake: Wake) -> Result<(), santa::Full> {
        self.schedule.handle(wake, self.clock.now(), draw())
    }

    /// Whether requests have a way, as far as this machine knows.
    pub(super) fn is_online(&self) -> bool {
        self.runner().is_none_or(|runner| runner.is_online())
    }

    /// Who syncs, if there is a server.
    pub(super) fn runner(&self) -> Option<&Rc<Runner>> {
        match &self.server {
            Server::Set(runner) => Some(runner),
            Server::Unset { .. } => None,
        }
    }

    /// Until something is due, but not longer than until it is time to look around.
    fn wait(&self) -> Duration {
        let now = self.clock.now();
        let until_due = match self.schedule.next(now) {
            Due::Now(_) if self.runner().is_some() => Duration::ZERO,
            Due::At(at) => Duration::from_millis(at.millis().saturating_sub(now.millis())),
            Due::Now(_) | Due::Running | Due::Nothing => LOOK,
        };
        let watchdog = self.notifier.watchdog().unwrap_or(LOOK);
        until_due.min(LOOK).min(watchdog)
    }

    fn take(&mut self, happened: Happened) {
        match happened {
            Happened::Stage(number, stage) if self.is_current(number) => self.stage(stage),
            Happened::Ended(number, report) if self.is_current(number) => self.ended(*report),
            // Of a sync that was stopped.
            Happened::Stage(..) | Happened::Ended(..) => {}
            Happened::UploadFailed(error) => {
                let text = format!("events could not be sent at once and wait: {error}");
                self.log.say("failed", &text);
                self.tell(Wake::UploadFailed);
            }
        }
    }

    fn is_current(&self, number: u64) -> bool {
        self.running
            .as_ref()
            .is_some_and(|running| running.number == number)
    }

    fn stage(&mut self, stage: Stage) {
        if let Stage::Preflighted(seen) = stage {
            // The timers count by a clock of their own.
            let at = self.clock.now();
            self.tell(Wake::Preflighted(Preflighted { at, ..seen }));
        }
        if let Some(text) = words(stage) {
            self.waiters.log("info", text);
        }
    }

    /// When the next sync comes, for whoever asks the service manager.
    pub(super) fn say_next(&self) {
        let text = match (&self.server, self.schedule.next(self.clock.now())) {
            (Server::Unset { status, .. }, _) => status.to_string(),
            (Server::Set(_), Due::At(at)) => {
                format!(
                    "next sync at {}",
                    selvedge_host::moment::local(self.clock.wall(at))
                )
            }
            (Server::Set(_), _) => "syncing".into(),
        };
        self.notifier.status(&text);
        self.log.say("next", &text);
    }
}

fn draw() -> Draw {
    let mut random = [0; 4];
    // Without random bytes machines are merely not spread.
    let _ = SystemRandom.fill(&mut random);
    Draw(u32::from_le_bytes(random))
}
