//! From a plan to a report: threads for the machines, an end by time or by hand, and one sum of all they counted.

use std::time::Instant;

use selvedge_core::http::Fetch;
use selvedge_santa::Address;
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::task::LocalSet;

use super::agreement::Agreement;
use super::live::Live;
use super::network::{FleetClock, Gates};
use super::plan::Plan;
use super::report::FleetReport;
use super::shard::{Ground, Phase, Shard};
use super::stats::{FleetStats, Shared};
use selvedge_host::exit::{HostError, Result};
use selvedge_host::output::Output;

/// Lets a fleet live, and tells what became of it. `make_fetch` makes the network of one thread.
///
/// Ctrl-C ends it early, and again cuts off what still runs; there is a report nevertheless.
///
/// # Errors
/// When the server's URL is none, or the system gives no threads.
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
    let gates = Gates::new(plan.connections, plan.downloads);
    let (phase, _) = watch::channel(Phase::Running);
    let threads = plan.threads.clamp(1, plan.machines.max(1) as usize);
    let mut tallies = Vec::new();
    let mut answers = Vec::new();
    for first in 0..threads {
        let tally = Shared::new(FleetStats::new(started, plan.duration));
        tallies.push(tally.clone());
        let ground = Ground {
            plan: plan.clone(),
            fetch: make_fetch()?,
            gates: gates.clone(),
            clock,
            tally,
        };
        answers.push(spawn(ground, first, threads, phase.subscribe())?);
    }
    let live = Live::new(output, &plan, &tallies);
    let is_interrupted = drive(&phase, &plan, &live).await;
    let elapsed = started.elapsed();
    let mut agreement = Agreement::default();
    for answer in answers {
        let of_thread = stop_at_will(&phase, &live, answer).await;
        let of_thread = of_thread.ok_or_else(|| {
            HostError::Failed("a thread of the fleet has ended: report this as a fault".into())
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

/// Starts a thread with its machines.
fn spawn<F: Fetch + Send + 'static>(
    ground: Ground<F>,
    first: usize,
    threads: usize,
    mut phase: watch::Receiver<Phase>,
) -> Result<Answer> {
    let (sender, answer) = oneshot::channel();
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(no_threads)?;
    let places = ground.plan.check as usize;
    // Each thread has its part of the places.
    let places = places / threads + usize::from(first < places % threads);
    let work = move || {
        let lived = LocalSet::new().block_on(&runtime, async {
            let first = u32::try_from(first).unwrap_or(u32::MAX);
            let shard = Shard::new(ground, first, threads);
            let mut shard = shard.map_err(|error| HostError::Usage(error.to_string()))?;
            shard.live(&mut phase).await;
            Ok(shard.agreement(places, &mut phase).await)
        });
        // Nobody waits for it any more when the program was told to stop.
        let _ = sender.send(lived);
    };
    let thread = std::thread::Builder::new().name(format!("fleet-{first}"));
    thread.spawn(work).map_err(no_threads)?;
    Ok(answer)
}

fn no_threads(error: std::io::Error) -> HostError {
    HostError::Failed(format!("the system gives no threads or sockets: {error}"))
}

/// Waits for the end, by time or by hand; answers whether it was by hand.
async fn drive(phase: &watch::Sender<Phase>, plan: &Plan, live: &Live<'_>) -> bool {
    let is_interrupted = tokio::select! {
        () = tokio::time::sleep(plan.duration) => false,
        () = live.draw() => false,
        _ = tokio::signal::ctrl_c() => true,
    };
    live.say_end();
    phase.send_replace(Phase::Ending);
    is_interrupted
}

/// Waits for a thread; a signal cuts off what still runs.
async fn stop_at_will(
    phase: &watch::Sender<Phase>,
    live: &Live<'_>,
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
