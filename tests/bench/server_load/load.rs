//! The kinds of load, and their measurement.

use std::fmt;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::client::{Connection, User, fresh};
use crate::process::Server;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    InfoCollections,
    NotModified,
    Page,
    GetRecord,
    PutRecord,
    PostNew,
    PostOverwriting,
    PostEmpty,
    Batch,
}

/// The time of many requests.
pub(crate) struct Summary {
    rate: f64,
    pub(crate) median: Duration,
    p99: Duration,
    pub(crate) cpu: Duration,
    /// The share of the time that was spent waiting for flushes.
    pub(crate) flush_share: Option<f64>,
}

/// A payload of typical size: 912 bytes with its envelope.
pub(crate) fn payload() -> String {
    let ciphertext = "c".repeat(684);
    let hmac = "0123456789abcdef".repeat(4);
    format!(
        "{{\"ciphertext\":\"{ciphertext}\",\"IV\":\"MDEyMzQ1Njc4OWFiY2RlZg==\",\"hmac\":\"{hmac}\"}}"
    )
}

/// Ids that are spread over the index, like random ones.
pub(crate) fn scattered(number: u64) -> String {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!("{:012x}", (mixed ^ (mixed >> 29)) & 0xFFFF_FFFF_FFFF)
}

fn body(numbers: impl Iterator<Item = u64>) -> Vec<u8> {
    let payload = payload().replace('"', "\\\"");
    let mut text = "[".to_owned();
    for number in numbers {
        let comma = if text.len() > 1 { "," } else { "" };
        let _ = write!(
            text,
            "{comma}{{\"id\":\"{}\",\"payload\":\"{payload}\"}}",
            scattered(number)
        );
    }
    (text + "]").into_bytes()
}

/// Uploads a collection with the records 0, 1, 2, … in batches.
pub(crate) fn fill(user: &User, collection: &str, count: u64) {
    let mut connection = user.connect();
    let numbers: Vec<u64> = (0..count).collect();
    for batch in numbers.chunks(10_000) {
        upload(&mut connection, collection, batch);
    }
}

fn upload(connection: &mut Connection<'_>, collection: &str, numbers: &[u64]) {
    let mut query = "batch=true".to_owned();
    let posts = numbers.len().div_ceil(100);
    for (post, hundred) in numbers.chunks(100).enumerate() {
        let commit = if post + 1 == posts {
            "&commit=true"
        } else {
            ""
        };
        let path = format!("/storage/{collection}?{query}{commit}");
        let reply = connection.send("POST", &path, "", &body(hundred.iter().copied()));
        assert!(
            matches!(reply.status, 200 | 202),
            "{}",
            String::from_utf8_lossy(&reply.body)
        );
        if post == 0 && posts > 1 {
            let answer: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
            query = format!("batch={}", answer["batch"].as_str().expect("a batch"));
        }
    }
}

/// Sends one POST of 100 new records, and returns its time.
pub(crate) fn one_post(user: &User, collection: &str) -> Duration {
    let mut connection = user.connect();
    let first = 1_000_000 + fresh() * 100;
    let body = body(first..first + 100);
    let started = Instant::now();
    let reply = connection.send("POST", &format!("/storage/{collection}"), "", &body);
    assert_eq!(reply.status, 200);
    started.elapsed()
}

impl Load {
    pub(crate) const ALL: [Self; 9] = [
        Self::InfoCollections,
        Self::NotModified,
        Self::GetRecord,
        Self::Page,
        Self::PutRecord,
        Self::PostNew,
        Self::PostOverwriting,
        Self::PostEmpty,
        Self::Batch,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::InfoCollections => "GET info/collections",
            Self::NotModified => "GET info/collections, 304",
            Self::Page => "GET a page of 1,000 full records",
            Self::GetRecord => "GET one record",
            Self::PutRecord => "PUT one record",
            Self::PostNew => "POST of 100 new records",
            Self::PostOverwriting => "POST overwriting 100 records",
            Self::PostEmpty => "POST of 100 into an empty collection",
            Self::Batch => "batch of 1,000 in 10 POSTs",
        }
    }

    pub(crate) fn is_bodyless(self) -> bool {
        matches!(self, Self::InfoCollections | Self::NotModified)
    }

    /// Sends one request, and returns its time.
    fn once(self, connection: &mut Connection<'_>, known: &str) -> Duration {
        let number = fresh();
        let (method, path, header, body) = match self {
            Self::InfoCollections => (
                "GET",
                "/info/collections".to_owned(),
                String::new(),
                Vec::new(),
            ),
            Self::NotModified => {
                let header = format!("x-if-modified-since: {known}\r\n");
                ("GET", "/info/collections".to_owned(), header, Vec::new())
            }
            Self::Page => (
                "GET",
                "/storage/page?full=1&limit=1000".to_owned(),
                String::new(),
                Vec::new(),
            ),
            Self::GetRecord => (
                "GET",
                format!("/storage/page/{}", scattered(number % 1000)),
                String::new(),
                Vec::new(),
            ),
            Self::PutRecord => {
                let body = format!("{{\"payload\":\"{}\"}}", payload().replace('"', "\\\""));
                (
                    "PUT",
                    format!("/storage/over/{}", scattered(number % 1000)),
                    String::new(),
                    body.into_bytes(),
                )
            }
            Self::PostNew => {
                let first = 1_000_000 + number * 100;
                (
                    "POST",
                    "/storage/new".to_owned(),
                    String::new(),
                    body(first..first + 100),
                )
            }
            Self::PostOverwriting => {
                let first = number % 10 * 100;
                (
                    "POST",
                    "/storage/over".to_owned(),
                    String::new(),
                    body(first..first + 100),
                )
            }
            Self::PostEmpty => {
                let first = 1_000_000 + number * 100;
                let path = format!("/storage/empty{}", number % 1_000_000);
                ("POST", path, String::new(), body(first..first + 100))
            }
            Self::Batch => {
                let first = 1_000_000 + number * 1000;
                let numbers: Vec<u64> = (first..first + 1000).collect();
                let begun = Instant::now();
                upload(connection, "batch", &numbers);
                return begun.elapsed();
            }
        };
        let begun = Instant::now();
        let reply = connection.send(method, &path, &header, &body);
        let time = begun.elapsed();
        let expected = if self == Self::NotModified { 304 } else { 200 };
        assert_eq!(
            reply.status,
            expected,
            "{}",
            String::from_utf8_lossy(&reply.body)
        );
        if self == Self::PostEmpty {
            connection.delete(path.trim_start_matches("/storage/"));
        }
        time
    }
}

/// Whether requests are sent one at a time, or concurrently for each user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concurrency {
    /// The users alternate, because the timestamps of one user's writes allow at most a hundred writes per second for long.
    OneAtATime,
    EachUser,
}

/// Users send requests repeatedly, each on its own connection.
pub(crate) fn run(
    server: &Server,
    users: &[User],
    load: Load,
    concurrency: Concurrency,
    time: Duration,
) -> Summary {
    let (cpu, flushes) = (server.cpu(), server.flushes());
    let started = Instant::now();
    let groups = match concurrency {
        Concurrency::OneAtATime => users.chunks(users.len()),
        Concurrency::EachUser => users.chunks(1),
    };
    let times = std::thread::scope(|scope| {
        let threads: Vec<_> = groups
            .map(|users| scope.spawn(move || ask(users, load, time)))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("a client"))
            .collect::<Vec<_>>()
    });
    let elapsed = started.elapsed();
    let count = times.len();
    let flushes = server.flushes() - flushes;
    Summary {
        rate: count as f64 / elapsed.as_secs_f64(),
        cpu: (server.cpu() - cpu) / u32::try_from(count.max(1)).unwrap_or(u32::MAX),
        flush_share: Some(flushes.as_secs_f64() / elapsed.as_secs_f64()),
        ..Summary::of(times)
    }
}

fn ask(users: &[User], load: Load, time: Duration) -> Vec<Duration> {
    let mut connections = Vec::with_capacity(users.len());
    for user in users {
        let mut connection = user.connect();
        let info = connection.send("GET", "/info/collections", "", b"");
        connections.push((connection, info.last_modified));
    }
    let started = Instant::now();
    let mut times = Vec::new();
    let mut next = 0;
    while started.elapsed() < time {
        let (connection, known) = &mut connections[next];
        times.push(load.once(connection, known));
        next = (next + 1) % users.len();
    }
    times
}

/// The time of `count` consecutive PUTs of one record by one user.
pub(crate) fn burst(user: &User, count: u64) -> Duration {
    let mut connection = user.connect();
    let body = format!("{{\"payload\":\"{}\"}}", payload().replace('"', "\\\""));
    let started = Instant::now();
    for _ in 0..count {
        let path = format!("/storage/burst/{}", scattered(fresh()));
        let reply = connection.send("PUT", &path, "", body.as_bytes());
        assert_eq!(reply.status, 200);
    }
    started.elapsed()
}

impl Summary {
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |share: f64| {
            times
                .get((times.len() as f64 * share) as usize)
                .or(times.last())
                .copied()
                .unwrap_or_default()
        };
        let total: Duration = times.iter().sum();
        Self {
            rate: times.len() as f64 / total.as_secs_f64(),
            median: at(0.5),
            p99: at(0.99),
            cpu: Duration::ZERO,
            flush_share: None,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(
            f,
            "{:>7.0}/s {:>7.2} {:>7.2} ms",
            self.rate,
            millis(self.median),
            millis(self.p99)
        )?;
        if self.cpu > Duration::ZERO {
            write!(f, " {:>6} µs", self.cpu.as_micros())?;
        }
        if let Some(share) = self.flush_share {
            write!(f, " {:>3.0} %", share * 100.0)?;
        }
        Ok(())
    }
}
