//! `selvedge santa simulate`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use selvedge_santa::wire::Form;
use selvedge_santa::{Address, Encoding};

use crate::output::Output;
use selvedge_fleet::{self as fleet, FleetReport, Plan};
use selvedge_host::exit::{HostError, Result};
use selvedge_santa_host::{Config, SantaFetch};

/// The maximum time over which first syncs are spread.
const LONGEST_RAMP: Duration = Duration::from_secs(600);

/// The machines, the duration and the server.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The server's base URL.
    #[arg(long, value_name = "URL", required_unless_present = "config")]
    pub server: Option<String>,
    /// A santa.toml for all machines: extra headers, trust, client certificate, proxy, and the server if --server is
    /// missing.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The number of machines.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub machines: u32,
    /// The duration of the simulation: 30s, 10m, 2h.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    pub duration: Duration,
    /// The time over which first syncs are spread [default: half of the duration, at most ten minutes].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub ramp: Option<Duration>,
    /// Start all first syncs at the same time.
    #[arg(long, conflicts_with = "ramp")]
    pub storm: bool,
    /// The interval between syncs of a machine [default: the server's].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub interval: Option<Duration>,
    /// The average number of programs that a machine runs per hour.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(..=36_000))]
    pub events_per_hour: u32,
    /// The seed of the random numbers: the same seed gives the same machines.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The maximum number of concurrent requests.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=30_000))]
    pub connections: u32,
    /// The maximum number of concurrent rule downloads: with many rules, each needs megabytes of memory.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=30_000))]
    pub downloads: u32,
    /// The number of machines whose rules are compared at the end with those that the server sends to a new machine.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub check: u32,
    /// The number of threads [default: one per core, at most eight].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub threads: Option<u32>,
    /// The compression of bodies.
    #[arg(long, value_parser = ["deflate", "gzip", "zlib", "none"])]
    pub encoding: Option<String>,
    /// Use protobuf instead of JSON.
    #[arg(long)]
    pub proto: bool,
    /// Also write the report to this file, as a page with charts.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Runs a fleet, and prints its report.
pub(super) async fn run(output: Output, args: SimulateArgs) -> Result<()> {
    let config = config(output, args.config.as_deref())?;
    let mut plan = plan(&args, config.as_ref());
    let address =
        Address::new(&plan.server, "M").map_err(|error| HostError::Usage(error.to_string()))?;
    let connections = fleet::raise_open_files(plan.connections, plan.threads);
    if connections < plan.connections {
        output.note(format!(
            "only {connections} concurrent requests, because of the limit on open files: raise `ulimit -n`"
        ));
        plan.connections = connections;
    }
    let config = config.map_or_else(|| Config::parse(Path::new("santa.toml"), "", false), Ok)?;
    let fetch =
        || SantaFetch::new(&config, &address).map_err(|error| HostError::Failed(error.to_string()));
    let report = fleet::run(plan, output, fetch).await?;
    if let Some(path) = &args.html {
        write_page(path, &report)?;
    }
    output.answer(&report)?;
    report
        .complaint()
        .map_or(Ok(()), |complaint| Err(HostError::Partial(complaint)))
}

/// The configuration, if one is given; its warnings go to stderr.
fn config(output: Output, path: Option<&Path>) -> Result<Option<Config>> {
    let Some(path) = path else {
        return Ok(None);
    };
    let config = Config::read(path)?;
    for warning in &config.warnings {
        output.note(format_args!("{}: {warning}", path.display()));
    }
    Ok(Some(config))
}

fn plan(args: &SimulateArgs, config: Option<&Config>) -> Plan {
    let configured = config.and_then(|config| config.base_url.as_deref());
    let server = args.server.as_deref().or(configured).unwrap_or_default();
    let plan = match config {
        Some(config) => Plan::with_config(server, config),
        None => Plan::new(server),
    };
    let ramp = args.ramp.unwrap_or((args.duration / 2).min(LONGEST_RAMP));
    Plan {
        machines: args.machines,
        duration: args.duration,
        ramp: if args.storm { Duration::ZERO } else { ramp },
        events_per_hour: args.events_per_hour,
        interval: args
            .interval
            .map(|every| u32::try_from(every.as_secs()).unwrap_or(u32::MAX)),
        seed: args.seed,
        connections: args.connections as usize,
        downloads: args.downloads as usize,
        check: args.check,
        form: if args.proto {
            Form::Protobuf
        } else {
            plan.form
        },
        encoding: args
            .encoding
            .as_deref()
            .map_or(plan.encoding, Encoding::from_setting),
        threads: args
            .threads
            .map_or(plan.threads, |threads| threads as usize),
        ..plan
    }
}

fn write_page(path: &Path, report: &FleetReport) -> Result<()> {
    std::fs::write(path, fleet::page(report)).map_err(HostError::file(path))
}

/// A time as people write it: a number and s, m or h.
fn time(text: &str) -> Result<Duration, String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = text.get(..text.len() - unit.len()).unwrap_or_default();
    let factor = match unit {
        "s" | "" => 1,
        "m" => 60,
        "h" => 3600,
        _ => 0,
    };
    let seconds = number
        .parse::<u32>()
        .ok()
        .and_then(|number| number.checked_mul(factor));
    match seconds {
        Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.into())),
        _ => Err("a time is a whole number and s, m or h, such as 30s".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        let rows = [
            ("30s", Some(30)),
            ("10m", Some(600)),
            ("2h", Some(7200)),
            ("45", Some(45)),
            ("0s", None),
            ("", None),
            ("m", None),
            ("1.5m", None),
            ("-3s", None),
            ("3 s", None),
            ("5000000h", None),
        ];
        for (text, expected) in rows {
            assert_eq!(time(text).ok(), expected.map(Duration::from_secs), "{text}");
        }
    }
}
