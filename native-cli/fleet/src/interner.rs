//! Stores equal values once.

use std::collections::HashSet;
use std::hash::Hash;
use std::rc::Rc;

/// Interned values.
#[derive(Debug)]
pub(super) struct Interner<T> {
    known: HashSet<Rc<T>>,
    sweep_at: usize,
}

impl<T: Hash + Eq> Interner<T> {
    /// An empty interner.
    pub(super) fn new() -> Self {
        Self {
            known: HashSet::new(),
            sweep_at: 1024,
        }
    }

    /// Returns the stored value that is equal, or stores this one.
    pub(super) fn intern(&mut self, value: T) -> Rc<T> {
        if let Some(known) = self.known.get(&value) {
            return Rc::clone(known);
        }
        let value = Rc::new(value);
        self.known.insert(Rc::clone(&value));
        value
    }

    /// Whether the number of values has reached the threshold for a sweep.
    pub(super) fn is_full(&self) -> bool {
        self.known.len() >= self.sweep_at
    }

    /// Removes values without other references.
    pub(super) fn sweep(&mut self) {
        self.known.retain(|value| Rc::strong_count(value) > 1);
        self.sweep_at = (2 * self.known.len()).max(1024);
    }

    /// The number of values.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}
