//! The rules of many machines in little memory: what is equal is kept once.
//!
//! A set of rules is a list of chunks, a chunk a list of rules, and each of the three is the same piece of memory in
//! all machines that have it. Where a chunk ends is decided by the rules themselves, so that a machine with a rule of
//! its own differs from its neighbours in one chunk and not in all that follow.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use selvedge_santa::{Change, Rule, RuleCounts, RuleKey, RulesHash, Wipe};

use super::interner::Interner;

/// A chunk has so many rules on average.
const CHUNK: u64 = 64;

/// A rule, found by its key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept(Rule);

impl Kept {
    /// The rule.
    pub(super) const fn rule(&self) -> &Rule {
        &self.0
    }
}

impl Hash for Kept {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key.hash(state);
    }
}

/// Pieces of which each is kept once, so that equal lists have equal addresses.
#[derive(Debug)]
struct List<T>(Box<[Rc<T>]>);

impl<T> PartialEq for List<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| Rc::ptr_eq(a, b))
    }
}

impl<T> Eq for List<T> {}

impl<T> Hash for List<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0
            .iter()
            .for_each(|piece| Rc::as_ptr(piece).hash(state));
    }
}

type Chunk = List<Kept>;

/// The rules of one machine. Copies are cheap.
#[derive(Debug, Clone)]
pub(super) struct RuleSet(Rc<List<Chunk>>);

impl PartialEq for RuleSet {
    /// Within one pool equal sets are the same.
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// Where the rules of all machines of a thread are.
#[derive(Debug)]
pub(super) struct Pool {
    rules: Interner<Kept>,
    chunks: Interner<Chunk>,
    sets: Interner<List<Chunk>>,
}

impl Pool {
    pub(super) fn new() -> Self {
        Self {
            rules: Interner::new(),
            chunks: Interner::new(),
            sets: Interner::new(),
        }
    }

    /// No rules.
    pub(super) fn empty(&mut self) -> RuleSet {
        RuleSet(self.sets.intern(List(Box::default())))
    }

    /// Lets go what no machine has any more, before the tables grow: from the whole to its parts.
    fn tidy(&mut self) {
        if self.sets.is_full() || self.chunks.is_full() || self.rules.is_full() {
            self.sets.sweep();
            self.chunks.sweep();
            self.rules.sweep();
        }
    }

    /// What a set becomes: first some rules go, then others come or go, one after the other.
    pub(super) fn changed(&mut self, set: &RuleSet, wipe: Wipe, changes: Vec<Change>) -> RuleSet {
        let changes: BTreeMap<RuleKey, Option<Rule>> = changes
            .into_iter()
            .map(|change| match change {
                Change::Put(rule) => (rule.key.clone(), Some(rule)),
                Change::Remove(key) => (key, None),
            })
            .collect();
        let mut changes = changes.into_iter().peekable();
        self.tidy();
        let mut builder = Builder::new(self);
        for old in set.iter() {
            while let Some((_, new)) = changes.next_if(|(key, _)| *key < old.rule().key) {
                builder.add(new);
            }
            match changes.next_if(|(key, _)| *key == old.rule().key) {
                Some((_, Some(new))) if new == old.0 => builder.push(Rc::clone(old)),
                Some((_, new)) => builder.add(new),
                None if goes(wipe, old.rule()) => {}
                None => builder.push(Rc::clone(old)),
            }
        }
        changes.for_each(|(_, new)| builder.add(new));
        builder.finish()
    }

    /// How many different sets there are, and how many different rules.
    #[cfg(test)]
    fn sizes(&self) -> (usize, usize) {
        (self.sets.len(), self.rules.len())
    }
}

const fn goes(wipe: Wipe, rule: &Rule) -> bool {
    match wipe {
        Wipe::Nothing => false,
        Wipe::NonTransitive => !rule.state.is_transitive(),
        Wipe::All => true,
    }
}

struct Builder<'a> {
    pool: &'a mut Pool,
    chunks: Vec<Rc<Chunk>>,
    rules: Vec<Rc<Kept>>,
}

impl<'a> Builder<'a> {
    fn new(pool: &'a mut Pool) -> Self {
        Self {
            pool,
            chunks: Vec::new(),
            rules: Vec::new(),
        }
    }

    fn add(&mut self, rule: Option<Rule>) {
        if let Some(rule) = rule {
            let rule = self.pool.rules.intern(Kept(rule));
            self.push(rule);
        }
    }

    fn push(&mut self, rule: Rc<Kept>) {
        let is_last = ends_chunk(&rule.0.key);
        self.rules.push(rule);
        if is_last {
            self.close();
        }
    }

    fn close(&mut self) {
        let rules = std::mem::take(&mut self.rules).into_boxed_slice();
        self.chunks.push(self.pool.chunks.intern(List(rules)));
    }

    fn finish(mut self) -> RuleSet {
        if !self.rules.is_empty() {
            self.close();
        }
        RuleSet(self.pool.sets.intern(List(self.chunks.into_boxed_slice())))
    }
}

fn ends_chunk(key: &RuleKey) -> bool {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish().is_multiple_of(CHUNK)
}

impl RuleSet {
    /// All of them, in the order of their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Rc<Kept>> {
        self.0.0.iter().flat_map(|chunk| chunk.0.iter())
    }

    /// Of equal sets it is the same.
    pub(super) fn address(&self) -> usize {
        Rc::as_ptr(&self.0).addr()
    }

    /// How many rules there are.
    pub(super) fn len(&self) -> usize {
        self.0.0.iter().map(|chunk| chunk.0.len()).sum()
    }

    /// How many rules there are of each type.
    pub(super) fn counts(&self) -> RuleCounts {
        let mut counts = RuleCounts::default();
        self.iter()
            .for_each(|kept| counts.add(kept.0.key.rule_type(), kept.0.state));
        counts
    }

    /// At most `limit` rules in the order of their keys, those after `after`.
    pub(super) fn page(&self, after: Option<&RuleKey>, limit: usize) -> Vec<Rule> {
        let is_passed = |kept: &Rc<Kept>| after.is_some_and(|after| kept.0.key <= *after);
        let chunks = &self.0.0;
        let whole = chunks.partition_point(|chunk| chunk.0.last().is_none_or(is_passed));
        let rules = chunks.iter().skip(whole).flat_map(|chunk| chunk.0.iter());
        let rules = rules.skip_while(|kept| is_passed(kept)).take(limit);
        rules.map(|kept| kept.0.clone()).collect()
    }

    /// The rule of a number from 0.
    pub(super) fn nth(&self, mut number: usize) -> Option<Rc<Kept>> {
        for chunk in &self.0.0 {
            match chunk.0.get(number) {
                Some(kept) => return Some(Rc::clone(kept)),
                None => number -= chunk.0.len(),
            }
        }
        None
    }

    /// Their hash, as the machine tells it to the server.
    pub(super) fn hash(&self) -> String {
        let mut hash = RulesHash::default();
        self.iter().for_each(|kept| hash.add(&kept.0));
        hash.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use selvedge_santa::wire::RuleType;
    use selvedge_santa::{Commit, MemoryRuleStore, RuleState, RuleStore as _};

    use super::*;

    fn rule(number: u64, state: RuleState) -> Rule {
        let key = RuleKey::new(RuleType::Binary, &format!("{number:064x}")).unwrap();
        Rule::new(key, state)
    }

    fn many(numbers: impl Iterator<Item = u64>) -> Vec<Change> {
        numbers
            .map(|number| {
                Change::Put(rule(
                    number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
                    RuleState::Allow,
                ))
            })
            .collect()
    }

    #[test]
    fn equal_sets_are_one_however_they_came_about() {
        let mut pool = Pool::new();
        let empty = pool.empty();
        let at_once = pool.changed(&empty, Wipe::Nothing, many(0..5000));
        let first = pool.changed(&empty, Wipe::Nothing, many(2000..5000));
        let later = pool.changed(&first, Wipe::Nothing, many(0..3000));
        assert_eq!(at_once, later);
        assert_eq!(pool.sizes(), (3, 5000));
    }

    #[test]
    fn a_rule_of_its_own_costs_a_machine_one_chunk() {
        let mut pool = Pool::new();
        let empty = pool.empty();
        let shared = pool.changed(&empty, Wipe::Nothing, many(0..5000));
        let own = pool.changed(&shared, Wipe::Nothing, many(9000..9001));
        let chunks: HashSet<*const Chunk> = shared.0.0.iter().map(Rc::as_ptr).collect();
        let others = own
            .0
            .0
            .iter()
            .filter(|chunk| !chunks.contains(&Rc::as_ptr(chunk)));
        assert!(others.count() <= 2);
        assert_eq!(own.len(), 5001);
    }

    #[test]
    fn what_nobody_has_is_let_go() {
        let mut pool = Pool::new();
        for round in 0..100 {
            let empty = pool.empty();
            pool.changed(&empty, Wipe::All, many(round * 1000..round * 1000 + 1000));
        }
        assert!(pool.sizes().1 <= 10_000, "{:?}", pool.sizes());
    }

    #[test]
    fn it_does_as_the_plain_store_does() {
        use RuleState::{Allow, AllowTransitive, Block};
        let mut pool = Pool::new();
        let mut set = pool.empty();
        let plain = MemoryRuleStore::default();
        let mut random = super::super::random::Random::of(5, 5);
        for round in 0..60 {
            let wipe = [Wipe::Nothing, Wipe::NonTransitive, Wipe::All, Wipe::Nothing][round % 4];
            let changes: Vec<Change> = (0..random.below(80))
                .map(|_| {
                    let rule = rule(
                        random.below(200),
                        [Allow, Block, AllowTransitive][random.below(3) as usize],
                    );
                    match random.below(3) {
                        0 => Change::Remove(rule.key),
                        _ => Change::Put(rule),
                    }
                })
                .collect();
            set = pool.changed(&set, wipe, changes.clone());
            let commit = Commit {
                wipe,
                changes,
                ..Commit::default()
            };
            pollster::block_on(async {
                plain.commit(commit).await.unwrap();
                assert_eq!(set.page(None, 1000), plain.rules(None, 1000).await.unwrap());
                assert_eq!(set.counts(), plain.counts().await.unwrap());
                let after = rule(random.below(200), Allow).key;
                let (page, expected) = (
                    set.page(Some(&after), 7),
                    plain.rules(Some(&after), 7).await.unwrap(),
                );
                assert_eq!(page, expected);
            });
        }
        let kept = set.nth(set.len() / 2).unwrap();
        assert_eq!(*kept.rule(), set.page(None, 1000)[set.len() / 2]);
    }
}
