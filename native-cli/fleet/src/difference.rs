//! The difference between a machine's rules and the server's.

use std::cmp::Ordering;

use serde::Serialize;

use super::rules::RuleSet;

/// The difference between two sets of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Difference {
    /// Rules that only the server has.
    pub missing: u32,
    /// Rules that only the machine has.
    pub extra: u32,
    /// Rules with the same key and other content.
    pub different: u32,
}

impl RuleSet {
    /// The difference from the server's current rules.
    pub(super) fn difference(&self, fresh: &Self) -> Difference {
        let mut difference = Difference::default();
        if self == fresh {
            return difference;
        }
        let (mut own, mut new) = (self.iter().peekable(), fresh.iter().peekable());
        loop {
            let order = match (own.peek(), new.peek()) {
                (None, None) => return difference,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(own), Some(new)) => own.rule().key.cmp(&new.rule().key),
            };
            match order {
                Ordering::Less => {
                    difference.extra += 1;
                    own.next();
                }
                Ordering::Greater => {
                    difference.missing += 1;
                    new.next();
                }
                Ordering::Equal => {
                    difference.different += u32::from(own.next() != new.next());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use selvedge_santa::wire::RuleType;
    use selvedge_santa::{Change, Rule, RuleKey, RuleState, Wipe};

    use super::super::rules::Pool;
    use super::*;

    fn rule(number: u64, state: RuleState) -> Rule {
        let key = RuleKey::new(RuleType::Binary, &format!("{number:064x}")).unwrap();
        Rule::new(key, state)
    }

    #[test]
    fn differences_are_counted() {
        let mut pool = Pool::new();
        let empty = pool.empty();
        let put = |rules: &[(u64, RuleState)]| {
            let rules = rules.iter();
            rules
                .map(|(number, state)| Change::Put(rule(*number, *state)))
                .collect()
        };
        use RuleState::{Allow, Block};
        let own = pool.changed(
            &empty,
            Wipe::Nothing,
            put(&[(1, Allow), (2, Allow), (3, Block), (9, Allow)]),
        );
        let fresh = pool.changed(
            &empty,
            Wipe::Nothing,
            put(&[(0, Allow), (2, Allow), (3, Allow), (4, Allow)]),
        );
        let expected = Difference {
            missing: 2,
            extra: 2,
            different: 1,
        };
        assert_eq!(own.difference(&fresh), expected);
        assert_eq!(own.difference(&own), Difference::default());
    }
}
