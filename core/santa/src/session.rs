//! Shared by the stages of one sync: the host, the options, the server.

use super::client::{Client, Connection, Link, Pause};
use super::logs::Logs;
use super::machine::Machine;
use super::store::RuleStore;
use super::timing::Preflighted;
use selvedge_core::host::Clock;
use selvedge_core::http::Fetch;

/// Everything that a sync requires of a host.
pub trait Host: Fetch + Pause + RuleStore + Clock {}
impl<T: Fetch + Pause + RuleStore + Clock> Host for T {}

/// The progress of a sync.
///
/// ```
/// use selvedge_santa::Stage;
///
/// assert_ne!(Stage::Preflight, Stage::Postflight);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Sending the properties of the machine.
    Preflight,
    /// The server has responded to preflight: the schedule starts now.
    Preflighted(Preflighted),
    /// Sending logs.
    LogUpload,
    /// Sending events.
    EventUpload,
    /// Fetching rules.
    RuleDownload,
    /// Sending the result of the sync.
    Postflight,
}

/// What a sync is to do.
pub struct Options<'a> {
    /// The options of the connection.
    pub connection: Connection,
    /// The properties of the machine.
    pub machine: Machine,
    /// Whether events are uploaded on clean syncs too; Santa deletes them unsent then.
    pub uploads_on_clean: bool,
    /// Whether a push message caused this sync.
    pub is_pushed: bool,
    /// Maximum number of rules accepted in one sync.
    pub max_rules: usize,
    /// Logs, if the operator allows servers to request them.
    pub logs: Option<Logs<'a>>,
    /// Whether the network is available, as far as the host knows: without it, requests are not retried.
    pub is_online: &'a dyn Fn() -> bool,
    /// Called with the progress of the sync.
    pub progress: &'a dyn Fn(Stage),
}

impl Options<'_> {
    /// The default options: events are uploaded on clean syncs too, at most a million rules, no logs.
    #[must_use]
    pub fn new(connection: Connection, machine: Machine) -> Self {
        Self {
            connection,
            machine,
            uploads_on_clean: true,
            is_pushed: false,
            max_rules: 1_000_000,
            logs: None,
            is_online: &|| true,
            progress: &|_| {},
        }
    }
}

/// One run through the stages.
pub(super) struct Session<'a, H> {
    pub(super) host: &'a H,
    pub(super) options: &'a Options<'a>,
    pub(super) link: &'a Link,
    pub(super) client: Client<'a, H>,
}

impl<'a, H: Host> Session<'a, H> {
    pub(super) fn new(host: &'a H, options: &'a Options<'a>, link: &'a Link) -> Self {
        let client = Client::new(host, &options.connection, link, options.is_online);
        Self {
            host,
            options,
            link,
            client,
        }
    }
}
