//! A first sync of 100,000 records and of 1,000, and a listing of 100,000 from the server: records per second, peak memory,
//! and shares of the time, compared with inserts by SQLite alone. Prints PASS or FAIL for each bound, and exits with 1 if one
//! fails.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints figures and may panic"
)]

mod measured_run;
mod sqlite_only;
mod stages;

use std::process::ExitCode;
use std::time::Duration;

use selvedge_tests::{Account, Device, Randomness, Server, Wire, selvedge};
use serde_json::{Value, json};

use self::measured_run::Measured;

const MANY: u32 = 100_000;
const FEW: u32 = 1000;
/// Number of measurements; the best one counts, because other load on the machine can only make it slower.
const ROUNDS: usize = 3;
const MIB: f64 = 1024.0 * 1024.0;

/// Records of about 500 bytes with random ids.
fn records(count: u32) -> impl Iterator<Item = Value> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut random = Randomness::new(1);
    (0..count).map(move |n| {
        let bits = random.next();
        let id: String = (0..10).map(|at| char::from(ALPHABET[(bits >> (6 * at) & 63) as usize])).collect();
        json!({
            "id": format!("{id}{:02}", n % 100),
            "histUri": format!("https://www.example.org/articles/{n}/{bits:016x}?utm_source=feed&page={}", n % 17),
            "title": format!("Article {n}: what became of the “{bits:x}” \u{2013} a long story, told in short"),
            "body": format!("{:x}", random.next()).repeat(14),
            "visits": [{"date": 1_700_000_000_000_000_u64 + u64::from(n), "type": 1}],
        })
    })
}

/// A server with an account that has `count` records.
struct TestAccount {
    server: Server,
    account: Account,
}

impl TestAccount {
    fn new(count: u32) -> Self {
        let server = Server::start();
        let account = Account::new(1);
        let device = Device::with_token(&server, server.url(), &account);
        device.put_many(records(count));
        device.sync();
        Self { server, account }
    }

    fn credentials(&self) -> Value {
        self.server
            .master_secret()
            .credentials(self.server.url(), &self.account, 3600)
    }

    /// A new device syncs for the first time.
    fn first_sync(&self, count: u32) -> (Device, Measured) {
        let device = Device::with_credentials(&self.credentials());
        let measured = measured_run::run(&device, &["--json", "sync", "notes"]);
        let report: Value = serde_json::from_str(&measured.stdout).unwrap();
        assert_eq!(report["collections"][0]["received"], count, "{report}");
        (device, measured)
    }
}

/// Counts the bounds that do not hold.
#[derive(Default)]
struct Bounds {
    failed: u32,
}

impl Bounds {
    fn check(&mut self, holds: bool, claim: &str) {
        println!("{}  {claim}", if holds { "PASS" } else { "FAIL" });
        self.failed += u32::from(!holds);
    }
}

fn rate(count: u32, time: Duration) -> f64 {
    f64::from(count) / time.as_secs_f64()
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB
}

fn main() -> ExitCode {
    let mut bounds = Bounds::default();
    println!("{}", selvedge().display());
    println!("building an account of {MANY} records and one of {FEW}");
    let (large, small) = (TestAccount::new(MANY), TestAccount::new(FEW));
    sync(&large, &small, &mut bounds);
    list(&large, &mut bounds);
    if bounds.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn sync(large: &TestAccount, small: &TestAccount, bounds: &mut Bounds) {
    let (_, few) = small.first_sync(FEW);
    println!(
        "\nfirst sync of {FEW:>6}: {:>8.0} records/s, peak {:.1} MiB",
        rate(FEW, few.time),
        mib(few.peak)
    );
    let (mut synced, mut sqlite, mut sqlite_at_once) =
        (Duration::MAX, Duration::MAX, Duration::MAX);
    let mut peak = 0;
    for _ in 0..ROUNDS {
        let (device, measured) = large.first_sync(MANY);
        let rows = sqlite_only::rows(&device.path("store.sqlite"));
        assert_eq!(rows.len(), MANY as usize);
        (synced, peak) = (synced.min(measured.time), peak.max(measured.peak));
        sqlite = sqlite.min(sqlite_only::insert(&rows, 500));
        sqlite_at_once = sqlite_at_once.min(sqlite_only::insert(&rows, rows.len()));
    }
    println!(
        "first sync of {MANY:>6}: {:>8.0} records/s, peak {:.1} MiB",
        rate(MANY, synced),
        mib(peak)
    );
    println!(
        "SQLite alone:         {:>8.0} records/s in commits of 500",
        rate(MANY, sqlite)
    );
    println!(
        "                      {:>8.0} records/s in one commit",
        rate(MANY, sqlite_at_once)
    );
    println!(
        "{}",
        stages::measure(&large.credentials(), &large.account, MANY)
    );
    let above = mib(peak.saturating_sub(few.peak));
    bounds.check(
        above <= 32.0,
        &format!("peak of {MANY} is {above:.1} MiB above that of {FEW} (at most 32)"),
    );
    let share = 100.0 * sqlite.as_secs_f64() / synced.as_secs_f64();
    bounds.check(
        share >= 40.0,
        &format!("the first sync runs at {share:.0} % of SQLite alone (at least 40)"),
    );
}

fn list(large: &TestAccount, bounds: &mut Bounds) {
    let wire = Wire::new(&large.credentials(), &large.account);
    let damaged = "0damaged";
    wire.put("notes", damaged, "{oops");
    let device = Device::with_credentials(&large.credentials());
    let (mut time, mut peak, mut decode) = (Duration::MAX, 0, Duration::MAX);
    let mut last = None;
    for _ in 0..ROUNDS {
        let measured = measured_run::run(
            &device,
            &["records", "list", "notes", "--remote", "--format", "jsonl"],
        );
        (time, peak) = (time.min(measured.time), peak.max(measured.peak));
        decode = decode.min(stages::decode(&large.credentials(), &large.account, MANY));
        last = Some(measured);
    }
    let last = last.unwrap();
    let lines = last.stdout.lines().count();
    println!(
        "\nlisting of {MANY:>6}:    {:>8.0} records/s, peak {:.1} MiB",
        rate(MANY, time),
        mib(peak)
    );
    println!(
        "decoding alone:       {:>8.0} records/s, one thread",
        rate(MANY, decode)
    );
    bounds.check(
        mib(peak) <= 32.0,
        &format!("the listing's peak is {:.1} MiB (at most 32)", mib(peak)),
    );
    let share = 100.0 * decode.as_secs_f64() / time.as_secs_f64();
    bounds.check(
        share >= 50.0,
        &format!("the listing runs at {share:.0} % of the decoding alone (at least 50)"),
    );
    bounds.check(
        lines == MANY as usize,
        &format!("every sound record is printed ({lines})"),
    );
    let is_named = last.code == Some(9) && last.stderr.contains(damaged);
    bounds.check(
        is_named,
        &format!(
            "the damaged record is named, and the exit code is 9 ({:?})",
            last.code
        ),
    );
}
