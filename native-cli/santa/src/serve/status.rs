//! What the server says of itself at `GET /`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Serialize;

use super::app::App;
use super::configuration::Configuration;
use super::machines::{Agreement, MachineSeen};
use super::rulebook::About;

/// The page shows so many machines; the sums are of all.
pub(super) const MAX_SHOWN: usize = 1000;

/// The server as it is at a moment.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// What it is.
    pub server: &'static str,
    /// The rules of machines without a file of their own.
    pub rules: About,
    /// Why the configuration as it is now is not used, if it is not.
    pub trouble: Option<String>,
    /// Requests that came.
    pub requests: u64,
    /// Events that came, each counted once.
    pub events: u64,
    /// Events that came again.
    pub repeated_events: u64,
    /// How many machines were heard.
    pub machine_count: usize,
    /// How many of them have the rules that they should.
    pub agreement: BTreeMap<Agreement, usize>,
    /// The machines by their ids.
    pub machines: BTreeMap<String, MachineStatus>,
}

/// A machine as the server sees it.
#[derive(Debug, Clone, Serialize)]
pub struct MachineStatus {
    /// Whether it has the rules that it should.
    pub agreement: Agreement,
    /// The version of the rules that it should have.
    pub version: String,
    /// What it said.
    #[serde(flatten)]
    pub seen: MachineSeen,
}

/// A running server's inside, for whoever embeds it.
#[derive(Debug, Clone)]
pub struct ServerState(pub(super) Arc<App>);

impl ServerState {
    /// The server with all its machines.
    #[must_use]
    pub fn status(&self) -> Status {
        status(&self.0, usize::MAX)
    }

    /// The server with no machine named: sums only.
    #[must_use]
    pub fn sums(&self) -> Status {
        status(&self.0, 0)
    }

    /// Reads the configurations again if they changed, as the next sync would. It may read files.
    pub fn read_again(&self) {
        self.0.library.current();
    }

    /// Takes another configuration for every machine that has none of its own. With a file, until that changes.
    pub fn replace(&self, configuration: Configuration) {
        self.0.library.replace(configuration);
    }
}

pub(super) fn status(app: &App, most_shown: usize) -> Status {
    let shelf = app.library.shelf();
    let mut status = Status {
        server: concat!("selvedge ", env!("CARGO_PKG_VERSION")),
        rules: shelf.everyone().about.clone(),
        trouble: app.library.trouble(),
        requests: app.requests.load(Ordering::Relaxed),
        events: app.accepted(),
        repeated_events: app.repeated(),
        machine_count: 0,
        agreement: BTreeMap::new(),
        machines: BTreeMap::new(),
    };
    app.machines.each(|id, seen| {
        let about = &shelf.of(id).about;
        let agreement = seen.agreement(&about.rules_hash);
        status.machine_count += 1;
        *status.agreement.entry(agreement).or_default() += 1;
        if status.machines.len() < most_shown {
            let machine = MachineStatus {
                agreement,
                version: about.version.clone(),
                seen: seen.clone(),
            };
            status.machines.insert(id.to_owned(), machine);
        }
    });
    status
}
