//! The status of the server at `GET /`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Serialize;

use super::app::App;
use super::configuration::Configuration;
use super::machines::{Agreement, MachineSeen};
use super::rule_set::About;

/// Maximum number of machines in the response. The totals count all machines.
pub(super) const MAX_SHOWN: usize = 1000;

/// The status of the server.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Name and version of the program.
    pub server: &'static str,
    /// The rules for machines without a file of their own.
    pub rules: About,
    /// Why the current configuration files are not used.
    pub trouble: Option<String>,
    /// The number of requests.
    pub requests: u64,
    /// The number of events, without duplicates.
    pub events: u64,
    /// The number of duplicate events.
    pub repeated_events: u64,
    /// The number of machines.
    pub machine_count: usize,
    /// The number of machines by agreement.
    pub agreement: BTreeMap<Agreement, usize>,
    /// The machines by id.
    pub machines: BTreeMap<String, MachineStatus>,
}

/// The status of a machine.
#[derive(Debug, Clone, Serialize)]
pub struct MachineStatus {
    /// Whether it has the configured rules.
    pub agreement: Agreement,
    /// The version of the configured rules.
    pub version: String,
    /// The state that it reported.
    #[serde(flatten)]
    pub seen: MachineSeen,
}

/// Access to a running server, for programs that embed it.
#[derive(Debug, Clone)]
pub struct ServerState(pub(super) Arc<App>);

impl ServerState {
    /// The status with all machines.
    #[must_use]
    pub fn status(&self) -> Status {
        status(&self.0, usize::MAX)
    }

    /// The status with totals only, without machines.
    #[must_use]
    pub fn totals(&self) -> Status {
        status(&self.0, 0)
    }

    /// Reloads changed configurations, as the next sync would. Reads files.
    pub fn reload(&self) {
        self.0.config_store.current();
    }

    /// Replaces the configuration of machines without a file of their own, until a file changes.
    pub fn replace(&self, configuration: Configuration) {
        self.0.config_store.replace(configuration);
    }
}

pub(super) fn status(app: &App, max_shown: usize) -> Status {
    let rule_sets = app.config_store.latest();
    let mut status = Status {
        server: concat!("selvedge ", env!("CARGO_PKG_VERSION")),
        rules: rule_sets.global().about.clone(),
        trouble: app.config_store.load_error(),
        requests: app.requests.load(Ordering::Relaxed),
        events: app.accepted(),
        repeated_events: app.repeated(),
        machine_count: 0,
        agreement: BTreeMap::new(),
        machines: BTreeMap::new(),
    };
    app.machines.each(|id, seen| {
        let about = &rule_sets.of(id).about;
        let agreement = seen.agreement(&about.rules_hash);
        status.machine_count += 1;
        *status.agreement.entry(agreement).or_default() += 1;
        if status.machines.len() < max_shown {
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
