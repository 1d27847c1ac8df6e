//! The loop: whatever happens comes here, one thing after the other, and is told to the schedule.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use selvedge_core::host::{Clock as _, Random as _};
use selvedge_core::santa::{
    self, Draw, Due, Error, Job, Preflighted, Report, Stage, Status, SyncState, Wake,
};
use selvedge_core::time::LocalTime;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, spawn_local};

use super::clock::SteadyClock;
use super::network::Network;
use super::peers::Asked;
use super::posts::Posts;
use super::pushes::Pushes;
use super::reload::Stamp;
use super::waiters::{Waiters, result, words};
use crate::exit::{CliError, Result};
use crate::host::{SystemClock, SystemRandom};
use crate::santa::{Config, Facts, Place, Runner};
use crate::service::{Log, Notifier, Signalled, Signals};

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

/// The sync that runs.
#[derive(Debug)]
struct Running {
    number: u64,
    job: Job,
    task: AbortHandle,
}

/// All that the daemon knows.
#[derive(Debug)]
pub(super) struct Heart {
    pub(super) place: Place,
    pub(super) config_path: Option<PathBuf>,
    pub(super) facts: Facts,
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
    running: Option<Running>,
    syncs: u64,
    happened: mpsc::UnboundedSender<Happened>,
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

impl Heart {
    /// With a configuration that was read, but not yet used.
    pub(super) fn new(
        place: Place,
        config_path: Option<PathBuf>,
        facts: Facts,
        log: Log,
        happened: mpsc::UnboundedSender<Happened>,
        pushes: Pushes,
    ) -> Self {
        let clock = SteadyClock::start();
        Self {
            place,
            config_path,
            facts,
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

    fn begin_due(&mut self) {
        let Due::Now(job) = self.schedule.next(self.clock.now()) else {
            return;
        };
        if let Some(runner) = self.runner().cloned() {
            self.begin(job, runner);
        }
    }

    fn begin(&mut self, job: Job, runner: Rc<Runner>) {
        self.tell(Wake::Began(job));
        if matches!(job, Job::Full { kind: Some(_), .. }) {
            self.waiters.begun();
        }
        self.notifier.status("syncing");
        self.syncs += 1;
        let number = self.syncs;
        let (stages, ends) = (self.happened.clone(), self.happened.clone());
        let syncing = spawn_local(async move {
            let progress = |stage| {
                let _ = stages.send(Happened::Stage(number, stage));
            };
            match job {
                Job::Full { kind, is_pushed } => runner.sync(kind, is_pushed, &progress).await,
                Job::Rules => runner.sync_rules(&progress).await,
            }
        });
        self.running = Some(Running {
            number,
            job,
            task: syncing.abort_handle(),
        });
        spawn_local(async move {
            let broken = |_| {
                Err(CliError::Failed(
                    "the sync broke off: this is a fault of the program".into(),
                ))
            };
            let report = syncing.await.unwrap_or_else(broken);
            let _ = ends.send(Happened::Ended(number, Box::new(report)));
        });
    }

    /// Stops what runs and forgets what was asked for; nothing is lost by that.
    pub(super) fn stop_syncing(&mut self, fault: santa::ipc::Fault) {
        if let Some(running) = self.running.take() {
            running.task.abort();
            self.tell(Wake::Ended);
        }
        self.waiters.dismiss(fault);
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

    fn ended(&mut self, report: Result<Report>) {
        let job = self.running.take().map(|running| running.job);
        let answer = match report {
            Ok(report) => {
                let text = in_words(job, &report);
                self.log.report("synced", &report, &text);
                self.waiters.log("info", &text);
                if job != Some(Job::Rules) && report.preflight.has_failed() {
                    self.tell(Wake::PreflightFailed);
                }
                Ok(result(report.status(), Some(&report)))
            }
            Err(error) => {
                self.log.say("failed", &error.to_string());
                self.waiters.log("error", &error.to_string());
                match error {
                    CliError::Santa {
                        status: Status::TooManySyncs,
                        ..
                    } => Err(santa::ipc::Fault::Busy),
                    CliError::Santa { status, .. } => Ok(result(status, None)),
                    _ => Ok(result(Status::Agent, None)),
                }
            }
        };
        self.waiters.ended(answer);
        self.tell(Wake::Ended);
        self.say_next();
    }

    /// When the next sync comes, for whoever asks the service manager.
    pub(super) fn say_next(&self) {
        let text = match (&self.server, self.schedule.next(self.clock.now())) {
            (Server::Unset { status, .. }, _) => status.to_string(),
            (Server::Set(_), Due::At(at)) => {
                format!(
                    "next sync at {} UTC",
                    crate::moment::local(self.clock.wall(at))
                )
            }
            (Server::Set(_), _) => "syncing".into(),
        };
        self.notifier.status(&text);
        self.log.say("next", &text);
    }

    /// 10 minutes after the server was taken out of the configuration, what it had set is cleared. Rules and events stay.
    async fn clear_if_due(&mut self) {
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
        let store = crate::santa::SantaStore::open(&self.place.store_path())?;
        let cleared = SyncState::default().save(&store).await;
        cleared.map_err(|error| CliError::Failed(error.to_string()))
    }
}

fn draw() -> Draw {
    let mut random = [0; 4];
    // Without random bytes machines are merely not spread.
    let _ = SystemRandom.fill(&mut random);
    Draw(u32::from_le_bytes(random))
}

/// What came of a sync, in a line.
fn in_words(job: Option<Job>, report: &Report) -> String {
    let what = match job {
        Some(Job::Rules) => "rules alone",
        _ => report.kind.map_or("not", santa::Kind::as_str),
    };
    let mut text = format!(
        "synced: {what}, {} events sent, {} rules received, {} usable, {} requests",
        report.uploaded.events,
        report.downloaded.received,
        report.downloaded.processed,
        report.traffic.requests,
    );
    let stages = [
        ("preflight", &report.preflight),
        ("logupload", &report.log_upload),
        ("eventupload", &report.event_upload),
        ("ruledownload", &report.rule_download),
        ("postflight", &report.postflight),
    ];
    for (name, stage) in stages {
        if let santa::StageReport::Failed(error) = stage {
            text.push_str(&format!("; {name}: {error}"));
        }
    }
    text
}
