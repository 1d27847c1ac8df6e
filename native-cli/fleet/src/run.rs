//! Runs a simulation: starts the threads, waits for the end or Ctrl-C, and creates the report.

use std::time::Instant;

use selvedge_core::http::Fetch;
use selvedge_santa::Address;
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::task::LocalSet;

use super::agreement::Agreement;
use super::live_display::LiveDisplay;
use super::network::{ConcurrencyLimits, FleetClock};
use super::plan::Plan;
use super::report::FleetReport;
use super::shard::{Context, Phase, Shard};
use super::stats::{FleetStats, Shared};
use selvedge_host::exit::{HostError, Result};
use selvedge_host::output::Output;

/// Runs a simulation and returns its report. `make_fetch` creates the HTTP client of a thread.
///
/// Ctrl-C ends it early; a second Ctrl-C aborts running requests. The report is created in any case.
///
/// # Errors
/// When the server's URL is invalid, or a thread cannot be started.
pub async fn run<F>(
    plan: Plan,
    output: Output,
    make_fetch: impl Fn() -> Result<F>,
) -> Result<FleetReport>
where
    F: Fetch + Send + 'static,
{
    Address::new(&plan.server, "M").map_err(|error| HostError::Usage(error.to_string()))?;
    let started = Instant::now();
    let clock = FleetClock::new(started);
    let limits = ConcurrencyLimits::new(plan.connections, plan.downloads);
    let (phase, _) = watch::channel(Phase::Running);
    let threads = plan.threads.clamp(1, plan.machines.max(1) as usize);
    let mut tallies = Vec::new();
    let mut answers = Vec::new();
    for first in 0..threads {
        let tally = Shared::new(FleetStats::new(started, plan.duration));
        tallies.push(tally.clone());
        let context = Context {
            plan: plan.clone(),
            fetch: make_fetch()?,
            limits: limits.clone(),
            clock,
            tally,
        };
        answers.push(spawn(context, first, threads, phase.subscribe())?);
    }
    let live = LiveDisplay::new(output, &plan, &tallies);
    let is_interrupted = drive(&phase, &plan, &live).await;
    let elapsed = started.elapsed();
    let mut agreement = Agreement::default();
    for answer in answers {
        let of_thread = wait_or_stop(&phase, &live, answer).await;
        let of_thread = of_thread.ok_or_else(|| {
            HostError::Failed(
                "a thread of the simulation ended unexpectedly: this is a bug, please report it"
                    .into(),
            )
        })??;
        agreement.merge(of_thread);
    }
    drop(live);
    let mut tally = FleetStats::new(started, plan.duration);
    tallies.iter().for_each(|other| tally.merge(&other.lock()));
    Ok(FleetReport::new(
        &plan,
        &tally,
        agreement,
        elapsed,
        is_interrupted,
    ))
}

type Answer = oneshot::Receiver<Result<Agreement>>;

/// Starts a thread with a shard of machines.
fn spawn<F: Fetch + Send + 'static>(
    context: Context<F>,
    first: usize,
    threads: usize,
    mut phase: watch::Receiver<Phase>,
) -> Result<Answer> {
    let (sender, answer) = oneshot::channel();
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(thread_error)?;
    let check = context.plan.check as usize;
    // Divide the number of machines to compare among the threads.
    let check = check / threads + usize::from(first < check % threads);
    let work = move || {
        let result = LocalSet::new().block_on(&runtime, async {
            let first = u32::try_from(first).unwrap_or(u32::MAX);
            let shard = Shard::new(context, first, threads);
            let mut shard = shard.map_err(|error| HostError::Usage(error.to_string()))?;
            shard.run(&mut phase).await;
            Ok(shard.agreement(check, &mut phase).await)
        });
        // The receiver is dropped if the program is stopping.
        let _ = sender.send(result);
    };
    let thread = std::thread::Builder::new().name(format!("fleet-{first}"));
    thread.spawn(work).map_err(thread_error)?;
    Ok(answer)
}

fn thread_error(error: std::io::Error) -> HostError {
    HostError::Failed(format!("a thread cannot be started: {error}"))
}

/// Waits until the duration has passed or Ctrl-C. Returns whether it was Ctrl-C.
async fn drive(phase: &watch::Sender<Phase>, plan: &Plan, live: &LiveDisplay<'_>) -> bool {
    let is_interrupted = tokio::select! {
        () = tokio::time::sleep(plan.duration) => false,
        () = live.draw() => false,
        _ = tokio::signal::ctrl_c() => true,
    };
    live.show_end();
    phase.send_replace(Phase::Ending);
    is_interrupted
}

/// Waits for a thread. Ctrl-C aborts running requests.
async fn wait_or_stop(
    phase: &watch::Sender<Phase>,
    live: &LiveDisplay<'_>,
    answer: Answer,
) -> Option<Result<Agreement>> {
    tokio::pin!(answer);
    loop {
        tokio::select! {
            answer = &mut answer => return answer.ok(),
            () = live.draw() => {}
            _ = tokio::signal::ctrl_c() => { phase.send_replace(Phase::Stopped); }
        }
    }
}
