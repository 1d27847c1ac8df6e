//! Which collections are read from the server, and which are taken from an earlier backup.

use std::collections::BTreeMap;

use selvedge_core::ids::CollectionName;
use selvedge_core::time::ServerTime;

use super::manifest::{Entry, Manifest};

/// The collection of the account's keys. It is not part of a backup: a restore encrypts with the keys of its account.
pub const KEYS: &str = "crypto";

/// How a collection gets into the new backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is read from the server.
    Read,
    /// It is unchanged since the base with this position, whose file is linked.
    Reuse(usize),
}

/// What a new backup has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// The first base has all of it: no new backup is made.
    NothingNew,
    /// The collections with their times on the server, in the order of their names.
    Make(Vec<(CollectionName, ServerTime, Step)>),
}

/// Plans a backup. `times` are those of `info/collections`; `bases` are earlier backups of the same account, reduced to
/// the collections whose files are intact, the best first. `is_complete` says whether the first one is a finished backup.
///
/// ```
/// use std::collections::BTreeMap;
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::time::ServerTime;
/// use selvedge_host::backup::plan::{Plan, Step, plan};
///
/// let notes = CollectionName::new("notes").unwrap();
/// let times = BTreeMap::from([(notes.clone(), ServerTime::from_hundredths(5))]);
/// let expected = vec![(notes, ServerTime::from_hundredths(5), Step::Read)];
/// assert_eq!(plan(&times, &[], false), Plan::Make(expected));
/// ```
#[must_use]
pub fn plan(
    times: &BTreeMap<CollectionName, ServerTime>,
    bases: &[Manifest],
    is_complete: bool,
) -> Plan {
    let keys = times
        .iter()
        .find(|(name, _)| name.as_str() == KEYS)
        .map(|(_, time)| *time);
    let is_same = |base: &Manifest, entry: &Entry, time: ServerTime| {
        // A record that could not be read may be readable with new keys.
        entry.modified == time && (entry.damaged == 0 || base.keys_modified == keys)
    };
    let steps: Vec<(CollectionName, ServerTime, Step)> = times
        .iter()
        .filter(|(name, _)| name.as_str() != KEYS)
        .map(|(name, time)| {
            let base = bases.iter().position(|base| {
                base.entry(name)
                    .is_some_and(|entry| is_same(base, entry, *time))
            });
            (name.clone(), *time, base.map_or(Step::Read, Step::Reuse))
        })
        .collect();
    let first = bases.first().filter(|_| is_complete);
    let is_all_there = steps.iter().all(|(.., step)| *step == Step::Reuse(0));
    match first {
        Some(first) if is_all_there && first.collections.len() == steps.len() => Plan::NothingNew,
        _ => Plan::Make(steps),
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    fn name(text: &str) -> CollectionName {
        CollectionName::new(text).unwrap()
    }

    fn times(of: &[(&str, u64)]) -> BTreeMap<CollectionName, ServerTime> {
        of.iter()
            .map(|(text, time)| (name(text), ServerTime::from_hundredths(*time)))
            .collect()
    }

    fn base(keys: u64, of: &[(&str, u64, u64)]) -> Manifest {
        let mut manifest = Manifest::new("", 0);
        manifest.keys_modified = Some(ServerTime::from_hundredths(keys));
        for (text, time, damaged) in of {
            let mut entry = Entry::new(name(text), ServerTime::from_hundredths(*time));
            entry.damaged = *damaged;
            manifest.collections.push(entry);
        }
        manifest
    }

    #[test]
    fn every_row() {
        use Step::{Read, Reuse};
        let on_server = times(&[("a", 1), ("b", 2), ("crypto", 9)]);
        let same = base(9, &[("a", 1, 0), ("b", 2, 0)]);
        type Row<'a> = (&'a [Manifest], bool, Option<[Step; 2]>);
        let rows: [Row<'_>; 11] = [
            (&[], false, Some([Read, Read])),
            (slice::from_ref(&same), true, None),
            (slice::from_ref(&same), false, Some([Reuse(0), Reuse(0)])),
            (
                &[base(9, &[("a", 1, 0), ("b", 1, 0)])],
                true,
                Some([Reuse(0), Read]),
            ),
            // A time that went back is another state too.
            (
                &[base(9, &[("a", 7, 0), ("b", 2, 0)])],
                true,
                Some([Read, Reuse(0)]),
            ),
            (&[base(9, &[("b", 2, 0)])], true, Some([Read, Reuse(0)])),
            // A collection was deleted on the server.
            (
                &[base(9, &[("a", 1, 0), ("b", 2, 0), ("c", 3, 0)])],
                true,
                Some([Reuse(0), Reuse(0)]),
            ),
            (&[base(9, &[("a", 1, 3), ("b", 2, 0)])], true, None),
            (
                &[base(8, &[("a", 1, 3), ("b", 2, 0)])],
                true,
                Some([Read, Reuse(0)]),
            ),
            // New keys for the same records.
            (&[base(8, &[("a", 1, 0), ("b", 2, 0)])], true, None),
            (
                &[base(9, &[("b", 2, 0)]), same.clone()],
                true,
                Some([Reuse(1), Reuse(0)]),
            ),
        ];
        for (bases, is_complete, expected) in rows {
            let found = match plan(&on_server, bases, is_complete) {
                Plan::NothingNew => None,
                Plan::Make(steps) => Some([steps[0].2, steps[1].2]),
            };
            assert_eq!(found, expected, "{bases:?}");
        }
    }

    #[test]
    fn an_empty_account_is_backed_up_once() {
        let nothing = times(&[]);
        assert_eq!(plan(&nothing, &[], false), Plan::Make(Vec::new()));
        assert_eq!(plan(&nothing, &[base(0, &[])], true), Plan::NothingNew);
    }
}
