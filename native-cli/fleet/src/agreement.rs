//! Whether the machines have the rules that the server would give them now.
//!
//! ```text
//! never synced ──────────────────────────────→ not compared: it has no rules yet
//! its rules, by a fresh machine's full sync:
//!   that sync fails ─────────────────────────→ not known, and why
//!   the same ────────────────────────────────→ it agrees
//!   others, and its last sync failed ────────→ it differs, for that reason
//!   only rules more than the server has ─────→ it differs: normal syncs take no rules away
//!   else ────────────────────────────────────→ it differs: the server's rules changed after its last sync
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

/// So many machines that differ are named.
const NAMED: usize = 20;

/// The comparison takes no longer.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Machines with the same rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The hash of their rules.
    pub hash: String,
    /// How many rules they have.
    pub rules: u64,
    /// How many machines have them.
    pub machines: u64,
}

/// A machine whose rules are not the server's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Differing {
    /// Its id.
    pub machine: String,
    /// In what.
    #[serde(flatten)]
    pub difference: Difference,
    /// Why, as far as it can be told.
    pub why: String,
}

/// Whether the machines have the server's rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Agreement {
    /// Machines that never synced, and so were not compared.
    pub never_synced: u64,
    /// Machines whose rules were compared with a fresh full download.
    pub compared: u64,
    /// Those that have the same.
    pub agree: u64,
    /// Those that do not; some are named below.
    pub differ: u64,
    /// Those of which it is not known, for the download failed.
    pub unknown: u64,
    /// Why it is not known, as the last of them says.
    pub trouble: Option<String>,
    /// Machines with the same rules, the largest group first.
    pub groups: Vec<Group>,
    /// Some of those that differ.
    pub differing: Vec<Differing>,
}

impl Agreement {
    /// Adds another thread's.
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
        self.differing.truncate(NAMED);
    }
}

/// Why a machine's rules are not the server's.
fn why(difference: Difference, trouble: Option<&str>) -> String {
    match (difference, trouble) {
        (_, Some(trouble)) => format!("its last sync did not end well: {trouble}"),
        (
            Difference {
                missing: 0,
                different: 0,
                ..
            },
            None,
        ) => "the server no longer sends them: only a clean sync takes rules away".into(),
        (_, None) => "the server's rules changed after its last sync".into(),
    }
}

/// Which machines are compared: of every set of rules at least one as long as there are places, the others evenly.
fn chosen(sets: &[usize], places: usize) -> Vec<usize> {
    let mut seen = std::collections::HashSet::new();
    let mut first: Vec<usize> = (0..sets.len())
        .filter(|place| sets.get(*place).is_some_and(|set| seen.insert(*set)))
        .take(places)
        .collect();
    let rest: Vec<usize> = (0..sets.len())
        .filter(|place| first.binary_search(place).is_err())
        .collect();
    let left = (places - first.len()).min(rest.len());
    first.extend((0..left).filter_map(|n| rest.get(n * rest.len() / left.max(1))));
    first
}

enum Compared {
    Agrees,
    Differs(Differing),
    Unknown(String),
}

impl<F: Fetch + 'static> Shard<F> {
    /// Compares so many machines with fresh ones.
    pub(super) async fn agreement(
        &self,
        places: usize,
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
        for machine in chosen(&sets, places)
            .into_iter()
            .filter_map(|place| synced.get(place))
        {
            tasks.spawn_local(compare(
                Rc::clone(machine),
                Rc::clone(self.ground()),
                Rc::clone(&self.pool),
            ));
        }
        let all = async {
            while let Some(done) = tasks.join_next().await {
                let Ok(compared) = done else { continue };
                agreement.compared += 1;
                match compared {
                    Compared::Agrees => agreement.agree += 1,
                    Compared::Differs(differing) => {
                        agreement.differ += 1;
                        agreement.differing.push(differing);
                    }
                    Compared::Unknown(trouble) => {
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
        agreement.differing.truncate(NAMED);
        agreement
    }
}

/// The machines by their rules, and which group each is in.
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

/// Sets the same machine up anew, and compares what it gets.
async fn compare<F: Fetch>(
    machine: Rc<VirtualMachine>,
    ground: Rc<super::shard::Ground<F>>,
    pool: Rc<std::cell::RefCell<super::rules::Pool>>,
) -> Compared {
    let plan = &ground.plan;
    let fresh = match VirtualMachine::new(plan.seed, machine.index, &plan.server, &pool) {
        Ok(fresh) => fresh,
        Err(error) => return Compared::Unknown(error.to_string()),
    };
    let job = Job::Full {
        kind: None,
        is_pushed: false,
    };
    let report = ground.sync(&fresh, job, false).await;
    if report.status() != Status::Success {
        fresh.note_end(&report);
        let trouble = fresh.trouble().unwrap_or_default();
        return Compared::Unknown(trouble.into());
    }
    let difference = machine.rule_set().difference(&fresh.rule_set());
    if difference == Difference::default() {
        return Compared::Agrees;
    }
    Compared::Differs(Differing {
        machine: machine.address.machine().into(),
        difference,
        why: why(difference, machine.trouble().as_deref()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason() {
        let difference = |missing, extra, different| Difference {
            missing,
            extra,
            different,
        };
        let rows = [
            (difference(1, 0, 0), Some("refused"), "its last sync"),
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
    fn of_every_set_one_machine_is_compared_first() {
        let sets = [1, 1, 1, 2, 1, 3, 1, 1];
        assert!(chosen(&sets, 0).is_empty());
        assert_eq!(chosen(&sets, 2), [0, 3]);
        assert_eq!(chosen(&sets, 3), [0, 3, 5]);
        let five = chosen(&sets, 5);
        assert_eq!(five[..3], [0, 3, 5]);
        assert_eq!(five.len(), 5);
        let mut all = chosen(&sets, 100);
        all.sort_unstable();
        assert_eq!(all, (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn groups_of_two_threads_are_one() {
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
