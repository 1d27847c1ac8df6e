//! Finds the bundles whose members the server requests (spec §2.3): bundles that an event names and whose members are
//! not all known.

use std::collections::{BTreeSet, HashMap};

use selvedge_santa::Occurrence;
use selvedge_santa::wire::Decision;

/// Maximum number of bundles, and of members of one bundle, that are remembered. The server does not request more.
const MAX_BUNDLES: usize = 10_000;
const MAX_MEMBERS: usize = 10_000;

/// The known members of each bundle.
#[derive(Debug, Default)]
pub(super) struct Bundles(HashMap<String, BTreeSet<String>>);

impl Bundles {
    /// Adds a member.
    pub(super) fn add(&mut self, bundle: &str, member: &str) {
        if bundle.is_empty() || self.0.len() >= MAX_BUNDLES && !self.0.contains_key(bundle) {
            return;
        }
        let members = self.0.entry(bundle.to_owned()).or_default();
        if members.len() < MAX_MEMBERS {
            members.insert(member.to_owned());
        }
    }

    /// Adds the members among these events, then returns the incomplete bundles that the other events name.
    pub(super) fn update(&mut self, occurrences: &[Occurrence]) -> Vec<String> {
        let events = || {
            occurrences
                .iter()
                .filter_map(|occurrence| match occurrence {
                    Occurrence::Execution(event) => Some(event),
                    _ => None,
                })
        };
        let is_member = |decision| decision == Some(Decision::BundleBinary);
        for event in events().filter(|event| is_member(event.decision)) {
            self.add(&event.file_bundle_hash, &event.file_sha256);
        }
        let named = events().filter(|e| !is_member(e.decision) && !e.file_bundle_hash.is_empty());
        let wanted = named.filter(|event| {
            let known = self.0.get(&event.file_bundle_hash).map_or(0, BTreeSet::len);
            let all = (event.file_bundle_binary_count.max(1) as usize).min(MAX_MEMBERS);
            let has_room = self.0.len() < MAX_BUNDLES || known > 0;
            known < all && has_room
        });
        let wanted: BTreeSet<String> = wanted.map(|event| event.file_bundle_hash.clone()).collect();
        wanted.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use selvedge_santa::wire::Event;

    use super::*;

    fn event(decision: Decision, sha256: &str, bundle: &str) -> Occurrence {
        Occurrence::Execution(Box::new(Event {
            file_sha256: sha256.into(),
            file_bundle_hash: bundle.into(),
            file_bundle_binary_count: 2,
            decision: Some(decision),
            ..Event::default()
        }))
    }

    #[test]
    fn a_bundle_is_requested_until_all_its_members_are_known() {
        use Decision::{BlockBinary, BundleBinary};
        let mut bundles = Bundles::default();
        let blocked = || event(BlockBinary, "a", "bundle");
        assert_eq!(bundles.update(&[event(BlockBinary, "a", "")]), [""; 0]);
        assert_eq!(bundles.update(&[blocked(), blocked()]), ["bundle"]);
        assert_eq!(
            bundles.update(&[event(BundleBinary, "a", "bundle")]),
            [""; 0]
        );
        assert_eq!(bundles.update(&[blocked()]), ["bundle"]);
        assert_eq!(
            bundles.update(&[event(BundleBinary, "b", "bundle"), blocked()]),
            [""; 0]
        );
    }
}
