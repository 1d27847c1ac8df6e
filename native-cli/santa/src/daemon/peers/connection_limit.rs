//! So many connections at once, and so many of one user, that nobody can keep the agent out.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use selvedge_santa::ipc::Caller;

/// Connections in all.
const ALL: usize = 64;

/// Of those who are not the agent.
const OTHERS: usize = 48;

/// Of one user who is not the agent.
const OF_ONE: usize = 16;

/// Who sits where.
#[derive(Debug, Default, Clone)]
pub(super) struct ConnectionLimit(Rc<RefCell<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    others: BTreeMap<u32, usize>,
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    connections: ConnectionLimit,
    other: Option<u32>,
}

impl Taken {
    fn has_room(&self, uid: u32, caller: Caller) -> bool {
        let of_one = self.others.get(&uid).copied().unwrap_or(0);
        let others: usize = self.others.values().sum();
        self.all < ALL && (caller.is_agent() || (others < OTHERS && of_one < OF_ONE))
    }
}

impl ConnectionLimit {
    /// A seat for a user, if there is one left.
    pub(super) fn take(&self, uid: u32, caller: Caller) -> Option<Seat> {
        let mut taken = self.0.borrow_mut();
        if !taken.has_room(uid, caller) {
            return None;
        }
        taken.all += 1;
        let other = (!caller.is_agent()).then_some(uid);
        if let Some(uid) = other {
            *taken.others.entry(uid).or_default() += 1;
        }
        Some(Seat {
            connections: self.clone(),
            other,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.connections.0.borrow_mut();
        taken.all = taken.all.saturating_sub(1);
        if let Some(uid) = self.other {
            let left = taken
                .others
                .get(&uid)
                .map_or(0, |count| count.saturating_sub(1));
            match left {
                0 => taken.others.remove(&uid),
                left => taken.others.insert(uid, left),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(connections: &ConnectionLimit, uid: u32, caller: Caller) -> Vec<Seat> {
        std::iter::from_fn(|| connections.take(uid, caller)).collect()
    }

    #[test]
    fn others_leave_room_for_the_agent() {
        let connections = ConnectionLimit::default();
        let others: Vec<_> = (1000..1010)
            .map(|uid| fill(&connections, uid, Caller::Operator))
            .collect();
        let counts: Vec<usize> = others.iter().map(Vec::len).collect();
        assert_eq!(counts, [16, 16, 16, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(fill(&connections, 0, Caller::Agent).len(), 16);
    }

    #[test]
    fn a_seat_that_was_left_is_taken_again() {
        let connections = ConnectionLimit::default();
        let agent = fill(&connections, 0, Caller::Agent);
        assert_eq!(agent.len(), ALL);
        assert!(connections.take(1000, Caller::Operator).is_none());
        drop(agent);
        assert_eq!(fill(&connections, 1000, Caller::Operator).len(), OF_ONE);
        assert!(connections.0.borrow().others.is_empty());
    }
}
