//! The parameters of a simulation.

use std::time::Duration;

use selvedge_santa::wire::Form;
use selvedge_santa::{Encoding, ExtraHeaders};

use selvedge_santa_host::Config;

/// The parameters of a simulation.
///
/// ```
/// use selvedge_fleet::Plan;
///
/// let plan = Plan::new("http://127.0.0.1:8080/v1/santa");
/// assert_eq!(plan.machines, 100);
/// ```
#[derive(Debug, Clone)]
pub struct Plan {
    /// The server's base URL.
    pub server: String,
    /// The number of machines.
    pub machines: u32,
    /// The duration.
    pub duration: Duration,
    /// The first syncs of the machines are spread over this time. With 0, all machines sync at the same time.
    pub ramp: Duration,
    /// The average number of executions per machine and hour.
    pub events_per_hour: u32,
    /// Seconds between two syncs of a machine; overrides the interval of the server.
    pub interval: Option<u32>,
    /// The seed of the random generator. The same seed gives the same machines.
    pub seed: u64,
    /// Maximum number of concurrent requests.
    pub connections: usize,
    /// Maximum number of concurrent rule downloads, which limits the memory.
    pub downloads: usize,
    /// The number of machines whose rules are compared with a fresh download at the end.
    pub check: u32,
    /// JSON or protobuf.
    pub form: Form,
    /// The content encoding of request bodies.
    pub encoding: Encoding,
    /// Additional headers of every request.
    pub headers: ExtraHeaders,
    /// The version of Santa that the machines report. Servers send fields according to it.
    pub santa_version: String,
    /// Whether the machines accept the mode STANDALONE.
    pub allows_standalone: bool,
    /// Whether clean syncs upload events; Santa deletes them without upload.
    pub uploads_on_clean: bool,
    /// Maximum number of rules in one sync.
    pub max_rules: usize,
    /// The random variation of the time between two syncs, in percent.
    pub spread_percent: u32,
    /// The number of threads.
    pub threads: usize,
}

impl Plan {
    /// A small fleet for 30 seconds with the settings of a machine's configuration, except the server.
    #[must_use]
    pub fn with_config(server: &str, config: &Config) -> Self {
        Self {
            form: config.form,
            encoding: config.encoding,
            headers: config.extra_headers.clone(),
            santa_version: config.santa_version.clone(),
            allows_standalone: config.allows_standalone,
            uploads_on_clean: config.uploads_on_clean,
            max_rules: config.max_rules,
            spread_percent: config.spread_percent,
            ..Self::new(server)
        }
    }

    /// A small fleet for 30 seconds.
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
            max_rules: 1_000_000,
            spread_percent: 10,
            threads: std::thread::available_parallelism()
                .map_or(1, usize::from)
                .min(8),
        }
    }
}
