//! 10,000 machines of a fleet with a server of 10,000 rules: peak memory, CPU time, requests per second. Prints PASS or FAIL
//! for each bound, and exits with 1 if one fails.
//!
//! The server sends prepared responses from memory, so that the fleet is measured, not the server.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints figures and may panic"
)]

mod prepared_responses;

use std::process::ExitCode;

use selvedge_tests::{Run, selvedge};
use serde_json::Value;

const MACHINES: u64 = 10_000;
const RULES: usize = 10_000;
const MAX_MEMORY: u64 = 1 << 30;

fn main() -> ExitCode {
    println!("{}", selvedge().display());
    let address = prepared_responses::serve(RULES);
    let url = format!("http://{address}/v1/santa");
    let mut failed = 0;
    let mut check = |holds: bool, claim: String| {
        println!("{}  {claim}", if holds { "PASS" } else { "FAIL" });
        failed += u32::from(!holds);
    };
    let starts: [(&str, &[&str]); 2] = [
        ("spread over five minutes", &["--ramp", "5m"]),
        ("all at once", &["--storm"]),
    ];
    for (name, first) in starts {
        let machines = MACHINES.to_string();
        let args = [
            "santa",
            "simulate",
            "--json",
            "--machines",
            &machines,
            "--server",
            &url,
        ];
        let rest = [
            "--duration",
            "6m",
            "--events-per-hour",
            "10",
            "--check",
            "50",
        ];
        let outcome = Run::new(args.iter().chain(&rest).chain(first)).outcome();
        let report = outcome.json();
        let number = |path: &str| {
            report
                .pointer(path)
                .and_then(Value::as_u64)
                .unwrap_or_default()
        };
        let memory = number("/peak_memory");
        println!(
            "\n{name}: {} requests/s, {} s of computing in {} s; late by {} ms (p99)",
            report["requests_per_second"],
            report["cpu_seconds"],
            report["elapsed_seconds"],
            report["late_milliseconds"]["p99"]
        );
        println!("{}", report["stages"]);
        let mib = memory as f64 / f64::from(1 << 20);
        check(
            memory > 0 && memory <= MAX_MEMORY,
            format!("{mib:.1} MiB of memory, at most 1 GiB"),
        );
        let synced = number("/machines_synced");
        check(
            synced == MACHINES,
            format!("{synced} of {MACHINES} machines have synced"),
        );
        let (agree, compared) = (number("/rules/agree"), number("/rules/compared"));
        check(
            agree == 50 && compared == 50,
            format!("{agree} of {compared} have the server's rules"),
        );
    }
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
