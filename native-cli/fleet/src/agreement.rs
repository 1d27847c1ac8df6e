//! Compares the rules of the machines with the current rules of the server.
//!
//! ```text
//! never synced ──────────────────────────────→ not compared: the machine has no rules yet
//! compared with a full sync of a fresh machine:
//!   that sync fails ─────────────────────────→ unknown, with the error
//!   the same rules ──────────────────────────→ agrees
//!   others, and its last sync failed ────────→ differs, because of that error
//!   only additional rules ───────────────────→ differs: normal syncs do not remove rules
//!   else ────────────────────────────────────→ differs: the server's rules changed after its last sync
//! ```

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use selvedge_core::http::Fetch;
use selvedge_santa::{Job, Status};
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::difference::Difference;
use super::machine::VirtualMachine;
use super::rules::RuleSet;
use super::shard::{Phase, Shard};

/// Maximum number of differing machines in the report.
const MAX_LISTED: usize = 20;

/// Timeout of the comparison.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Machines with the same rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The hash of their rules.
    pub hash: String,
    /// The number of their rules.
    pub rules: u64,
    /// The number of machines.
    pub machines: u64,
}

/// A machine whose rules differ from the server's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Differing {
    /// Its id.
    pub machine: String,
    /// The difference.
    #[serde(flatten)]
    pub difference: Difference,
    /// The probable reason.
    pub why: String,
}

/// The result of the comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Agreement {
    /// Machines that never synced, and were not compared.
    pub never_synced: u64,
    /// Machines whose rules were compared with a fresh full download.
    pub compared: u64,
    /// Machines with the same rules.
    pub agree: u64,
    /// Machines with other rules; some are listed in `differing`.
    pub differ: u64,
    /// Machines whose comparison failed.
    pub unknown: u64,
    /// The last error of a failed comparison.
    pub trouble: Option<String>,
    /// Groups of machines with the same rules, the largest group first.
    pub groups: Vec<Group>,
    /// Some of the differing machines.
    pub differing: Vec<Differing>,
}

impl Agreement {
    /// Adds the result of another thread.
    pub(super) fn merge(&mut self, other: Self) {
        self.never_synced += other.never_synced;
        self.compared += other.compared;
        self.agree += other.agree;
        self.differ += other.differ;
        self.unknown += other.unknown;
        self.trouble = self.trouble.take().or(other.trouble);
        for group in other.groups {
            match self.groups.iter_mut().find(|own| own.hash == group.hash) {
                Some(own) => own.machines += group.machines,
                None => self.groups.push(group),
            }
        }
        self.groups
            .sort_by(|a, b| (b.machines, &a.hash).cmp(&(a.machines, &b.hash)));
        self.differing.extend(other.differing);
        self.differing.truncate(MAX_LISTED);
    }
}

/// Why a machine's rules differ from the server's.
fn why(difference: Difference, trouble: Option<&str>) -> String {
    match (difference, trouble) {
        (_, Some(trouble)) => format!("its last sync failed: {trouble}"),
        (
            Difference {
                missing: 0,
                different: 0,
                ..
            },
            None,
        ) => "the server no longer sends these rules, and only a clean sync removes rules".into(),
        (_, None) => "the server's rules changed after its last sync".into(),
    }
}

/// Selects up to `limit` machines: first one of each set of rules, then others evenly.
fn selected(sets: &[usize], limit: usize) -> Vec<usize> {
    let mut seen = std::collections::HashSet::new();
    let mut first: Vec<usize> = (0..sets.len())
        .filter(|index| sets.get(*index).is_some_and(|set| seen.insert(*set)))
        .take(limit)
        .collect();
    let rest: Vec<usize> = (0..sets.len())
        .filter(|index| first.binary_search(index).is_err())
        .collect();
    let left = (limit - first.len()).min(rest.len());
    first.extend((0..left).filter_map(|n| rest.get(n * rest.len() / left.max(1))));
    first
}

enum Comparison {
    Agrees,
    Differs(Differing),
    Unknown(String),
}

impl<F: Fetch + 'static> Shard<F> {
    /// Compares up to `limit` machines with fresh ones.
    pub(super) async fn agreement(
        &self,
        limit: usize,
        phase: &mut watch::Receiver<Phase>,
    ) -> Agreement {
        let synced: Vec<&Rc<VirtualMachine>> = self
            .machines
            .iter()
            .filter(|m| m.has_synced.get())
            .collect();
        let (mut agreement, sets) = groups(&synced);
        agreement.never_synced = (self.machines.len() - synced.len()) as u64;
        let mut tasks = JoinSet::new();
        for machine in selected(&sets, limit)
            .into_iter()
            .filter_map(|index| synced.get(index))
        {
            tasks.spawn_local(compare(
                Rc::clone(machine),
                Rc::clone(self.context()),
                Rc::clone(&self.pool),
            ));
        }
        let all = async {
            while let Some(done) = tasks.join_next().await {
                let Ok(compared) = done else { continue };
                agreement.compared += 1;
                match compared {
                    Comparison::Agrees => agreement.agree += 1,
                    Comparison::Differs(differing) => {
                        agreement.differ += 1;
                        agreement.differing.push(differing);
                    }
                    Comparison::Unknown(trouble) => {
                        agreement.unknown += 1;
                        agreement.trouble = Some(trouble);
                    }
                }
            }
        };
        tokio::select! {
            () = all => {}
            () = tokio::time::sleep(TIMEOUT) => {}
            _ = phase.wait_for(|phase| *phase == Phase::Stopped) => {}
        }
        let left = tasks.len() as u64;
        tasks.shutdown().await;
        agreement.unknown += left;
        agreement.compared += left;
        agreement.differing.truncate(MAX_LISTED);
        agreement
    }
}

/// Groups the machines by their rules. Also returns the set of rules of each machine.
fn groups(machines: &[&Rc<VirtualMachine>]) -> (Agreement, Vec<usize>) {
    let mut known: BTreeMap<usize, (RuleSet, u64)> = BTreeMap::new();
    let mut sets = Vec::with_capacity(machines.len());
    for machine in machines {
        let rules = machine.rule_set();
        sets.push(rules.address());
        known.entry(rules.address()).or_insert((rules, 0)).1 += 1;
    }
    let groups = known.into_values().map(|(rules, machines)| Group {
        hash: rules.hash(),
        rules: rules.len() as u64,
        machines,
    });
    let agreement = Agreement {
        groups: groups.collect(),
        ..Agreement::default()
    };
    (agreement, sets)
}

/// Syncs a fresh machine with the same id, and compares the rules.
async fn compare<F: Fetch>(
    machine: Rc<VirtualMachine>,
    context: Rc<super::shard::Context<F>>,
    pool: Rc<std::cell::RefCell<super::rules::Pool>>,
) -> Comparison {
    let plan = &context.plan;
    let fresh = match VirtualMachine::new(plan.seed, machine.index, &plan.server, &pool) {
        Ok(fresh) => fresh,
        Err(error) => return Comparison::Unknown(error.to_string()),
    };
    let job = Job::Full {
        kind: None,
        is_pushed: false,
    };
    let report = context.sync(&fresh, job, false).await;
    if report.status() != Status::Success {
        fresh.note_end(&report);
        let trouble = fresh.trouble().unwrap_or_default();
        return Comparison::Unknown(trouble.into());
    }
    let difference = machine.rule_set().difference(&fresh.rule_set());
    if difference == Difference::default() {
        return Comparison::Agrees;
    }
    Comparison::Differs(Differing {
        machine: machine.address.machine().into(),
        difference,
        why: why(difference, machine.trouble().as_deref()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_difference_has_its_reason() {
        let difference = |missing, extra, different| Difference {
            missing,
            extra,
            different,
        };
        let rows = [
            (difference(1, 0, 0), Some("refused"), "its last sync failed"),
            (difference(0, 1, 0), Some("refused"), "its last sync"),
            (difference(0, 3, 0), None, "the server no longer"),
            (difference(1, 3, 0), None, "the server's rules changed"),
            (difference(0, 0, 1), None, "the server's rules changed"),
        ];
        for (difference, trouble, expected) in rows {
            let why = why(difference, trouble);
            assert!(why.starts_with(expected), "{difference:?}: {why}");
        }
    }

    #[test]
    fn one_machine_of_each_set_is_selected_first() {
        let sets = [1, 1, 1, 2, 1, 3, 1, 1];
        assert!(selected(&sets, 0).is_empty());
        assert_eq!(selected(&sets, 2), [0, 3]);
        assert_eq!(selected(&sets, 3), [0, 3, 5]);
        let five = selected(&sets, 5);
        assert_eq!(five[..3], [0, 3, 5]);
        assert_eq!(five.len(), 5);
        let mut all = selected(&sets, 100);
        all.sort_unstable();
        assert_eq!(all, (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn groups_of_two_threads_are_merged() {
        let of = |machines| Agreement {
            groups: vec![Group {
                hash: "a".into(),
                rules: 1,
                machines,
            }],
            agree: machines,
            ..Agreement::default()
        };
        let mut all = of(3);
        all.merge(of(4));
        assert_eq!(all.groups, of(7).groups);
        assert_eq!(all.agree, 7);
    }
}
