//! The report as text.

use std::fmt;

use super::report::{FleetReport, tenths};
use selvedge_host::output::printable;

/// Formats a number of bytes with a unit.
pub(super) fn bytes(count: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(size, _)| count >= *size) {
        Some((size, unit)) => format!("{:.1} {unit}", count as f64 / size as f64),
        None => format!("{count} bytes"),
    }
}

impl fmt::Display for FleetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let early = if self.interrupted {
            ", ended early"
        } else {
            ""
        };
        writeln!(
            f,
            "{} machines against {} for {:.1} s{early} (seed {})\n",
            self.machines, self.server, self.elapsed_seconds, self.seed
        )?;
        writeln!(
            f,
            "requests   {}, {:.1} per second, {} failed; {} sent, {} received",
            self.requests,
            self.requests_per_second,
            self.requests_failed,
            bytes(self.bytes_sent),
            bytes(self.bytes_received)
        )?;
        let syncs = self.syncs;
        writeln!(
            f,
            "syncs      {} ok, {} degraded, {} failed, {} aborted; {} machines have synced",
            syncs.ok, syncs.degraded, syncs.failed, syncs.cut_off, self.machines_synced
        )?;
        let events = self.events;
        writeln!(
            f,
            "events     {} created: {} uploaded ({} immediately), {} pending, {} not requested, {} deleted without upload",
            events.made,
            events.uploaded,
            events.uploaded_at_once,
            events.waiting,
            events.not_kept,
            events.deleted_unsent
        )?;
        self.write_rules(f)?;
        self.write_used(f)?;
        self.write_stages(f)?;
        self.write_errors(f)
    }
}

impl FleetReport {
    fn write_rules(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rules = &self.rules;
        writeln!(
            f,
            "rules      {} of {} compared machines agree with the server, {} differ, {} unknown; {} never synced",
            rules.agree, rules.compared, rules.differ, rules.unknown, rules.never_synced
        )?;
        for group in rules.groups.iter().take(5) {
            writeln!(
                f,
                "           {} machines have {} rules, hash {}",
                group.machines, group.rules, group.hash
            )?;
        }
        for differing in &rules.differing {
            let difference = differing.difference;
            writeln!(
                f,
                "           {}: {} missing, {} additional, {} different; {}",
                differing.machine,
                difference.missing,
                difference.extra,
                difference.different,
                printable(&differing.why)
            )?;
        }
        match &rules.trouble {
            Some(trouble) => writeln!(f, "           comparison failed: {}", printable(trouble)),
            None => Ok(()),
        }
    }

    fn write_used(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "simulator  {} threads, at most {} connections; scheduling delay {:.0} ms (p50), {:.0} ms (p99)",
            self.threads, self.connections, self.late_milliseconds.p50, self.late_milliseconds.p99
        )?;
        if let Some(memory) = self.used.peak_memory {
            write!(f, "; {} peak memory", bytes(memory))?;
        }
        if let Some(seconds) = self.used.cpu_seconds {
            write!(f, ", {seconds:.1} s CPU time")?;
        }
        writeln!(f)
    }

    fn write_stages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:<13}{:>9}{:>8}{:>10}{:>10}{:>10}{:>10}{:>10}",
            "", "requests", "failed", "req/s", "p50 ms", "p95 ms", "p99 ms", "max ms"
        )?;
        let whole = self.syncs.ok + self.syncs.degraded + self.syncs.failed;
        let sync = (
            "full sync",
            whole,
            self.syncs.failed,
            tenths(whole as f64 / self.elapsed_seconds.max(0.001)),
            self.sync_milliseconds,
        );
        let stages = self.stages.iter().map(|stage| {
            (
                stage.stage.as_str(),
                stage.requests,
                stage.failed,
                stage.per_second,
                stage.milliseconds,
            )
        });
        for (name, count, failed, per_second, latency) in stages.chain([sync]) {
            writeln!(
                f,
                "{name:<13}{count:>9}{failed:>8}{per_second:>10.1}{:>10.1}{:>10.1}{:>10.1}{:>10.1}",
                latency.p50, latency.p95, latency.p99, latency.max
            )?;
        }
        Ok(())
    }

    fn write_errors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.errors.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nerrors")?;
        for error in &self.errors {
            let what = match error.what {
                "attempt" => "requests",
                _ => "syncs without this stage",
            };
            writeln!(
                f,
                "{:>9} {what}: {}, {}",
                error.count,
                error.stage.as_str(),
                error.kind
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_formatted_with_a_unit() {
        let rows = [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1536, "1.5 KiB"),
            (3 << 30, "3.0 GiB"),
        ];
        for (count, expected) in rows {
            assert_eq!(bytes(count), expected);
        }
    }
}
