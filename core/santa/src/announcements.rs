//! Notifications that a program may run now, after its allow rules have arrived (spec §2.5, §4.1).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::wire::{Policy, RuleMessage};

/// Maximum number of stored announcements; when it is exceeded, all are dropped.
const MAX_ANNOUNCEMENTS: usize = 16;

/// Number of hexadecimal digits of a SHA-256.
const HASH_DIGITS: usize = 64;

/// Programs that a push message announced, until all their rules have arrived. They are kept in memory only.
///
/// ```
/// use selvedge_santa::Announcements;
///
/// let mut announcements = Announcements::default();
/// announcements.announce("ab".repeat(32), "Acme".into());
/// assert_eq!(announcements.len(), 1);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Announcements(BTreeMap<String, Announced>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Announced {
    name: String,
    /// Number of rules that have not arrived yet; unknown before the first one.
    left: Option<u32>,
}

impl Announcements {
    /// Stores a program's name by the hash of its file or of its bundle.
    pub fn announce(&mut self, hash: String, name: String) {
        if self.0.len() >= MAX_ANNOUNCEMENTS && !self.0.contains_key(&hash) {
            self.0.clear();
        }
        self.0.insert(hash, Announced { name, left: None });
    }

    /// The number of announced programs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no program is announced.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a rule may cause a notification.
    pub(super) fn concern(&self, rule: &RuleMessage) -> bool {
        !rule.notification_app_name.is_empty() || self.0.contains_key(hash_of(rule))
    }

    /// The notifications that rules cause: a rule contains the program's name itself, or is the last missing rule of an
    /// announced program.
    pub(super) fn of_rules(&mut self, rules: &[RuleMessage]) -> Vec<String> {
        let mut notices = Vec::new();
        for rule in rules {
            let notice = if rule.notification_app_name.is_empty() {
                self.count_down(rule)
            } else {
                Some(rule.notification_app_name.clone())
            };
            notices.extend(notice.filter(|name| !notices.contains(name)));
        }
        notices
    }

    fn count_down(&mut self, rule: &RuleMessage) -> Option<String> {
        let allows = matches!(
            rule.policy,
            Some(Policy::Allowlist | Policy::AllowlistCompiler)
        );
        if !allows {
            return None;
        }
        let hash = hash_of(rule);
        let announced = self.0.get_mut(hash)?;
        let left = announced
            .left
            .unwrap_or(rule.file_bundle_binary_count)
            .saturating_sub(1);
        announced.left = Some(left);
        match left {
            0 => self.0.remove(hash).map(|announced| announced.name),
            _ => None,
        }
    }
}

/// The hash with which a rule's program was announced.
fn hash_of(rule: &RuleMessage) -> &str {
    match rule.file_bundle_hash.len() {
        HASH_DIGITS => &rule.file_bundle_hash,
        _ => &rule.identifier,
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn rule(policy: Policy, bundle: &str, count: u32) -> RuleMessage {
        RuleMessage {
            identifier: "f".repeat(64),
            policy: Some(policy),
            file_bundle_hash: bundle.into(),
            file_bundle_binary_count: count,
            ..RuleMessage::default()
        }
    }

    #[test]
    fn a_bundle_is_announced_when_its_last_rule_has_arrived() {
        let bundle = "b".repeat(64);
        let mut announcements = Announcements::default();
        announcements.announce(bundle.clone(), "Acme".into());
        let rules = |policy| [rule(policy, &bundle, 2)];
        assert!(announcements.of_rules(&rules(Policy::Allowlist)).is_empty());
        assert!(announcements.of_rules(&rules(Policy::Blocklist)).is_empty());
        assert_eq!(announcements.of_rules(&rules(Policy::Allowlist)), ["Acme"]);
        assert!(announcements.is_empty());
    }

    #[test]
    fn a_file_is_announced_by_its_own_hash() {
        let mut announcements = Announcements::default();
        announcements.announce("f".repeat(64), "Acme".into());
        assert_eq!(
            announcements.of_rules(&[rule(Policy::Allowlist, "", 1)]),
            ["Acme"]
        );
    }

    #[test]
    fn a_rule_that_names_a_program_needs_no_announcement() {
        let named = RuleMessage {
            notification_app_name: "Acme".to_string(),
            ..rule(Policy::Blocklist, "", 0)
        };
        assert_eq!(
            Announcements::default().of_rules(&[named.clone(), named]),
            ["Acme"]
        );
    }

    #[test]
    fn the_seventeenth_drops_all_before_it() {
        let mut announcements = Announcements::default();
        for number in 0..16 {
            announcements.announce(format!("{number}"), "a".into());
        }
        announcements.announce("3".into(), "b".into());
        assert_eq!(announcements.len(), 16);
        announcements.announce("another".into(), "c".into());
        assert_eq!(announcements.len(), 1);
    }
}
