//! Small maps and sets with string keys, stored as one sorted list.
//!
//! A sync keeps dozens of collections or one page of records by name. For these sizes a sorted list is as fast as a
//! tree, and the code of a tree is many times larger and is repeated for each key and value type; here one sort
//! function serves all types. Appending in order or building from a whole list is cheap; inserting thousands of entries
//! in random order one by one is not.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// A map from names to values, sorted by name.
///
/// ```
/// use selvedge_core::sorted::Map;
///
/// let map: Map<&str, u32> = [("b", 1), ("a", 2), ("b", 3)].into_iter().collect();
/// assert_eq!(map.get("b"), Some(&3), "of two entries with the same name the last one wins");
/// assert_eq!(map.keys().collect::<Vec<_>>(), [&"a", &"b"]);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Map<K, V>(Vec<(K, V)>);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> Map<K, V> {
    /// An empty map.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + Clone {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// The names, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + Clone {
        self.0.iter().map(|(name, _)| name)
    }

    /// The names, without the values.
    pub fn into_keys(self) -> impl DoubleEndedIterator<Item = K> {
        self.0.into_iter().map(|(name, _)| name)
    }

    /// The values, in the order of the names.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.0.iter().map(|(_, value)| value)
    }

    /// The values, mutable.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// Keeps the entries for which `is_kept` returns true.
    pub fn retain(&mut self, mut is_kept: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain_mut(|(name, value)| is_kept(name, value));
    }
}

impl<K: AsRef<str>, V> Map<K, V> {
    fn place(&self, name: &str) -> Result<usize, usize> {
        // Most insertions happen in order.
        match self.0.last() {
            Some((last, _)) if last.as_ref() < name => Err(self.0.len()),
            _ => search(self.0.len(), name, &|at| {
                self.0.get(at).map_or("", |(key, _)| key.as_ref())
            }),
        }
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &(impl AsRef<str> + ?Sized)) -> Option<&V> {
        let at = self.place(name.as_ref()).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// The value of a name, mutable.
    pub fn get_mut(&mut self, name: &(impl AsRef<str> + ?Sized)) -> Option<&mut V> {
        let at = self.place(name.as_ref()).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    /// Whether a name has a value.
    #[must_use]
    pub fn contains_key(&self, name: &(impl AsRef<str> + ?Sized)) -> bool {
        self.place(name.as_ref()).is_ok()
    }

    /// Sets the value of a name and returns the previous value.
    pub fn insert(&mut self, name: K, value: V) -> Option<V> {
        match self.place(name.as_ref()) {
            Ok(at) => {
                let (_, old) = self.0.get_mut(at)?;
                Some(core::mem::replace(old, value))
            }
            Err(at) => {
                self.0.insert(at, (name, value));
                None
            }
        }
    }

    /// The value of a name; inserts a default value if the name is missing.
    pub fn get_or_insert_with(&mut self, name: K, make: impl FnOnce() -> V) -> &mut V {
        let at = match self.place(name.as_ref()) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, (name, make()));
                at
            }
        };
        &mut self.0[at].1
    }

    /// Removes the value of a name and returns it.
    pub fn remove(&mut self, name: &(impl AsRef<str> + ?Sized)) -> Option<V> {
        let at = self.place(name.as_ref()).ok()?;
        Some(self.0.remove(at).1)
    }
}

/// Binary search for a name: its index, or the index at which to insert it. One function for all map types, to keep the
/// code small.
fn search<'a>(
    length: usize,
    name: &str,
    name_at: &dyn Fn(usize) -> &'a str,
) -> Result<usize, usize> {
    let (mut low, mut high) = (0, length);
    while low < high {
        let middle = low + (high - low) / 2;
        match name_at(middle).cmp(name) {
            Ordering::Less => low = middle + 1,
            Ordering::Equal => return Ok(middle),
            Ordering::Greater => high = middle,
        }
    }
    Err(low)
}

/// The indexes of a list in the order of `compare`, which never returns `Equal`. One function for all lists, to keep
/// the code small.
fn positions(length: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    order.sort_unstable_by(|a, b| compare(*a, *b));
    order
}

/// Sorts a list; equal items keep their order.
pub(crate) fn sort<T>(items: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    let order = positions(items.len(), &|a, b| match (items.get(a), items.get(b)) {
        (Some(one), Some(other)) => compare(one, other).then(a.cmp(&b)),
        _ => a.cmp(&b),
    });
    let mut taken: Vec<Option<T>> = core::mem::take(items).into_iter().map(Some).collect();
    let take = |at: usize| taken.get_mut(at)?.take();
    items.extend(order.into_iter().filter_map(take));
}

/// The indexes of the names in sorted order; of equal names only the last one.
fn order(names: &[&str]) -> Vec<usize> {
    let name = |at: usize| names.get(at).copied().unwrap_or_default();
    let mut order = positions(names.len(), &|a, b| name(a).cmp(name(b)).then(b.cmp(&a)));
    order.dedup_by(|next, kept| name(*next) == name(*kept));
    order
}

fn is_in_order(names: &[&str]) -> bool {
    names.is_sorted_by(|a, b| a < b)
}

impl<K: AsRef<str>, V> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let pairs: Vec<(K, V)> = pairs.into_iter().collect();
        let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_ref()).collect();
        if is_in_order(&names) {
            return Self(pairs);
        }
        let order = order(&names);
        let mut pairs: Vec<Option<(K, V)>> = pairs.into_iter().map(Some).collect();
        let take = |at: usize| pairs.get_mut(at)?.take();
        Self(order.into_iter().filter_map(take).collect())
    }
}

impl<K: AsRef<str>, V, const N: usize> From<[(K, V); N]> for Map<K, V> {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<K: AsRef<str>, V> Extend<(K, V)> for Map<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        let mut more: Self = pairs.into_iter().collect();
        let comes_behind = match (self.0.last(), more.0.first()) {
            (Some((last, _)), Some((first, _))) => last.as_ref() < first.as_ref(),
            _ => true,
        };
        self.0.append(&mut more.0);
        if !comes_behind {
            *self = core::mem::take(&mut self.0).into_iter().collect();
        }
    }
}

impl<K, V> IntoIterator for Map<K, V> {
    type Item = (K, V);
    type IntoIter = alloc::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, K, V> IntoIterator for &'a Map<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = core::iter::Map<core::slice::Iter<'a, (K, V)>, fn(&'a (K, V)) -> Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(name, value)| (name, value))
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Serialize, V: Serialize> Serialize for Map<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de, K: AsRef<str> + Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for Map<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<K, V>(PhantomData<(K, V)>);

        impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for Pairs<K, V> {
            type Value = Vec<(K, V)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                match list.next_element::<IgnoredAny>()? {
                    None => Ok(Vec::new()),
                    Some(_) => Err(A::Error::custom("a list for an object")),
                }
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
                Ok(Vec::new())
            }
        }

        // Servers written in PHP send `[]` for an empty object, those written in Go send `null` (spec §5.3).
        let pairs = deserializer.deserialize_any(Pairs(PhantomData))?;
        Ok(pairs.into_iter().collect())
    }
}

/// A sorted set of names.
///
/// ```
/// use selvedge_core::sorted::Set;
///
/// let mut set: Set<&str> = ["b", "a", "b"].into_iter().collect();
/// assert!(set.insert("c") && !set.insert("a"));
/// assert_eq!(set.iter().collect::<Vec<_>>(), [&"a", &"b", &"c"]);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Set<K>(Map<K, ()>);

impl<K> Default for Set<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> Set<K> {
    /// An empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self(Map::new())
    }

    /// The number of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no names.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &K> + Clone {
        self.0.keys()
    }

    /// Keeps the names for which `is_kept` returns true.
    pub fn retain(&mut self, mut is_kept: impl FnMut(&K) -> bool) {
        self.0.retain(|name, ()| is_kept(name));
    }
}

impl<K: AsRef<str>> Set<K> {
    /// Whether the set contains a name.
    #[must_use]
    pub fn contains(&self, name: &(impl AsRef<str> + ?Sized)) -> bool {
        self.0.contains_key(name)
    }

    /// Adds a name; returns whether it was not in the set before.
    pub fn insert(&mut self, name: K) -> bool {
        self.0.insert(name, ()).is_none()
    }

    /// Removes a name; returns whether it was in the set.
    pub fn remove(&mut self, name: &(impl AsRef<str> + ?Sized)) -> bool {
        self.0.remove(name).is_some()
    }
}

impl<K: AsRef<str>> FromIterator<K> for Set<K> {
    fn from_iter<I: IntoIterator<Item = K>>(names: I) -> Self {
        Self(names.into_iter().map(|name| (name, ())).collect())
    }
}

impl<K: AsRef<str>, const N: usize> From<[K; N]> for Set<K> {
    fn from(names: [K; N]) -> Self {
        names.into_iter().collect()
    }
}

impl<K: AsRef<str>> Extend<K> for Set<K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, names: I) {
        self.0.extend(names.into_iter().map(|name| (name, ())));
    }
}

impl<K> IntoIterator for Set<K> {
    type Item = K;
    type IntoIter = core::iter::Map<alloc::vec::IntoIter<(K, ())>, fn((K, ())) -> K>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(|(name, ())| name)
    }
}

impl<'a, K> IntoIterator for &'a Set<K> {
    type Item = &'a K;
    type IntoIter = core::iter::Map<core::slice::Iter<'a, (K, ())>, fn(&'a (K, ())) -> &'a K>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.0.iter().map(|(name, ())| name)
    }
}

impl<K: fmt::Debug> fmt::Debug for Set<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<K: Serialize> Serialize for Set<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de, K: AsRef<str> + Deserialize<'de>> Deserialize<'de> for Set<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Option::<Vec<K>>::deserialize(deserializer)?;
        Ok(names.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests;
