//! A compact store for the rules of many machines: equal values are stored once.
//!
//! A set of rules is a list of chunks, and a chunk is a list of rules. Sets, chunks and rules are interned, so machines
//! share equal ones. The hash of a rule's key decides whether a chunk ends there (content-defined chunking), so a
//! machine with one additional rule differs from others in one chunk and not in all following chunks.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use selvedge_santa::{Change, Rule, RuleCounts, RuleKey, RulesHash, Wipe};

use super::interner::Interner;

/// The average number of rules in a chunk.
const AVERAGE_CHUNK: u64 = 64;

/// A rule that is hashed by its key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PooledRule(Rule);

impl PooledRule {
    /// The rule.
    pub(super) const fn rule(&self) -> &Rule {
        &self.0
    }
}

impl Hash for PooledRule {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key.hash(state);
    }
}

/// A list of interned elements. Equal lists have the same elements by address.
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

type Chunk = List<PooledRule>;

/// The rules of one machine. Clones are cheap.
#[derive(Debug, Clone)]
pub(super) struct RuleSet(Rc<List<Chunk>>);

impl PartialEq for RuleSet {
    /// In one pool, equal sets have the same address.
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// The rules of all machines of a thread.
#[derive(Debug)]
pub(super) struct Pool {
    rules: Interner<PooledRule>,
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

    /// The empty set.
    pub(super) fn empty(&mut self) -> RuleSet {
        RuleSet(self.sets.intern(List(Box::default())))
    }

    /// Removes unused values when a table is full: sets first, then chunks, then rules.
    fn sweep_if_full(&mut self) {
        if self.sets.is_full() || self.chunks.is_full() || self.rules.is_full() {
            self.sets.sweep();
            self.chunks.sweep();
            self.rules.sweep();
        }
    }

    /// Applies a wipe and then changes to a set.
    pub(super) fn changed(&mut self, set: &RuleSet, wipe: Wipe, changes: Vec<Change>) -> RuleSet {
        let changes: BTreeMap<RuleKey, Option<Rule>> = changes
            .into_iter()
            .map(|change| match change {
                Change::Put(rule) => (rule.key.clone(), Some(rule)),
                Change::Remove(key) => (key, None),
            })
            .collect();
        let mut changes = changes.into_iter().peekable();
        self.sweep_if_full();
        let mut builder = Builder::new(self);
        for old in set.iter() {
            while let Some((_, new)) = changes.next_if(|(key, _)| *key < old.rule().key) {
                builder.add(new);
            }
            match changes.next_if(|(key, _)| *key == old.rule().key) {
                Some((_, Some(new))) if new == old.0 => builder.push(Rc::clone(old)),
                Some((_, new)) => builder.add(new),
                None if is_wiped(wipe, old.rule()) => {}
                None => builder.push(Rc::clone(old)),
            }
        }
        changes.for_each(|(_, new)| builder.add(new));
        builder.finish()
    }

    /// The number of different sets and of different rules.
    #[cfg(test)]
    fn sizes(&self) -> (usize, usize) {
        (self.sets.len(), self.rules.len())
    }
}

const fn is_wiped(wipe: Wipe, rule: &Rule) -> bool {
    match wipe {
        Wipe::Nothing => false,
        Wipe::NonTransitive => !rule.state.is_transitive(),
        Wipe::All => true,
    }
}

struct Builder<'a> {
    pool: &'a mut Pool,
    chunks: Vec<Rc<Chunk>>,
    rules: Vec<Rc<PooledRule>>,
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
            let rule = self.pool.rules.intern(PooledRule(rule));
            self.push(rule);
        }
    }

    fn push(&mut self, rule: Rc<PooledRule>) {
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
    hasher.finish().is_multiple_of(AVERAGE_CHUNK)
}

impl RuleSet {
    /// All rules in the order of their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Rc<PooledRule>> {
        self.0.0.iter().flat_map(|chunk| chunk.0.iter())
    }

    /// The address, which is the same for equal sets.
    pub(super) fn address(&self) -> usize {
        Rc::as_ptr(&self.0).addr()
    }

    /// The number of rules.
    pub(super) fn len(&self) -> usize {
        self.0.0.iter().map(|chunk| chunk.0.len()).sum()
    }

    /// The number of rules by type.
    pub(super) fn counts(&self) -> RuleCounts {
        let mut counts = RuleCounts::default();
        self.iter()
            .for_each(|pooled| counts.add(pooled.0.key.rule_type(), pooled.0.state));
        counts
    }

    /// At most `limit` rules with keys after `after`, in the order of their keys.
    pub(super) fn page(&self, after: Option<&RuleKey>, limit: usize) -> Vec<Rule> {
        let is_passed = |pooled: &Rc<PooledRule>| after.is_some_and(|after| pooled.0.key <= *after);
        let chunks = &self.0.0;
        let whole = chunks.partition_point(|chunk| chunk.0.last().is_none_or(is_passed));
        let rules = chunks.iter().skip(whole).flat_map(|chunk| chunk.0.iter());
        let rules = rules.skip_while(|pooled| is_passed(pooled)).take(limit);
        rules.map(|pooled| pooled.0.clone()).collect()
    }

    /// The rule with an index.
    pub(super) fn nth(&self, mut number: usize) -> Option<Rc<PooledRule>> {
        for chunk in &self.0.0 {
            match chunk.0.get(number) {
                Some(pooled) => return Some(Rc::clone(pooled)),
                None => number -= chunk.0.len(),
            }
        }
        None
    }

    /// The rules hash that the machine reports to the server.
    pub(super) fn hash(&self) -> String {
        let mut hash = RulesHash::default();
        self.iter().for_each(|pooled| hash.add(&pooled.0));
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
    fn equal_sets_are_shared() {
        let mut pool = Pool::new();
        let empty = pool.empty();
        let at_once = pool.changed(&empty, Wipe::Nothing, many(0..5000));
        let first = pool.changed(&empty, Wipe::Nothing, many(2000..5000));
        let later = pool.changed(&first, Wipe::Nothing, many(0..3000));
        assert_eq!(at_once, later);
        assert_eq!(pool.sizes(), (3, 5000));
    }

    #[test]
    fn an_additional_rule_changes_one_chunk() {
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
    fn unused_rules_are_removed() {
        let mut pool = Pool::new();
        for round in 0..100 {
            let empty = pool.empty();
            pool.changed(&empty, Wipe::All, many(round * 1000..round * 1000 + 1000));
        }
        assert!(pool.sizes().1 <= 10_000, "{:?}", pool.sizes());
    }

    #[test]
    fn the_results_are_those_of_the_in_memory_store() {
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
        let pooled = set.nth(set.len() / 2).unwrap();
        assert_eq!(*pooled.rule(), set.page(None, 1000)[set.len() / 2]);
    }
}
