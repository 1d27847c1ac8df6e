//! Equal values in one place of memory.

use std::collections::HashSet;
use std::hash::Hash;
use std::rc::Rc;

/// Equal values, each kept once.
#[derive(Debug)]
pub(super) struct Interner<T> {
    known: HashSet<Rc<T>>,
    sweep_at: usize,
}

impl<T: Hash + Eq> Interner<T> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            known: HashSet::new(),
            sweep_at: 1024,
        }
    }

    /// The one that is equal, which is this if there was none.
    pub(super) fn intern(&mut self, value: T) -> Rc<T> {
        if let Some(known) = self.known.get(&value) {
            return Rc::clone(known);
        }
        let value = Rc::new(value);
        self.known.insert(Rc::clone(&value));
        value
    }

    /// Whether there are so many that it is time to sweep.
    pub(super) fn is_full(&self) -> bool {
        self.known.len() >= self.sweep_at
    }

    /// Lets go what nobody has any more.
    pub(super) fn sweep(&mut self) {
        self.known.retain(|value| Rc::strong_count(value) > 1);
        self.sweep_at = (2 * self.known.len()).max(1024);
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}
