//! The hash of a machine's rules, with which a server checks whether they are the ones it expects (spec §2.7).

use alloc::format;
use alloc::string::String;

use twox_hash::XxHash3_128;

use super::rule::Rule;

/// The hash of a set of rules, which must be added sorted by key. Transitive rules are not included.
///
/// ```
/// use selvedge_santa::RulesHash;
///
/// assert_eq!(RulesHash::default().finish(), "99aa06d3014798d86001c324468d497f");
/// ```
#[derive(Default)]
pub struct RulesHash(XxHash3_128);

impl core::fmt::Debug for RulesHash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("RulesHash(..)")
    }
}

impl RulesHash {
    /// Adds a rule.
    pub fn add(&mut self, rule: &Rule) {
        if rule.state.is_transitive() {
            return;
        }
        self.0.write(rule.key.identifier().as_bytes());
        self.0.write(rule.cel_expr.as_bytes());
        self.0.write(&rule.state.number().to_le_bytes());
        self.0.write(&rule.key.rule_type().rank().to_le_bytes());
    }

    /// 32 hexadecimal digits.
    #[must_use]
    pub fn finish(&self) -> String {
        format!("{:032x}", self.0.finish_128())
    }
}
