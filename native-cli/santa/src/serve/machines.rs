//! The state that machines report, and whether they have the configured rules.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use selvedge_santa::RuleCounts;
use selvedge_santa::wire::{ClientMode, PostflightRequest, PreflightRequest, SyncType};
use serde::Serialize;

use super::event_log::Logged;

/// Maximum number of machines in the status. Further machines are served, but not recorded.
const MAX_MACHINES: usize = 100_000;

/// Maximum length of a stored string of a machine, in characters.
const MAX_TEXT_CHARACTERS: usize = 128;

/// Whether a machine has the configured rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Agreement {
    /// It has the current rules.
    Agrees,
    /// It has the rules that were sent last, which have changed since.
    Behind,
    /// It has other rules.
    Differs,
    /// It has not reported a hash of its rules.
    Unknown,
}

/// The state that a machine reported. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MachineSeen {
    /// The time of its last request.
    pub last_seen: u64,
    /// The time of the last preflight.
    pub last_preflight: Option<u64>,
    /// The time of the last postflight.
    pub last_postflight: Option<u64>,
    /// Its serial number.
    pub serial_number: String,
    /// Its host name.
    pub hostname: String,
    /// Its OS version.
    pub os_version: String,
    /// The Santa version that it reports.
    pub santa_version: String,
    /// Its mode.
    pub client_mode: Option<ClientMode>,
    /// The rule counts that it reports.
    pub counts: RuleCounts,
    /// The kind of sync that the server granted.
    pub granted: Option<SyncType>,
    /// The kind of sync that it reports.
    pub performed: Option<SyncType>,
    /// The number of rules received in the last sync.
    pub rules_received: u32,
    /// The number of valid rules among them.
    pub rules_processed: u32,
    /// The hash of its rules that it reports; empty without one.
    pub rules_hash: String,
    /// The hash of the rules that were sent to it last.
    pub sent_hash: String,
    /// The number of preflights.
    pub preflights: u64,
    /// The number of postflights.
    pub postflights: u64,
    /// The number of pages of rules sent to it.
    pub pages: u64,
    /// The number of events received from it.
    pub events: u64,
    /// The number of duplicate events received from it.
    pub repeated_events: u64,
}

impl MachineSeen {
    /// Compares its hash with the hash of the current rules.
    pub(super) fn agreement(&self, current_hash: &str) -> Agreement {
        match self.rules_hash.as_str() {
            "" => Agreement::Unknown,
            hash if hash == current_hash => Agreement::Agrees,
            hash if hash == self.sent_hash => Agreement::Behind,
            _ => Agreement::Differs,
        }
    }

    pub(super) fn preflight(&mut self, request: PreflightRequest, granted: SyncType, now: u64) {
        self.last_preflight = Some(now);
        self.preflights += 1;
        self.serial_number = truncated(request.serial_number);
        self.hostname = truncated(request.hostname);
        self.os_version = truncated(request.os_version);
        self.santa_version = truncated(request.santa_version);
        self.client_mode = request.client_mode;
        self.counts = RuleCounts {
            binary: request.binary_rule_count,
            certificate: request.certificate_rule_count,
            compiler: request.compiler_rule_count,
            transitive: request.transitive_rule_count,
            teamid: request.teamid_rule_count,
            signingid: request.signingid_rule_count,
            cdhash: request.cdhash_rule_count,
        };
        self.rules_hash = truncated(request.rules_hash);
        self.granted = Some(granted);
    }

    pub(super) fn uploaded(&mut self, logged: &Logged) {
        self.events += logged.accepted;
        self.repeated_events += logged.repeated;
    }

    pub(super) fn sent(&mut self, hash: &str) {
        self.pages += 1;
        if self.sent_hash != hash {
            hash.clone_into(&mut self.sent_hash);
        }
    }

    pub(super) fn postflight(&mut self, request: PostflightRequest, now: u64) {
        self.last_postflight = Some(now);
        self.postflights += 1;
        self.performed = request.sync_type;
        self.rules_received = request.rules_received;
        self.rules_processed = request.rules_processed;
        self.rules_hash = truncated(request.rules_hash);
    }
}

fn truncated(text: String) -> String {
    if text.len() <= MAX_TEXT_CHARACTERS {
        text
    } else {
        text.chars().take(MAX_TEXT_CHARACTERS).collect()
    }
}

/// All machines that have sent a request.
#[derive(Debug, Default)]
pub(super) struct Machines(Mutex<BTreeMap<String, MachineSeen>>);

impl Machines {
    /// Updates the state of a machine.
    pub(super) fn update(&self, id: &str, now: u64, change: impl FnOnce(&mut MachineSeen)) {
        let mut machines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !machines.contains_key(id) {
            if machines.len() >= MAX_MACHINES {
                return;
            }
            machines.insert(id.to_owned(), MachineSeen::default());
        }
        if let Some(machine) = machines.get_mut(id) {
            machine.last_seen = now;
            change(machine);
        }
    }

    /// Calls `show` for each machine in the order of their ids.
    pub(super) fn each(&self, mut show: impl FnMut(&str, &MachineSeen)) {
        let machines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        machines.iter().for_each(|(id, machine)| show(id, machine));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_is_decided_by_the_hash() {
        let machine = |rules_hash: &str| MachineSeen {
            rules_hash: rules_hash.into(),
            sent_hash: "earlier".into(),
            ..MachineSeen::default()
        };
        for (hash, expected) in [
            ("", Agreement::Unknown),
            ("now", Agreement::Agrees),
            ("earlier", Agreement::Behind),
            ("other", Agreement::Differs),
        ] {
            assert_eq!(machine(hash).agreement("now"), expected, "{hash}");
        }
    }

    #[test]
    fn the_number_of_machines_and_the_length_of_strings_are_limited() {
        let machines = Machines::default();
        for number in 0..=MAX_MACHINES {
            machines.update(&number.to_string(), 1, |_| {});
        }
        machines.update("1", 9, |machine| {
            let request = PreflightRequest {
                hostname: "ä".repeat(10_000),
                ..PreflightRequest::default()
            };
            machine.preflight(request, SyncType::Normal, 9);
        });
        let mut count = 0;
        machines.each(|id, machine| {
            count += 1;
            if id == "1" {
                assert_eq!(machine.hostname.chars().count(), MAX_TEXT_CHARACTERS);
                assert_eq!(machine.last_seen, 9);
            }
        });
        assert_eq!(count, MAX_MACHINES);
    }
}
