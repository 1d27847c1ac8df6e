//! What a fleet is to do.

use std::time::Duration;

use selvedge_santa::wire::Form;
use selvedge_santa::{Encoding, ExtraHeaders};

use selvedge_santa_host::Config;

/// A fleet: how many machines, for how long, against which server.
///
/// ```
/// use selvedge_fleet::Plan;
///
/// let plan = Plan::new("http://127.0.0.1:8080/v1/santa"); assert_eq!(plan.machines, 100);
/// ```
#[derive(Debug, Clone)]
pub struct Plan {
    /// The server's base URL.
    pub server: String,
    /// How many machines.
    pub machines: u32,
    /// How long.
    pub duration: Duration,
    /// Over this time the machines' first syncs are spread; none at all is a storm.
    pub ramp: Duration,
    /// Executions of each machine in an hour, on average.
    pub events_per_hour: u32,
    /// Seconds between two syncs of a machine, whatever the server says.
    pub interval: Option<u32>,
    /// Machines with the same seed are the same machines.
    pub seed: u64,
    /// No more requests at once.
    pub connections: usize,
    /// No more rule downloads at once: rules that are on their way are what takes memory.
    pub downloads: usize,
    /// How many machines' rules are compared with a fresh download at the end.
    pub check: u32,
    /// JSON or protobuf.
    pub form: Form,
    /// How bodies are compressed.
    pub encoding: Encoding,
    /// What is added to every request.
    pub headers: ExtraHeaders,
    /// The version of Santa that the machines say they have: servers decide by it what they send.
    pub santa_version: String,
    /// Whether the machines take the mode STANDALONE.
    pub allows_standalone: bool,
    /// Whether events are uploaded on clean syncs too; Santa deletes them unsent then.
    pub uploads_on_clean: bool,
    /// No more rules are taken in one sync.
    pub most_rules: usize,
    /// Between two syncs of a machine, so many per cent more or less.
    pub spread_percent: u32,
    /// The threads that run the machines.
    pub threads: usize,
}

impl Plan {
    /// A small fleet for half a minute, configured as a machine is; a server in the configuration is not looked at.
    #[must_use]
    pub fn with_config(server: &str, config: &Config) -> Self {
        Self {
            form: config.form,
            encoding: config.encoding,
            headers: config.extra_headers.clone(),
            santa_version: config.santa_version.clone(),
            allows_standalone: config.allows_standalone,
            uploads_on_clean: config.uploads_on_clean,
            most_rules: config.max_rules,
            spread_percent: config.spread_percent,
            ..Self::new(server)
        }
    }

    /// A small fleet for half a minute.
    #[must_use]
    pub fn new(server: &str) -> Self {
        Self {
            server: server.into(),
            machines: 100,
            duration: Duration::from_secs(30),
            ramp: Duration::from_secs(15),
            events_per_hour: 10,
            interval: None,
            seed: 1,
            connections: 256,
            downloads: 32,
            check: 100,
            form: Form::default(),
            encoding: Encoding::default(),
            headers: ExtraHeaders::default(),
            santa_version: "2026.5.0".into(),
            allows_standalone: false,
            uploads_on_clean: true,
            most_rules: 1_000_000,
            spread_percent: 10,
            threads: std::thread::available_parallelism()
                .map_or(1, usize::from)
                .min(8),
        }
    }
}
