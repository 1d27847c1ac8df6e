//! What the stages of one sync have in common: the host, the options, the server.

use super::client::{Client, Connection, Link, Pause};
use super::logs::Logs;
use super::machine::Machine;
use super::store::RuleStore;
use super::timing::Preflighted;
use selvedge_core::host::Clock;
use selvedge_core::http::Fetch;

/// Everything that a sync asks of a host.
pub trait Host: Fetch + Pause + RuleStore + Clock {}
impl<T: Fetch + Pause + RuleStore + Clock> Host for T {}

/// How far a sync is.
///
/// ```
/// use selvedge_santa::Stage;
///
/// assert_ne!(Stage::Preflight, Stage::Postflight);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Telling of the machine.
    Preflight,
    /// Preflight is answered: the schedule counts from now.
    Preflighted(Preflighted),
    /// Sending logs.
    LogUpload,
    /// Sending events.
    EventUpload,
    /// Fetching rules.
    RuleDownload,
    /// Telling what became of it.
    Postflight,
}

/// What a sync is to do.
pub struct Options<'a> {
    /// How requests are made.
    pub connection: Connection,
    /// What the machine says of itself.
    pub machine: Machine,
    /// Whether events are uploaded on clean syncs too; Santa deletes them unsent then.
    pub uploads_on_clean: bool,
    /// Whether a push message caused this sync.
    pub is_pushed: bool,
    /// No more rules are taken in one sync.
    pub max_rules: usize,
    /// Logs, if the operator lets servers ask for them.
    pub logs: Option<Logs<'a>>,
    /// Whether there is a network, as far as the host knows: without one, nothing is tried again.
    pub is_online: &'a dyn Fn() -> bool,
    /// Told how far the sync is.
    pub progress: &'a dyn Fn(Stage),
}

impl Options<'_> {
    /// The usual ones: events are uploaded on clean syncs too, at most a million rules, no logs.
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
