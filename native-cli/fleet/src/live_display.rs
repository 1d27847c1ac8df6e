//! The progress display on stderr, if it is a terminal.

use std::time::{Duration, Instant};

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::histogram::millis;
use super::plan::Plan;
use super::stats::{FleetStats, RequestKind, Requests, Shared};
use selvedge_host::output::Output;

/// The width if the terminal does not report one.
const DEFAULT_WIDTH: usize = 80;

/// The interval between updates.
const UPDATE_INTERVAL: Duration = Duration::from_millis(250);

/// A progress bar for the time, and a table of the requests.
pub(super) struct LiveDisplay<'a> {
    tallies: &'a [Shared],
    started: Instant,
    duration: Duration,
    machines: u32,
    bars: Option<Bars>,
}

struct Bars {
    all: MultiProgress,
    time: ProgressBar,
    table: ProgressBar,
}

impl<'a> LiveDisplay<'a> {
    pub(super) fn new(output: Output, plan: &Plan, tallies: &'a [Shared]) -> Self {
        Self {
            tallies,
            started: Instant::now(),
            duration: plan.duration,
            machines: plan.machines,
            bars: output.may_draw().then(|| Bars::new(plan)),
        }
    }

    /// Updates the display until the future is dropped.
    pub(super) async fn draw(&self) {
        let Some(bars) = &self.bars else {
            return std::future::pending().await;
        };
        loop {
            let mut tally = FleetStats::new(self.started, self.duration);
            self.tallies
                .iter()
                .for_each(|other| tally.merge(&other.lock()));
            let past = self.started.elapsed();
            bars.time.set_position(past.as_secs());
            let table = table(&tally, self.machines, past, width());
            bars.table.set_message(table);
            tokio::time::sleep(UPDATE_INTERVAL).await;
        }
    }

    /// Shows that the time has ended.
    pub(super) fn show_end(&self) {
        if let Some(bars) = &self.bars {
            let ending =
                "ending: running syncs finish, then rules are compared; Ctrl-C stops immediately";
            bars.time.set_message(wrapped(ending, width()));
        }
    }
}

impl Drop for LiveDisplay<'_> {
    fn drop(&mut self) {
        if let Some(bars) = &self.bars {
            // This fails if stderr is closed, which does not matter.
            let _ = bars.all.clear();
        }
    }
}

impl Bars {
    fn new(plan: &Plan) -> Self {
        let all = MultiProgress::new();
        let time = all.add(ProgressBar::new(plan.duration.as_secs()));
        if let Ok(style) = ProgressStyle::with_template("{wide_bar:.cyan/dim} {pos}/{len} s\n{msg}")
        {
            time.set_style(style);
        }
        let begun = format!("{} machines; Ctrl-C ends the run early", plan.machines);
        time.set_message(wrapped(&begun, width()));
        let table = all.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            table.set_style(style);
        }
        Self { all, time, table }
    }
}

/// The current width of the terminal.
fn width() -> usize {
    let size = Term::stderr().size_checked();
    // Some terminals report 0.
    let width = size.map(|(_, width)| width).filter(|width| *width > 0);
    width.map_or(DEFAULT_WIDTH, usize::from)
}

/// A column of the table: its title, its width, and its content.
type Column = (&'static str, usize, fn(&Requests, f64) -> String);

/// The columns in their order, each with its priority on a narrow terminal.
const COLUMNS: [(Column, u8); 5] = [
    (
        ("requests", 10, |seen, _| seen.latency.count().to_string()),
        0,
    ),
    (
        ("req/s", 9, |seen, seconds| {
            format!("{:.1}", seen.latency.count() as f64 / seconds)
        }),
        3,
    ),
    (("p50 ms", 11, |seen, _| at(seen, 500)), 4),
    (("p95 ms", 11, |seen, _| at(seen, 950)), 2),
    (("failed", 9, |seen, _| seen.failed.to_string()), 1),
];

/// The width of the column of names.
const NAME_WIDTH: usize = 13;

fn at(seen: &Requests, permille: u64) -> String {
    format!("{:.1}", millis(seen.latency.permille(permille)))
}

/// The columns that fit into the width.
fn columns(width: usize) -> Vec<Column> {
    let mut ranked: Vec<_> = COLUMNS.iter().collect();
    ranked.sort_by_key(|(_, rank)| *rank);
    let mut room = width.saturating_sub(NAME_WIDTH);
    let mut last = None;
    for ((_, column_width, _), rank) in ranked {
        if *column_width > room {
            break;
        }
        room -= column_width;
        last = Some(*rank);
    }
    let shown = COLUMNS.iter().filter(|(_, rank)| Some(*rank) <= last);
    shown.map(|(column, _)| *column).collect()
}

/// Wraps a text between words.
fn wrapped(text: &str, width: usize) -> String {
    let mut wrapped = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        match used {
            0 => {}
            _ if used + 1 + length > width => {
                wrapped.push('\n');
                used = 0;
            }
            _ => {
                wrapped.push(' ');
                used += 1;
            }
        }
        wrapped.push_str(word);
        used += length;
    }
    wrapped
}

/// The text of the table. No line is wider than the terminal, which would wrap it.
fn table(tally: &FleetStats, machines: u32, past: Duration, width: usize) -> String {
    let seconds = past.as_secs_f64().max(0.001);
    let columns = columns(width);
    let mut text = " ".repeat(NAME_WIDTH.min(width));
    for (title, column_width, _) in &columns {
        text += &format!("{title:>column_width$}");
    }
    for kind in RequestKind::ALL {
        let Some(requests) = tally.requests.get(&kind) else {
            continue;
        };
        text += &format!("\n{:<NAME_WIDTH$}", kind.as_str());
        for (_, column_width, shown) in &columns {
            text += &format!("{:>column_width$}", shown(requests, seconds));
        }
    }
    let (syncs, events) = (tally.syncs, tally.events);
    for line in [
        format!(
            "{} of {machines} machines have synced",
            tally.machines_synced
        ),
        format!(
            "syncs: {} ok, {} degraded, {} failed, {} running",
            syncs.ok, syncs.degraded, syncs.failed, tally.running
        ),
        format!("events: {} made, {} uploaded", events.made, events.uploaded),
    ] {
        text.push('\n');
        text += &wrapped(&line, width);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::stats::Attempt;
    use super::*;

    #[test]
    fn the_table_has_a_line_for_each_kind_of_request() {
        let mut tally = FleetStats::new(Instant::now(), Duration::from_secs(10));
        tally.attempt(&Attempt {
            kind: RequestKind::Preflight,
            took: Duration::from_millis(20),
            sent: 1,
            received: 1,
            failure: None,
        });
        let text = table(&tally, 5, Duration::from_secs(2), 80);
        assert!(
            text.contains("preflight") && !text.contains("postflight"),
            "{text}"
        );
        assert!(text.contains("0 of 5 machines have synced"), "{text}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let mut tally = FleetStats::new(Instant::now(), Duration::from_secs(10));
        for kind in RequestKind::ALL {
            tally.attempt(&Attempt {
                kind,
                took: Duration::from_secs(120),
                sent: 1,
                received: 1,
                failure: None,
            });
        }
        tally.syncs.ok = 1_000_000;
        tally.syncs.failed = 1_000_000;
        for (width, titles) in [
            (120, "requests req/s p50 ms p95 ms failed"),
            (80, "requests req/s p50 ms p95 ms failed"),
            (63, "requests req/s p50 ms p95 ms failed"),
            (62, "requests req/s p95 ms failed"),
            (50, "requests p95 ms failed"),
            (40, "requests failed"),
            (24, "requests"),
            (20, ""),
        ] {
            let text = table(&tally, 10_000, Duration::from_secs(2), width);
            for line in text.lines() {
                assert!(line.chars().count() <= width, "{width}: {line:?}");
            }
            let first: Vec<&str> = text
                .lines()
                .next()
                .unwrap_or_default()
                .split_whitespace()
                .collect();
            assert_eq!(first.join(" "), titles, "{width}");
        }
    }

    #[test]
    fn a_text_is_wrapped_between_words() {
        assert_eq!(wrapped("a bc def g", 4), "a bc\ndef\ng");
        assert_eq!(wrapped("a bc def g", 5), "a bc\ndef g");
        assert_eq!(wrapped("longer", 3), "longer");
        assert_eq!(wrapped("", 3), "");
    }
}
