//! A fleet while it runs, drawn on stderr where somebody watches.

use std::time::{Duration, Instant};

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::histogram::millis;
use super::plan::Plan;
use super::stats::{Asked, FleetStats, Requests, Shared};
use selvedge_host::output::Output;

/// The width where the terminal does not tell.
const WIDTH: usize = 80;

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
            let mut tally = FleetStats::new(self.started, self.duration);
            self.tallies
                .iter()
                .for_each(|other| tally.merge(&other.lock()));
            let past = self.started.elapsed();
            drawn.time.set_position(past.as_secs());
            let table = table(&tally, self.machines, past, width());
            drawn.table.set_message(table);
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Says that the time is over.
    pub(super) fn say_end(&self) {
        if let Some(drawn) = &self.drawn {
            let ending = "ending: what runs may end, then rules are compared; Ctrl-C stops at once";
            drawn.time.set_message(folded(ending, width()));
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
        if let Ok(style) = ProgressStyle::with_template("{wide_bar:.cyan/dim} {pos}/{len} s\n{msg}")
        {
            time.set_style(style);
        }
        let begun = format!("{} machines; Ctrl-C ends early", plan.machines);
        time.set_message(folded(&begun, width()));
        let table = bars.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            table.set_style(style);
        }
        Self { bars, time, table }
    }
}

/// How wide the terminal is now.
fn width() -> usize {
    let size = Term::stderr().size_checked();
    // A terminal that does not know says 0.
    let width = size.map(|(_, width)| width).filter(|width| *width > 0);
    width.map_or(WIDTH, usize::from)
}

/// A column of the table: its title, its width, and what it shows.
type Column = (&'static str, usize, fn(&Requests, f64) -> String);

/// The columns, in their order; each with its rank among those that a narrow terminal shows.
const COLUMNS: [(Column, u8); 5] = [
    (
        ("requests", 10, |seen, _| seen.latency.count().to_string()),
        0,
    ),
    (
        ("a second", 9, |seen, seconds| {
            format!("{:.1}", seen.latency.count() as f64 / seconds)
        }),
        3,
    ),
    (("p50 ms", 11, |seen, _| at(seen, 500)), 4),
    (("p95 ms", 11, |seen, _| at(seen, 950)), 2),
    (("failed", 9, |seen, _| seen.failed.to_string()), 1),
];

/// The column of names.
const NAMES: usize = 13;

fn at(seen: &Requests, permille: u64) -> String {
    format!("{:.1}", millis(seen.latency.permille(permille)))
}

/// As many columns as there is room for.
fn columns(width: usize) -> Vec<Column> {
    let mut ranked: Vec<_> = COLUMNS.iter().collect();
    ranked.sort_by_key(|(_, rank)| *rank);
    let mut room = width.saturating_sub(NAMES);
    let mut last = None;
    for ((_, wide, _), rank) in ranked {
        if *wide > room {
            break;
        }
        room -= wide;
        last = Some(*rank);
    }
    let shown = COLUMNS.iter().filter(|(_, rank)| Some(*rank) <= last);
    shown.map(|(column, _)| *column).collect()
}

/// A text in lines that fit, broken between words.
fn folded(text: &str, width: usize) -> String {
    let mut folded = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        match used {
            0 => {}
            _ if used + 1 + length > width => {
                folded.push('\n');
                used = 0;
            }
            _ => {
                folded.push(' ');
                used += 1;
            }
        }
        folded.push_str(word);
        used += length;
    }
    folded
}

/// What is shown while it runs. No line of it is wider than the terminal, which would break it anywhere.
fn table(tally: &FleetStats, machines: u32, past: Duration, width: usize) -> String {
    let seconds = past.as_secs_f64().max(0.001);
    let columns = columns(width);
    let mut text = " ".repeat(NAMES.min(width));
    for (title, wide, _) in &columns {
        text += &format!("{title:>wide$}");
    }
    for asked in Asked::ALL {
        let Some(requests) = tally.requests.get(&asked) else {
            continue;
        };
        text += &format!("\n{:<NAMES$}", asked.as_str());
        for (_, wide, shown) in &columns {
            text += &format!("{:>wide$}", shown(requests, seconds));
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
        text += &folded(&line, width);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::stats::Attempt;
    use super::*;

    #[test]
    fn the_table_has_a_line_for_what_was_asked() {
        let mut tally = FleetStats::new(Instant::now(), Duration::from_secs(10));
        tally.attempt(&Attempt {
            asked: Asked::Preflight,
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
        for asked in Asked::ALL {
            tally.attempt(&Attempt {
                asked,
                took: Duration::from_secs(120),
                sent: 1,
                received: 1,
                failure: None,
            });
        }
        tally.syncs.ok = 1_000_000;
        tally.syncs.failed = 1_000_000;
        for (width, titles) in [
            (120, "requests a second p50 ms p95 ms failed"),
            (80, "requests a second p50 ms p95 ms failed"),
            (63, "requests a second p50 ms p95 ms failed"),
            (62, "requests a second p95 ms failed"),
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
    fn a_text_is_broken_between_words() {
        assert_eq!(folded("a bc def g", 4), "a bc\ndef\ng");
        assert_eq!(folded("a bc def g", 5), "a bc\ndef g");
        assert_eq!(folded("longer", 3), "longer");
        assert_eq!(folded("", 3), "");
    }
}
