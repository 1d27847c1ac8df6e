//! Limits of concurrent connections, in total and per user, so that other users cannot lock out the agent.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use selvedge_santa::ipc::Caller;

/// Maximum number of connections.
const MAX_TOTAL: usize = 64;

/// Maximum number of connections of all users except the agent.
const MAX_OTHERS: usize = 48;

/// Maximum number of connections of one user except the agent.
const MAX_PER_USER: usize = 16;

/// Counts the open connections.
#[derive(Debug, Default, Clone)]
pub(super) struct ConnectionLimit(Rc<RefCell<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    others: BTreeMap<u32, usize>,
}

/// Counts one connection until it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    connections: ConnectionLimit,
    other: Option<u32>,
}

impl Counts {
    fn has_room(&self, uid: u32, caller: Caller) -> bool {
        let of_one = self.others.get(&uid).copied().unwrap_or(0);
        let others: usize = self.others.values().sum();
        self.all < MAX_TOTAL
            && (caller.is_agent() || (others < MAX_OTHERS && of_one < MAX_PER_USER))
    }
}

impl ConnectionLimit {
    /// Acquires a permit for a user; `None` when a limit is reached.
    pub(super) fn acquire(&self, uid: u32, caller: Caller) -> Option<ConnectionPermit> {
        let mut counts = self.0.borrow_mut();
        if !counts.has_room(uid, caller) {
            return None;
        }
        counts.all += 1;
        let other = (!caller.is_agent()).then_some(uid);
        if let Some(uid) = other {
            *counts.others.entry(uid).or_default() += 1;
        }
        Some(ConnectionPermit {
            connections: self.clone(),
            other,
        })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut counts = self.connections.0.borrow_mut();
        counts.all = counts.all.saturating_sub(1);
        if let Some(uid) = self.other {
            let left = counts
                .others
                .get(&uid)
                .map_or(0, |count| count.saturating_sub(1));
            match left {
                0 => counts.others.remove(&uid),
                left => counts.others.insert(uid, left),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(connections: &ConnectionLimit, uid: u32, caller: Caller) -> Vec<ConnectionPermit> {
        std::iter::from_fn(|| connections.acquire(uid, caller)).collect()
    }

    #[test]
    fn connections_of_other_users_leave_room_for_the_agent() {
        let connections = ConnectionLimit::default();
        let others: Vec<_> = (1000..1010)
            .map(|uid| fill(&connections, uid, Caller::Operator))
            .collect();
        let counts: Vec<usize> = others.iter().map(Vec::len).collect();
        assert_eq!(counts, [16, 16, 16, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(fill(&connections, 0, Caller::Agent).len(), 16);
    }

    #[test]
    fn a_dropped_permit_can_be_acquired_again() {
        let connections = ConnectionLimit::default();
        let agent = fill(&connections, 0, Caller::Agent);
        assert_eq!(agent.len(), MAX_TOTAL);
        assert!(connections.acquire(1000, Caller::Operator).is_none());
        drop(agent);
        assert_eq!(
            fill(&connections, 1000, Caller::Operator).len(),
            MAX_PER_USER
        );
        assert!(connections.0.borrow().others.is_empty());
    }
}
