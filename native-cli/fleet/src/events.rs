//! The simulated executions on the machines of a fleet: plausible and unique.

use std::fmt::Write as _;
use std::rc::Rc;

use selvedge_santa::wire::{Certificate, ClientMode, Decision, Event, RuleType};
use selvedge_santa::{Occurrence, Rule, RuleState};

use super::identity::{digest, user};
use super::random::Random;
use super::rules::{PooledRule, RuleSet};

/// Directories and names of programs.
const PROGRAMS: [(&str, &[&str]); 5] = [
    (
        "/usr/local/bin",
        &["report", "exporter", "rebase-all", "watcher"],
    ),
    ("/opt/tools/bin", &["linter", "formatter", "packer"]),
    ("/home/user/Downloads", &["setup", "installer", "viewer"]),
    ("/tmp/build", &["configure-test", "a.out", "probe"]),
    ("/usr/lib/helpers", &["updater", "indexer", "thumbnailer"]),
];

/// Names of parent processes.
const PARENTS: [&str; 4] = ["bash", "systemd", "make", "python3"];

/// The percentage of executions that match a rule of the machine. The others are of unknown programs.
const KNOWN_PERCENT: u64 = 30;

/// An execution that is pending for upload. Its other fields are derived from the machine and its number.
#[derive(Debug, Clone)]
pub(super) struct PendingExecution {
    /// The number of the event on its machine, starting from 1.
    pub(super) number: u32,
    /// Milliseconds since the Unix epoch.
    pub(super) at: u64,
    /// The decision.
    pub(super) decision: Decision,
    /// The matching rule.
    pub(super) rule: Option<Rc<PooledRule>>,
}

impl PendingExecution {
    /// Simulates an execution, and decides by the machine's rules and mode.
    pub(super) fn simulate(
        number: u32,
        at: u64,
        mode: ClientMode,
        rules: &RuleSet,
        random: &mut Random,
    ) -> Self {
        let is_known = random.below(100) < KNOWN_PERCENT;
        let pooled = rules
            .nth(random.below(rules.len() as u64) as usize)
            .filter(|_| is_known);
        let known = pooled.and_then(|pooled| Some((decision_of(pooled.rule())?, pooled)));
        let (decision, rule) = match known {
            Some((decision, pooled)) => (decision, Some(pooled)),
            None if mode == ClientMode::Monitor => (Decision::AllowUnknown, None),
            None => (Decision::BlockUnknown, None),
        };
        Self {
            number,
            at,
            decision,
            rule,
        }
    }

    /// The event for the upload.
    pub(super) fn occurrence(&self, seed: u64, machine: u32) -> Occurrence {
        let hash = digest(seed, machine, "program", self.number);
        let [directory, name, parent, pid, ..] = hash.map(usize::from);
        let (directory, names) = PROGRAMS
            .get(directory % PROGRAMS.len())
            .copied()
            .unwrap_or_default();
        let user = user(machine);
        let mut event = Event {
            file_sha256: hex(&hash),
            file_path: directory.into(),
            file_name: names
                .get(name % names.len().max(1))
                .copied()
                .unwrap_or_default()
                .into(),
            executing_user: user.clone(),
            execution_time: self.at as f64 / 1000.0,
            current_sessions: vec![format!("{user}@pts/0")],
            logged_in_users: vec![user],
            decision: Some(self.decision),
            pid: 1000 + i32::try_from(pid).unwrap_or_default(),
            ppid: 1,
            parent_name: PARENTS
                .get(parent % PARENTS.len())
                .copied()
                .unwrap_or_default()
                .into(),
            ..Event::default()
        };
        if let Some(pooled) = &self.rule {
            set_signature(&mut event, pooled.rule());
        }
        Occurrence::Execution(Box::new(event))
    }
}

/// The decision of a rule; `None` for rules about a single file, because each file is executed at most once, and for
/// rules with an expression.
fn decision_of(rule: &Rule) -> Option<Decision> {
    let may_run = match rule.state {
        RuleState::Allow | RuleState::AllowCompiler => true,
        RuleState::Block
        | RuleState::SilentBlock
        | RuleState::SilentGuiBlock
        | RuleState::SilentTtyBlock => false,
        _ => return None,
    };
    match (rule.key.rule_type(), may_run) {
        (RuleType::Certificate, true) => Some(Decision::AllowCertificate),
        (RuleType::Certificate, false) => Some(Decision::BlockCertificate),
        (RuleType::TeamId, true) => Some(Decision::AllowTeamId),
        (RuleType::TeamId, false) => Some(Decision::BlockTeamId),
        (RuleType::SigningId, true) => Some(Decision::AllowSigningId),
        (RuleType::SigningId, false) => Some(Decision::BlockSigningId),
        (RuleType::CdHash, true) => Some(Decision::AllowCdHash),
        (RuleType::CdHash, false) => Some(Decision::BlockCdHash),
        (RuleType::Binary, _) => None,
    }
}

/// Sets the signature of a program so that the rule matches.
fn set_signature(event: &mut Event, rule: &Rule) {
    let identifier = rule.key.identifier();
    match rule.key.rule_type() {
        RuleType::TeamId => event.team_id = identifier.into(),
        RuleType::SigningId => {
            event.signing_id = identifier.into();
            let team = identifier.split_once(':').map_or("", |(team, _)| team);
            if team != "platform" {
                event.team_id = team.into();
            }
        }
        RuleType::CdHash => event.cdhash = identifier.into(),
        RuleType::Certificate => event.signing_chain.push(Certificate {
            sha256: identifier.into(),
            ..Certificate::default()
        }),
        RuleType::Binary => {}
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use selvedge_santa::{Change, RuleKey, Wipe};

    use super::super::rules::Pool;
    use super::*;

    fn simulated(mode: ClientMode, rules: &RuleSet) -> Vec<PendingExecution> {
        let mut random = Random::of(3, 3);
        (1..=1000)
            .map(|number| {
                PendingExecution::simulate(number, 1_767_225_600_250, mode, rules, &mut random)
            })
            .collect()
    }

    #[test]
    fn events_are_unique() {
        let mut pool = Pool::new();
        let rules = pool.empty();
        let events = simulated(ClientMode::Monitor, &rules);
        let keys: HashSet<String> = (0..3)
            .flat_map(|machine| {
                events
                    .iter()
                    .map(move |event| event.occurrence(1, machine).key())
            })
            .collect();
        assert_eq!(keys.len(), 3000);
        assert!(keys.iter().all(|key| key.len() == 64));
    }

    #[test]
    fn the_mode_decides_about_unknown_programs() {
        let mut pool = Pool::new();
        let rules = pool.empty();
        for (mode, expected) in [
            (ClientMode::Monitor, Decision::AllowUnknown),
            (ClientMode::Lockdown, Decision::BlockUnknown),
        ] {
            assert!(
                simulated(mode, &rules)
                    .iter()
                    .all(|event| event.decision == expected)
            );
        }
    }

    #[test]
    fn a_rule_decides_about_matching_programs() {
        let rows = [
            (
                RuleType::TeamId,
                "EQHXZ8M8AV",
                RuleState::Block,
                Decision::BlockTeamId,
            ),
            (
                RuleType::TeamId,
                "EQHXZ8M8AV",
                RuleState::Allow,
                Decision::AllowTeamId,
            ),
            (
                RuleType::SigningId,
                "EQHXZ8M8AV:a",
                RuleState::AllowCompiler,
                Decision::AllowSigningId,
            ),
            (
                RuleType::SigningId,
                "platform:a",
                RuleState::SilentBlock,
                Decision::BlockSigningId,
            ),
            (
                RuleType::CdHash,
                &"ab".repeat(20),
                RuleState::Block,
                Decision::BlockCdHash,
            ),
            (
                RuleType::Certificate,
                &"ab".repeat(32),
                RuleState::Allow,
                Decision::AllowCertificate,
            ),
        ];
        for (rule_type, identifier, state, expected) in rows {
            let mut pool = Pool::new();
            let empty = pool.empty();
            let rule = Rule::new(RuleKey::new(rule_type, identifier).unwrap(), state);
            let rules = pool.changed(&empty, Wipe::Nothing, vec![Change::Put(rule)]);
            let events = simulated(ClientMode::Monitor, &rules);
            let by_rule: Vec<&PendingExecution> = events
                .iter()
                .filter(|event| event.decision == expected)
                .collect();
            assert!(
                (200..400).contains(&by_rule.len()),
                "{identifier}: {}",
                by_rule.len()
            );
            let text = serde_json::to_string(&by_rule[0].occurrence(1, 1)).unwrap();
            assert!(text.contains(identifier), "{text}");
        }
    }

    #[test]
    fn rules_about_single_files_do_not_match() {
        let mut pool = Pool::new();
        let empty = pool.empty();
        let key = RuleKey::new(RuleType::Binary, &"ab".repeat(32)).unwrap();
        let rule = Change::Put(Rule::new(key, RuleState::Block));
        let rules = pool.changed(&empty, Wipe::Nothing, vec![rule]);
        let events = simulated(ClientMode::Monitor, &rules);
        assert!(
            events
                .iter()
                .all(|event| event.decision == Decision::AllowUnknown)
        );
    }
}
