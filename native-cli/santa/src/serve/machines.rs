//! What machines said of themselves, and whether they have the rules that they should.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use selvedge_santa::RuleCounts;
use selvedge_santa::wire::{ClientMode, PostflightRequest, PreflightRequest, SyncType};
use serde::Serialize;

use super::event_log::Logged;

/// No more machines are remembered; the others are served all the same.
const MAX_MACHINES: usize = 100_000;

/// Texts of a machine are remembered up to so many characters.
const TEXT_CHARACTERS: usize = 128;

/// Whether a machine has the rules that it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Agreement {
    /// It has those of now.
    Agrees,
    /// It has those that it was sent last, which are not those of now.
    Behind,
    /// It has others.
    Differs,
    /// It has not said what it has.
    Unknown,
}

/// What a machine said. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MachineSeen {
    /// When it was last heard.
    pub last_seen: u64,
    /// When a sync last began.
    pub last_preflight: Option<u64>,
    /// When a sync last ended.
    pub last_postflight: Option<u64>,
    /// Its serial number.
    pub serial_number: String,
    /// Its name.
    pub hostname: String,
    /// Its system's version.
    pub os_version: String,
    /// The version of Santa that it says it is.
    pub santa_version: String,
    /// Its mode.
    pub client_mode: Option<ClientMode>,
    /// How many rules it says it has.
    pub counts: RuleCounts,
    /// The kind of sync that it was told to do.
    pub granted: Option<SyncType>,
    /// The kind of sync that it said it did.
    pub performed: Option<SyncType>,
    /// The rules that the last sync brought.
    pub rules_received: u32,
    /// Those of them that it found valid.
    pub rules_processed: u32,
    /// The hash of the rules that it says it has; empty if it did not say.
    pub rules_hash: String,
    /// The hash of the rules that it was sent last.
    pub sent_hash: String,
    /// How often a sync began.
    pub preflights: u64,
    /// How often a sync ended.
    pub postflights: u64,
    /// Pages of rules that it was sent.
    pub pages: u64,
    /// Events of it that came.
    pub events: u64,
    /// Events of it that came again.
    pub repeated_events: u64,
}

impl MachineSeen {
    /// Whether it has the rules of this hash.
    pub(super) fn agreement(&self, hash_of_now: &str) -> Agreement {
        match self.rules_hash.as_str() {
            "" => Agreement::Unknown,
            hash if hash == hash_of_now => Agreement::Agrees,
            hash if hash == self.sent_hash => Agreement::Behind,
            _ => Agreement::Differs,
        }
    }

    pub(super) fn preflight(&mut self, request: PreflightRequest, granted: SyncType, now: u64) {
        self.last_preflight = Some(now);
        self.preflights += 1;
        self.serial_number = kept(request.serial_number);
        self.hostname = kept(request.hostname);
        self.os_version = kept(request.os_version);
        self.santa_version = kept(request.santa_version);
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
        self.rules_hash = kept(request.rules_hash);
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
        self.rules_hash = kept(request.rules_hash);
    }
}

fn kept(text: String) -> String {
    match text.len() <= TEXT_CHARACTERS {
        true => text,
        false => text.chars().take(TEXT_CHARACTERS).collect(),
    }
}

/// The machines that were heard.
#[derive(Debug, Default)]
pub(super) struct Machines(Mutex<BTreeMap<String, MachineSeen>>);

impl Machines {
    /// Notes something of a machine.
    pub(super) fn note(&self, id: &str, now: u64, note: impl FnOnce(&mut MachineSeen)) {
        let mut machines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !machines.contains_key(id) {
            if machines.len() >= MAX_MACHINES {
                return;
            }
            machines.insert(id.to_owned(), MachineSeen::default());
        }
        if let Some(machine) = machines.get_mut(id) {
            machine.last_seen = now;
            note(machine);
        }
    }

    /// Shows every machine, in the order of their ids.
    pub(super) fn each(&self, mut show: impl FnMut(&str, &MachineSeen)) {
        let machines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        machines.iter().for_each(|(id, machine)| show(id, machine));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_is_told_by_the_hash() {
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
    fn what_a_machine_says_is_remembered_within_bounds() {
        let machines = Machines::default();
        for number in 0..=MAX_MACHINES {
            machines.note(&number.to_string(), 1, |_| {});
        }
        machines.note("1", 9, |machine| {
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
                assert_eq!(machine.hostname.chars().count(), TEXT_CHARACTERS);
                assert_eq!(machine.last_seen, 9);
            }
        });
        assert_eq!(count, MAX_MACHINES);
    }
}
