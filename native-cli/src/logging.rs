//! What the program does behind its answers, for those who look for a fault: on stderr, with `-v` or `RUST_LOG`.
//!
//! Requests are logged by method, server, path, status, bytes and time; queries, headers and bodies never are.

use std::io::Write as _;

use log::LevelFilter;
use selvedge_core::host::Clock as _;

use crate::output::{Output, printable};
use selvedge_host::SystemClock;
use selvedge_host::moment;

/// What is logged for a number of `-v`.
fn filter(verbose: u8) -> Option<&'static str> {
    match verbose {
        0 => None,
        1 => Some("selvedge=debug"),
        2 => Some("selvedge=trace,reqwest=debug,rustls=debug"),
        _ => Some("trace"),
    }
}

/// Begins to log, if `-v` or `RUST_LOG` asks for it. `-v` counts where both do.
pub(crate) fn begin(verbose: u8, output: Output) {
    let asked = filter(verbose).map(str::to_owned);
    let Some(filters) = asked.or_else(|| std::env::var("RUST_LOG").ok()) else {
        return;
    };
    let mut builder = env_logger::Builder::new();
    builder
        .filter_level(LevelFilter::Off)
        .parse_filters(&filters);
    builder.target(env_logger::Target::Stderr);
    builder.format(move |out, record| {
        let time = SystemClock.now();
        let message = record.args().to_string();
        let (level, target) = (record.level(), record.target());
        if output.json {
            let line = serde_json::json!({
                "time": time.millis(), "level": level.as_str(), "target": target, "message": message,
            });
            writeln!(out, "{line}")
        } else {
            let (time, message) = (moment::local(time), printable(&message));
            writeln!(out, "{time} {level:<5} {target}: {message}")
        }
    });
    // A program that embeds this library may already have a logger: then that one is used.
    let _ = builder.try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_logged_unless_it_is_asked_for() {
        assert_eq!(filter(0), None);
        assert!(filter(1).is_some_and(|filters| !filters.contains("trace")));
        assert_eq!(filter(7), Some("trace"));
    }
}
