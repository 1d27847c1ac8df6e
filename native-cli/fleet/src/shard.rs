//! The machines of one thread: a heap says who is next, and each of them does one thing at a time.
//!
//! ```text
//! a sync is due ──────────→ the machine is idle: sync; else: as soon as it is
//! a sync has ended ───────→ its daemon says when the next one is due
//! a program is run ───────→ blocked: sent at once, or as soon as the machine is idle; else it waits for the sync
//! the time is over ───────→ nothing new begins; what runs may end within the grace, then it is cut off
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
use super::machine::{Doing, VirtualMachine};
use super::network::{FleetClock, Gates, VirtualHost};
use super::plan::Plan;
use super::random::Random;
use super::rules::Pool;
use super::stats::{Asked, Shared};

/// What runs when the time is over may end within this.
const GRACE: Duration = Duration::from_secs(10);

/// So often a thread looks whether it keeps up.
const BEAT: Duration = Duration::from_millis(50);

/// The daemon syncs so many seconds after its start.
const SETTLE_MILLIS: u64 = 15_000;

/// How far the fleet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Machines live.
    Running,
    /// Nothing new begins.
    Ending,
    /// Everything is cut off.
    Stopped,
}

/// What all machines of a thread share.
#[derive(Debug)]
pub(super) struct Ground<F> {
    pub(super) plan: Plan,
    pub(super) fetch: F,
    pub(super) gates: Gates,
    pub(super) clock: FleetClock,
    pub(super) tally: Shared,
}

impl<F: Fetch> Ground<F> {
    pub(super) fn options(&self, machine: &VirtualMachine) -> Options<'static> {
        let mut connection = Connection::new(machine.address.clone(), env!("CARGO_PKG_VERSION"));
        connection.form = self.plan.form;
        connection.encoding = self.plan.encoding;
        connection.extra_headers = self.plan.headers.clone();
        let mut said = identity::machine(self.plan.seed, machine.index);
        said.santa_version.clone_from(&self.plan.santa_version);
        said.allows_standalone = self.plan.allows_standalone;
        Options {
            uploads_on_clean: self.plan.uploads_on_clean,
            max_rules: self.plan.most_rules,
            ..Options::new(connection, said)
        }
    }

    /// Syncs a machine; with `is_counted`, as one of the fleet.
    pub(super) async fn sync(
        &self,
        machine: &VirtualMachine,
        job: Job,
        is_counted: bool,
    ) -> Report {
        let tally = is_counted.then(|| self.tally.clone());
        let host = VirtualHost::new(&self.fetch, &self.gates, self.clock, machine, tally);
        let options = self.options(machine);
        match job {
            Job::Full { .. } => sync(&host, &options, &machine.link).await,
            Job::Rules => sync_rules(&host, &options, &machine.link).await,
        }
    }

    async fn upload(&self, machine: &VirtualMachine) -> (Uploaded, StageReport) {
        let tally = Some(self.tally.clone());
        let host = VirtualHost::new(&self.fetch, &self.gates, self.clock, machine, tally);
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

/// What happens next to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Sync,
    Program,
}

/// What a machine has done.
enum Done {
    Synced(Box<Report>),
    Uploaded(Uploaded, StageReport),
}

/// The machines of one thread.
pub(super) struct Shard<F> {
    ground: Rc<Ground<F>>,
    pub(super) pool: Rc<RefCell<Pool>>,
    pub(super) machines: Vec<Rc<VirtualMachine>>,
    /// Times in milliseconds since the Unix epoch.
    heap: BinaryHeap<Reverse<(u64, usize, Next)>>,
    random: Random,
    tasks: JoinSet<(usize, Done)>,
}

impl<F: Fetch + 'static> Shard<F> {
    /// The machines `first`, `first + step`, and so on.
    pub(super) fn new(ground: Ground<F>, first: u32, step: usize) -> Result<Self, BadAddress> {
        let pool = Rc::new(RefCell::new(Pool::new()));
        let plan = &ground.plan;
        let machines = (first..plan.machines)
            .step_by(step.max(1))
            .map(|index| VirtualMachine::new(plan.seed, index, &plan.server, &pool).map(Rc::new));
        let machines = machines.collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            random: Random::of(!plan.seed, first),
            ground: Rc::new(ground),
            pool,
            machines,
            heap: BinaryHeap::new(),
            tasks: JoinSet::new(),
        })
    }

    pub(super) fn ground(&self) -> &Rc<Ground<F>> {
        &self.ground
    }

    /// Lives until the phase says otherwise.
    pub(super) async fn live(&mut self, phase: &mut watch::Receiver<Phase>) {
        self.start();
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while *phase.borrow_and_update() == Phase::Running {
            self.begin_what_is_due();
            let next = self.heap.peek().map(|Reverse((at, ..))| *at);
            let next = next.map(|at| self.ground.clock.instant(at).into());
            tokio::select! {
                changed = phase.changed() => {
                    if changed.is_err() {
                        break;
                    }
                }
                Some(done) = self.tasks.join_next() => self.ended(done, true),
                due = beat.tick() => self.heard_beat(due),
                () = until(next) => {}
            }
        }
        self.end(phase).await;
        let mut tally = self.ground.tally.lock();
        tally.events.waiting = self.machines.iter().map(|machine| machine.waiting()).sum();
    }

    /// Counts by how much a beat came late.
    fn heard_beat(&self, due: tokio::time::Instant) {
        let micros = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.ground.tally.lock().lateness.add(micros);
    }

    /// Sets the machines up, and spreads them over the ramp.
    fn start(&mut self) {
        let plan = &self.ground.plan;
        let now = self.ground.clock.now().millis();
        let ramp = u64::try_from(plan.ramp.as_millis()).unwrap_or(u64::MAX);
        for (place, machine) in self.machines.iter().enumerate() {
            let first = now + self.random.below(ramp);
            // The daemon lets a machine settle before its first sync; these have.
            let started = LocalTime::from_millis(first.saturating_sub(SETTLE_MILLIS));
            machine.daemon(|daemon, random| {
                *daemon = Daemon::new(None).spread(plan.spread_percent.into());
                let _ = daemon.handle(Wake::Started, started, random.draw());
            });
            self.heap.push(Reverse((first, place, Next::Sync)));
            if plan.events_per_hour > 0 {
                let at = now + machine.daemon(|_, random| random.until_next(plan.events_per_hour));
                self.heap.push(Reverse((at, place, Next::Program)));
            }
        }
    }

    fn begin_what_is_due(&mut self) {
        let now = self.ground.clock.now();
        while let Some(Reverse((at, place, next))) = self.heap.peek().copied()
            && at <= now.millis()
        {
            self.heap.pop();
            match next {
                Next::Sync => self.sync_due(place, now),
                Next::Program => self.run_a_program(place, at),
            }
        }
    }

    fn sync_due(&mut self, place: usize, now: LocalTime) {
        let Some(machine) = self.machines.get(place).map(Rc::clone) else {
            return;
        };
        if let Doing::Busy { .. } = machine.doing.get() {
            machine.doing.set(Doing::Busy { is_sync_due: true });
            return;
        }
        let job = match machine.daemon(|daemon, _| daemon.next(now)) {
            Due::Now(job) => job,
            Due::At(at) => return self.heap.push(Reverse((at.millis(), place, Next::Sync))),
            Due::Running | Due::Nothing => return,
        };
        machine.daemon(|daemon, random| {
            let _ = daemon.handle(Wake::Began(job), now, random.draw());
        });
        machine.doing.set(Doing::Busy { is_sync_due: false });
        self.ground.tally.lock().running += 1;
        let ground = Rc::clone(&self.ground);
        self.tasks.spawn_local(async move {
            let report = ground.sync(&machine, job, true).await;
            (place, Done::Synced(Box::new(report)))
        });
    }

    fn run_a_program(&mut self, place: usize, at: u64) {
        let Some(machine) = self.machines.get(place) else {
            return;
        };
        machine.run_a_program(at, &self.ground.tally);
        let per_hour = self.ground.plan.events_per_hour;
        let next = at + machine.daemon(|_, random| random.until_next(per_hour));
        self.heap.push(Reverse((next, place, Next::Program)));
        self.upload_urgent(place);
    }

    /// Sends what is not to wait, if the machine does nothing else.
    fn upload_urgent(&mut self, place: usize) {
        let Some(machine) = self.machines.get(place).map(Rc::clone) else {
            return;
        };
        if machine.doing.get() != Doing::Nothing || !machine.has_urgent() {
            return;
        }
        machine.doing.set(Doing::Busy { is_sync_due: false });
        let ground = Rc::clone(&self.ground);
        self.tasks.spawn_local(async move {
            let (uploaded, stage) = ground.upload(&machine).await;
            (place, Done::Uploaded(uploaded, stage))
        });
    }

    /// Takes in what a machine has done, and lets it go on.
    fn ended(&mut self, done: Result<(usize, Done), tokio::task::JoinError>, goes_on: bool) {
        let Ok((place, done)) = done else {
            return;
        };
        let Some(machine) = self.machines.get(place).map(Rc::clone) else {
            return;
        };
        let was = machine.doing.replace(Doing::Nothing);
        let now = self.ground.clock.now();
        match done {
            Done::Synced(report) => self.synced(place, &machine, &report, now),
            Done::Uploaded(uploaded, stage) => {
                let mut tally = self.ground.tally.lock();
                tally.events.uploaded_at_once += u64::from(uploaded.events);
                tally.stage(Asked::EventUpload, &stage);
            }
        }
        if goes_on {
            if was == (Doing::Busy { is_sync_due: true }) {
                self.sync_due(place, now);
            }
            self.upload_urgent(place);
        }
    }

    fn synced(&mut self, place: usize, machine: &VirtualMachine, report: &Report, now: LocalTime) {
        let is_first = machine.note_end(report);
        {
            let mut tally = self.ground.tally.lock();
            tally.running = tally.running.saturating_sub(1);
            tally.machines_synced += u64::from(is_first);
            tally.synced(report);
        }
        let wake = match report.preflighted {
            Some(seen) => Wake::Preflighted(Preflighted {
                interval: self.ground.plan.interval.unwrap_or(seen.interval),
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
        self.heap.push(Reverse((at, place, Next::Sync)));
    }

    /// Lets what runs end, as long as the grace lasts.
    async fn end(&mut self, phase: &mut watch::Receiver<Phase>) {
        let grace = tokio::time::sleep(GRACE);
        tokio::pin!(grace);
        while *phase.borrow_and_update() != Phase::Stopped {
            tokio::select! {
                done = self.tasks.join_next() => match done {
                    Some(done) => self.ended(done, false),
                    None => break,
                },
                () = &mut grace => break,
                changed = phase.changed() => {
                    if changed.is_err() {
                        break;
                    }
                }
            }
        }
        self.tasks.shutdown().await;
        let mut tally = self.ground.tally.lock();
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
    /// Keeps what a sync's end means; answers whether it is the first that ended well.
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
