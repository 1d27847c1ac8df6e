//! A fleet while it runs, drawn on stderr where somebody watches.

use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::histogram::millis;
use super::plan::Plan;
use super::tally::{Asked, Shared, Tally};
use crate::output::Output;

/// So often it is drawn.
const EVERY: Duration = Duration::from_millis(250);

/// A bar for the time, and a table of what happens.
pub(super) struct Live<'a> {
    tallies: &'a [Shared],
    started: Instant,
    duration: Duration,
    machines: u32,
    drawn: Option<Drawn>,
}

struct Drawn {
    bars: MultiProgress,
    time: ProgressBar,
    table: ProgressBar,
}

impl<'a> Live<'a> {
    pub(super) fn new(output: Output, plan: &Plan, tallies: &'a [Shared]) -> Self {
        Self {
            tallies,
            started: Instant::now(),
            duration: plan.duration,
            machines: plan.machines,
            drawn: output.may_draw().then(|| Drawn::new(plan)),
        }
    }

    /// Draws until something else happens.
    pub(super) async fn draw(&self) {
        let Some(drawn) = &self.drawn else {
            return std::future::pending().await;
        };
        loop {
            let mut tally = Tally::new(self.started, self.duration);
            self.tallies
                .iter()
                .for_each(|other| tally.merge(&other.lock()));
            let past = self.started.elapsed();
            drawn.time.set_position(past.as_secs());
            drawn.table.set_message(table(&tally, self.machines, past));
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Says that the time is over.
    pub(super) fn say_end(&self) {
        if let Some(drawn) = &self.drawn {
            drawn.time.set_message(
                "ending: what runs may end, then rules are compared; Ctrl-C stops at once",
            );
        }
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        if let Some(drawn) = &self.drawn {
            // Nobody is left to look when stderr is closed.
            let _ = drawn.bars.clear();
        }
    }
}

impl Drawn {
    fn new(plan: &Plan) -> Self {
        let bars = MultiProgress::new();
        let time = bars.add(ProgressBar::new(plan.duration.as_secs()));
        if let Ok(style) = ProgressStyle::with_template("{bar:40.cyan/dim} {pos}/{len} s  {msg}") {
            time.set_style(style);
        }
        time.set_message(format!("{} machines; Ctrl-C ends early", plan.machines));
        let table = bars.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            table.set_style(style);
        }
        Self { bars, time, table }
    }
}

/// What is shown while it runs.
fn table(tally: &Tally, machines: u32, past: Duration) -> String {
    let seconds = past.as_secs_f64().max(0.001);
    let mut text = format!(
        "{:<13}{:>10}{:>9}{:>11}{:>11}{:>9}\n",
        "", "requests", "a second", "p50 ms", "p95 ms", "failed"
    );
    for asked in Asked::ALL {
        let Some(requests) = tally.requests.get(&asked) else {
            continue;
        };
        let count = requests.latency.count();
        text += &format!(
            "{:<13}{count:>10}{:>9.1}{:>11.1}{:>11.1}{:>9}\n",
            asked.as_str(),
            count as f64 / seconds,
            millis(requests.latency.permille(500)),
            millis(requests.latency.permille(950)),
            requests.failed,
        );
    }
    let syncs = tally.syncs;
    text += &format!(
        "{} of {machines} machines have synced; syncs: {} ok, {} degraded, {} failed, {} running\n",
        tally.machines_synced, syncs.ok, syncs.degraded, syncs.failed, tally.running
    );
    let events = tally.events;
    text += &format!("events: {} made, {} uploaded", events.made, events.uploaded);
    text
}

#[cfg(test)]
mod tests {
    use super::super::tally::Attempt;
    use super::*;

    #[test]
    fn the_table_has_a_line_for_what_was_asked() {
        let mut tally = Tally::new(Instant::now(), Duration::from_secs(10));
        tally.attempt(&Attempt {
            asked: Asked::Preflight,
            took: Duration::from_millis(20),
            sent: 1,
            received: 1,
            failure: None,
        });
        let text = table(&tally, 5, Duration::from_secs(2));
        assert!(
            text.contains("preflight") && !text.contains("postflight"),
            "{text}"
        );
        assert!(text.contains("0 of 5 machines have synced"), "{text}");
    }
}
