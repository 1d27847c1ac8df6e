//! The event loop: handles signals, calls, job events, push events and timers one after another, and notifies the
//! schedule.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use selvedge_core::host::{Clock as _, Random as _};
use selvedge_core::time::LocalTime;
use selvedge_santa::{self as santa, Draw, Due, Preflighted, Stage, Status, Wake};
use tokio::sync::mpsc;

use super::clock::MonotonicClock;
use super::job_event::{JobEvent, Running};
use super::network::Network;
use super::peers::PendingCall;
use super::posts::Posts;
use super::push_connection::Pushes;
use super::reload::FileStamp;
use super::waiters::{Waiters, describe_stage};
use crate::{Config, HostInfo, Paths, Runner};
use selvedge_host::exit::Result;
use selvedge_host::service::{Log, Notifier, Signalled, Signals};
use selvedge_host::{SystemClock, SystemRandom};

/// How often the daemon checks the configuration file and the network.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// The configured server.
#[derive(Debug)]
pub(super) enum Server {
    /// A server is configured.
    Set(Rc<Runner>),
    /// No server is configured.
    Unset {
        /// Why: no server is set, or the machine has no id.
        status: Status,
        /// When the settings of the previous server are cleared, unless a server is configured before.
        clear_at: Option<LocalTime>,
    },
}

/// The state of the daemon.
#[derive(Debug)]
pub(super) struct EventLoop {
    pub(super) paths: Paths,
    pub(super) config_path: Option<PathBuf>,
    pub(super) host_info: HostInfo,
    pub(super) log: Log,
    pub(super) notifier: Notifier,
    pub(super) clock: MonotonicClock,
    pub(super) started: LocalTime,
    pub(super) schedule: santa::Daemon,
    pub(super) server: Server,
    /// Identifies the version of the configuration file that was read.
    pub(super) stamp: Option<FileStamp>,
    pub(super) waiters: Waiters,
    pub(super) posts: Posts,
    pub(super) pushes: Pushes,
    pub(super) running: Option<Running>,
    /// The number of syncs started so far.
    pub(super) syncs: u64,
    pub(super) job_events: mpsc::UnboundedSender<JobEvent>,
}

/// The inputs of the event loop.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) signals: Signals,
    pub(super) calls: mpsc::Receiver<PendingCall>,
    pub(super) network: Network,
    pub(super) job_events: mpsc::UnboundedReceiver<JobEvent>,
}

/// Whether the loop continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Handle the next event.
    Continue,
    /// Stop the daemon.
    Stop,
}

impl EventLoop {
    /// Creates the loop without a server. [`EventLoop::run`] applies the configuration.
    pub(super) fn new(
        paths: Paths,
        config_path: Option<PathBuf>,
        host_info: HostInfo,
        log: Log,
        job_events: mpsc::UnboundedSender<JobEvent>,
        pushes: Pushes,
    ) -> Self {
        let clock = MonotonicClock::start();
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
            posts: Posts::new(clock, job_events.clone()),
            pushes,
            running: None,
            syncs: 0,
            job_events,
        }
    }

    /// Applies this configuration, and handles events until a signal or a call stops the daemon.
    pub(super) async fn run(&mut self, config: Config, mut sources: Sources) -> Result<()> {
        self.apply_initial(config).await?;
        self.notifier.ready();
        self.log.say("started", "the daemon is ready");
        loop {
            self.poll_changes().await;
            self.start_due();
            self.notifier.alive();
            let wait = self.wait();
            let flow = tokio::select! {
                signal = sources.signals.next() => match signal {
                    Signalled::Stop => Flow::Stop,
                    Signalled::Hangup => {
                        self.reload().await;
                        Flow::Continue
                    }
                },
                Some(call) = sources.calls.recv() => self.answer(call).await,
                Some(event) = sources.job_events.recv() => {
                    self.handle_job_event(event);
                    Flow::Continue
                }
                Some(event) = self.pushes.next() => {
                    self.handle_push_event(event);
                    Flow::Continue
                }
                () = sources.network.changed() => Flow::Continue,
                () = tokio::time::sleep(wait) => Flow::Continue,
            };
            if flow == Flow::Stop {
                break;
            }
        }
        self.notifier.stopping();
        self.log.say("stopped", "the daemon stops");
        Ok(())
    }

    /// Checks what sends no event: the configuration file, the network, and the time to clear old settings.
    async fn poll_changes(&mut self) {
        self.reload_if_changed().await;
        self.notify_schedule(Wake::Network {
            is_up: self.is_online(),
        });
        self.clear_if_due().await;
    }

    /// Notifies the schedule. Only sync requests can be refused, see [`EventLoop::request_sync`].
    pub(super) fn notify_schedule(&mut self, wake: Wake) {
        let _ = self.schedule.handle(wake, self.clock.now(), draw());
    }

    /// Requests a sync; an error when the queue of requests is full.
    pub(super) fn request_sync(&mut self, wake: Wake) -> Result<(), santa::Full> {
        self.schedule.handle(wake, self.clock.now(), draw())
    }

    /// Whether the server may be reachable, as far as this machine knows.
    pub(super) fn is_online(&self) -> bool {
        self.runner().is_none_or(|runner| runner.is_online())
    }

    /// The runner, if a server is configured.
    pub(super) fn runner(&self) -> Option<&Rc<Runner>> {
        match &self.server {
            Server::Set(runner) => Some(runner),
            Server::Unset { .. } => None,
        }
    }

    /// The time until the next sync is due, but at most the poll interval.
    fn wait(&self) -> Duration {
        let now = self.clock.now();
        let until_due = match self.schedule.next(now) {
            Due::Now(_) if self.runner().is_some() => Duration::ZERO,
            Due::At(at) => Duration::from_millis(at.millis().saturating_sub(now.millis())),
            Due::Now(_) | Due::Running | Due::Nothing => POLL_INTERVAL,
        };
        let watchdog = self.notifier.watchdog().unwrap_or(POLL_INTERVAL);
        until_due.min(POLL_INTERVAL).min(watchdog)
    }

    fn handle_job_event(&mut self, event: JobEvent) {
        match event {
            JobEvent::Stage(number, stage) if self.is_current(number) => self.stage(stage),
            JobEvent::Ended(number, report) if self.is_current(number) => self.ended(*report),
            // Late events of a sync that was aborted.
            JobEvent::Stage(..) | JobEvent::Ended(..) => {}
            JobEvent::UploadFailed(error) => {
                let text = format!(
                    "events could not be uploaded immediately and wait for the next sync: {error}"
                );
                self.log.say("failed", &text);
                self.notify_schedule(Wake::UploadFailed);
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
            // Timers use the monotonic clock.
            let at = self.clock.now();
            self.notify_schedule(Wake::Preflighted(Preflighted { at, ..seen }));
        }
        if let Some(text) = describe_stage(stage) {
            self.waiters.log("info", text);
        }
    }

    /// Reports the time of the next sync in the log and in the status of the service manager.
    pub(super) fn report_next_sync(&self) {
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
    // Without random bytes, the syncs of machines are not spread over time. Nothing else depends on them.
    let _ = SystemRandom.fill(&mut random);
    Draw(u32::from_le_bytes(random))
}
