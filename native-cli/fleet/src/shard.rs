//! The machines of one thread: a heap has the next action of each machine, and each machine has one activity at a time.
//!
//! ```text
//! a sync is due ────────→ start it as soon as the machine is idle
//! a sync has ended ─────→ the schedule decides when the next one is due
//! a program executes ───→ blocked: upload the event as soon as the machine is idle; else it waits for the next sync
//! the duration is over ─→ nothing new starts; running activities may finish within a timeout, then they are aborted
//! ```

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::Duration;

use selvedge_core::host::Clock as _;
use selvedge_core::http::Fetch;
use selvedge_core::time::LocalTime;
use selvedge_santa::{
    BadAddress, Connection, Daemon, Due, Job, Options, Preflighted, Report, StageReport, Status,
    Uploaded, Wake, sync, sync_rules, upload_now,
};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::identity;
use super::machine::{Activity, VirtualMachine};
use super::network::{ConcurrencyLimits, FleetClock, VirtualHost};
use super::plan::Plan;
use super::random::Random;
use super::rules::Pool;
use super::stats::{RequestKind, Shared};

/// How long running activities may take to finish after the end of the duration.
const FINISH_TIMEOUT: Duration = Duration::from_secs(10);

/// The interval at which a thread measures its scheduling delay.
const TICK_INTERVAL: Duration = Duration::from_millis(50);

/// The delay of the schedule between the start and the first sync.
const SETTLE_MILLIS: u64 = 15_000;

/// The phase of the simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// The machines sync.
    Running,
    /// No new activities start.
    Ending,
    /// All activities are aborted.
    Stopped,
}

/// Shared by all machines of a thread.
#[derive(Debug)]
pub(super) struct Context<F> {
    pub(super) plan: Plan,
    pub(super) fetch: F,
    pub(super) limits: ConcurrencyLimits,
    pub(super) clock: FleetClock,
    pub(super) tally: Shared,
}

impl<F: Fetch> Context<F> {
    pub(super) fn options(&self, machine: &VirtualMachine) -> Options<'static> {
        let mut connection = Connection::new(machine.address.clone(), env!("CARGO_PKG_VERSION"));
        connection.form = self.plan.form;
        connection.encoding = self.plan.encoding;
        connection.extra_headers = self.plan.headers.clone();
        let mut facts = identity::machine(self.plan.seed, machine.index);
        facts.santa_version.clone_from(&self.plan.santa_version);
        facts.allows_standalone = self.plan.allows_standalone;
        Options {
            uploads_on_clean: self.plan.uploads_on_clean,
            max_rules: self.plan.max_rules,
            ..Options::new(connection, facts)
        }
    }

    /// Syncs a machine. With `is_counted`, the statistics include it.
    pub(super) async fn sync(
        &self,
        machine: &VirtualMachine,
        job: Job,
        is_counted: bool,
    ) -> Report {
        let tally = is_counted.then(|| self.tally.clone());
        let host = VirtualHost::new(&self.fetch, &self.limits, self.clock, machine, tally);
        let options = self.options(machine);
        match job {
            Job::Full { .. } => sync(&host, &options, &machine.link).await,
            Job::Rules => sync_rules(&host, &options, &machine.link).await,
        }
    }

    async fn upload(&self, machine: &VirtualMachine) -> (Uploaded, StageReport) {
        let tally = Some(self.tally.clone());
        let host = VirtualHost::new(&self.fetch, &self.limits, self.clock, machine, tally);
        let events = machine.take_urgent();
        let (uploaded, result) =
            upload_now(&host, &self.options(machine), &machine.link, events).await;
        let stage = match result {
            Ok(()) => StageReport::Done,
            Err(error) => StageReport::Failed(error),
        };
        (uploaded, stage)
    }
}

/// The next action of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Sync,
    Program,
}

/// The result of an activity.
enum Done {
    Synced(Box<Report>),
    Uploaded(Uploaded, StageReport),
}

/// The machines of one thread.
pub(super) struct Shard<F> {
    context: Rc<Context<F>>,
    pub(super) pool: Rc<RefCell<Pool>>,
    pub(super) machines: Vec<Rc<VirtualMachine>>,
    /// Time in milliseconds since the Unix epoch, index of the machine, action.
    heap: BinaryHeap<Reverse<(u64, usize, Action)>>,
    random: Random,
    tasks: JoinSet<(usize, Done)>,
}

impl<F: Fetch + 'static> Shard<F> {
    /// Creates the machines `first`, `first + step`, and so on.
    pub(super) fn new(context: Context<F>, first: u32, step: usize) -> Result<Self, BadAddress> {
        let pool = Rc::new(RefCell::new(Pool::new()));
        let plan = &context.plan;
        let machines = (first..plan.machines)
            .step_by(step.max(1))
            .map(|index| VirtualMachine::new(plan.seed, index, &plan.server, &pool).map(Rc::new));
        let machines = machines.collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            random: Random::of(!plan.seed, first),
            context: Rc::new(context),
            pool,
            machines,
            heap: BinaryHeap::new(),
            tasks: JoinSet::new(),
        })
    }

    pub(super) fn context(&self) -> &Rc<Context<F>> {
        &self.context
    }

    /// Runs until the phase changes to `Ending` or `Stopped`.
    pub(super) async fn run(&mut self, phase: &mut watch::Receiver<Phase>) {
        self.start();
        let mut tick = tokio::time::interval(TICK_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while *phase.borrow_and_update() == Phase::Running {
            self.start_due_actions();
            let next = self.heap.peek().map(|Reverse((at, ..))| *at);
            let next = next.map(|at| self.context.clock.instant(at).into());
            tokio::select! {
                changed = phase.changed() => {
                    if changed.is_err() {
                        break;
                    }
                }
                Some(done) = self.tasks.join_next() => self.ended(done, true),
                due = tick.tick() => self.record_delay(due),
                () = until(next) => {}
            }
        }
        self.end(phase).await;
        let mut tally = self.context.tally.lock();
        tally.events.waiting = self.machines.iter().map(|machine| machine.waiting()).sum();
    }

    /// Records by how much a tick was late.
    fn record_delay(&self, due: tokio::time::Instant) {
        let micros = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.context.tally.lock().lateness.add(micros);
    }

    /// Starts the schedules of the machines, spread over the ramp.
    fn start(&mut self) {
        let plan = &self.context.plan;
        let now = self.context.clock.now().millis();
        let ramp = u64::try_from(plan.ramp.as_millis()).unwrap_or(u64::MAX);
        for (index, machine) in self.machines.iter().enumerate() {
            let first = now + self.random.below(ramp);
            // Skip the initial delay of the schedule.
            let started = LocalTime::from_millis(first.saturating_sub(SETTLE_MILLIS));
            machine.daemon(|daemon, random| {
                *daemon = Daemon::new(None).spread(plan.spread_percent.into());
                let _ = daemon.handle(Wake::Started, started, random.draw());
            });
            self.heap.push(Reverse((first, index, Action::Sync)));
            if plan.events_per_hour > 0 {
                let at = now + machine.daemon(|_, random| random.until_next(plan.events_per_hour));
                self.heap.push(Reverse((at, index, Action::Program)));
            }
        }
    }

    fn start_due_actions(&mut self) {
        let now = self.context.clock.now();
        while let Some(Reverse((at, index, next))) = self.heap.peek().copied()
            && at <= now.millis()
        {
            self.heap.pop();
            match next {
                Action::Sync => self.sync_due(index, now),
                Action::Program => self.execute_program(index, at),
            }
        }
    }

    fn sync_due(&mut self, index: usize, now: LocalTime) {
        let Some(machine) = self.machines.get(index).map(Rc::clone) else {
            return;
        };
        if let Activity::Busy { .. } = machine.activity.get() {
            machine.activity.set(Activity::Busy { is_sync_due: true });
            return;
        }
        let job = match machine.daemon(|daemon, _| daemon.next(now)) {
            Due::Now(job) => job,
            Due::At(at) => return self.heap.push(Reverse((at.millis(), index, Action::Sync))),
            Due::Running | Due::Nothing => return,
        };
        machine.daemon(|daemon, random| {
            let _ = daemon.handle(Wake::Began(job), now, random.draw());
        });
        machine.activity.set(Activity::Busy { is_sync_due: false });
        self.context.tally.lock().running += 1;
        let context = Rc::clone(&self.context);
        self.tasks.spawn_local(async move {
            let report = context.sync(&machine, job, true).await;
            (index, Done::Synced(Box::new(report)))
        });
    }

    fn execute_program(&mut self, index: usize, at: u64) {
        let Some(machine) = self.machines.get(index) else {
            return;
        };
        machine.execute_program(at, &self.context.tally);
        let per_hour = self.context.plan.events_per_hour;
        let next = at + machine.daemon(|_, random| random.until_next(per_hour));
        self.heap.push(Reverse((next, index, Action::Program)));
        self.upload_urgent(index);
    }

    /// Uploads urgent events if the machine is idle.
    fn upload_urgent(&mut self, index: usize) {
        let Some(machine) = self.machines.get(index).map(Rc::clone) else {
            return;
        };
        if machine.activity.get() != Activity::Idle || !machine.has_urgent() {
            return;
        }
        machine.activity.set(Activity::Busy { is_sync_due: false });
        let context = Rc::clone(&self.context);
        self.tasks.spawn_local(async move {
            let (uploaded, stage) = context.upload(&machine).await;
            (index, Done::Uploaded(uploaded, stage))
        });
    }

    /// Handles the end of an activity, and starts the next one.
    fn ended(&mut self, done: Result<(usize, Done), tokio::task::JoinError>, continues: bool) {
        let Ok((index, done)) = done else {
            return;
        };
        let Some(machine) = self.machines.get(index).map(Rc::clone) else {
            return;
        };
        let was = machine.activity.replace(Activity::Idle);
        let now = self.context.clock.now();
        match done {
            Done::Synced(report) => self.synced(index, &machine, &report, now),
            Done::Uploaded(uploaded, stage) => {
                let mut tally = self.context.tally.lock();
                tally.events.uploaded_at_once += u64::from(uploaded.events);
                tally.stage(RequestKind::EventUpload, &stage);
            }
        }
        if continues {
            if was == (Activity::Busy { is_sync_due: true }) {
                self.sync_due(index, now);
            }
            self.upload_urgent(index);
        }
    }

    fn synced(&mut self, index: usize, machine: &VirtualMachine, report: &Report, now: LocalTime) {
        let is_first = machine.note_end(report);
        {
            let mut tally = self.context.tally.lock();
            tally.running = tally.running.saturating_sub(1);
            tally.machines_synced += u64::from(is_first);
            tally.synced(report);
        }
        let wake = match report.preflighted {
            Some(seen) => Wake::Preflighted(Preflighted {
                interval: self.context.plan.interval.unwrap_or(seen.interval),
                ..seen
            }),
            None => Wake::PreflightFailed,
        };
        let due = machine.daemon(|daemon, random| {
            let _ = daemon.handle(wake, now, random.draw());
            let _ = daemon.handle(Wake::Ended, now, random.draw());
            daemon.next(now)
        });
        let at = match due {
            Due::At(at) => at.millis(),
            Due::Now(_) => now.millis(),
            Due::Running | Due::Nothing => return,
        };
        self.heap.push(Reverse((at, index, Action::Sync)));
    }

    /// Waits for running activities, and aborts them after the timeout.
    async fn end(&mut self, phase: &mut watch::Receiver<Phase>) {
        let timeout = tokio::time::sleep(FINISH_TIMEOUT);
        tokio::pin!(timeout);
        while *phase.borrow_and_update() != Phase::Stopped {
            tokio::select! {
                done = self.tasks.join_next() => match done {
                    Some(done) => self.ended(done, false),
                    None => break,
                },
                () = &mut timeout => break,
                changed = phase.changed() => {
                    if changed.is_err() {
                        break;
                    }
                }
            }
        }
        self.tasks.shutdown().await;
        let mut tally = self.context.tally.lock();
        tally.syncs.cut_off = std::mem::take(&mut tally.running);
    }
}

async fn until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl VirtualMachine {
    /// Stores the result of a sync. Returns whether it is the first successful one.
    pub(super) fn note_end(&self, report: &Report) -> bool {
        let failed = [&report.preflight, &report.rule_download, &report.postflight];
        let error = failed.into_iter().find_map(|stage| match stage {
            StageReport::Failed(error) => Some(error.to_string().into_boxed_str()),
            _ => None,
        });
        self.set_trouble(error);
        report.status() == Status::Success && !self.has_synced.replace(true)
    }
}
