//! A stored rule, and the validation of a server's rules (spec §2.5, §2.7).

use alloc::string::{String, ToString};
use core::cmp::Ordering;

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use super::wire::{Policy, RuleMessage, RuleType};

/// Maximum length of a button's label, in UTF-16 units.
const MAX_LABEL_UNITS: usize = 48;

impl RuleType {
    /// Its number in a rule database: rules are sorted by it, and it is part of their hash.
    #[must_use]
    pub const fn rank(self) -> u32 {
        match self {
            Self::CdHash => 500,
            Self::Binary => 1000,
            Self::SigningId => 2000,
            Self::Certificate => 3000,
            Self::TeamId => 4000,
        }
    }

    /// The type with a number of a rule database.
    #[must_use]
    pub fn from_rank(rank: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.rank() == rank)
    }
}

/// Identifies a rule: no two rules have the same key.
///
/// ```
/// use selvedge_santa::RuleKey;
/// use selvedge_santa::wire::RuleType;
///
/// let key = RuleKey::new(RuleType::TeamId, "eqhxz8m8av")?;
/// assert_eq!(key.identifier(), "EQHXZ8M8AV");
/// # Ok::<(), selvedge_santa::BadRule>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct RuleKey {
    rule_type: RuleType,
    identifier: String,
}

impl RuleKey {
    /// Creates one from a type and an identifier, which is converted to its stored form.
    ///
    /// # Errors
    /// When the identifier is not valid for the type.
    pub fn new(rule_type: RuleType, identifier: &str) -> Result<Self, BadRule> {
        if identifier.is_empty() {
            return Err(BadRule::NoIdentifier);
        }
        let stored = match rule_type {
            RuleType::Binary | RuleType::Certificate => hex(identifier, 64),
            RuleType::CdHash => hex(identifier, 40),
            RuleType::TeamId => team(identifier),
            RuleType::SigningId => signing_id(identifier),
        };
        let identifier = stored.ok_or(BadRule::Identifier)?;
        Ok(Self {
            rule_type,
            identifier,
        })
    }

    /// The kind of object that the identifier identifies.
    #[must_use]
    pub const fn rule_type(&self) -> RuleType {
        self.rule_type
    }

    /// The identifier in its stored form.
    #[must_use]
    pub fn identifier(&self) -> &str {
        &self.identifier
    }
}

/// Sorted by the type's number, then by the identifier's bytes.
impl Ord for RuleKey {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.rule_type.rank(), &self.identifier).cmp(&(other.rule_type.rank(), &other.identifier))
    }
}

impl PartialOrd for RuleKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<'de> Deserialize<'de> for RuleKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Parts {
            rule_type: RuleType,
            identifier: String,
        }
        let parts = Parts::deserialize(deserializer)?;
        Self::new(parts.rule_type, &parts.identifier).map_err(serde::de::Error::custom)
    }
}

fn hex(text: &str, digits: usize) -> Option<String> {
    let is_hex = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| text.to_ascii_lowercase())
}

fn team(text: &str) -> Option<String> {
    let is_team = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_team.then(|| text.to_ascii_uppercase())
}

fn signing_id(text: &str) -> Option<String> {
    let (publisher, program) = text.split_once(':')?;
    let publisher = if publisher.eq_ignore_ascii_case("platform") {
        "platform".to_string()
    } else {
        team(publisher)?
    };
    (!program.is_empty()).then(|| publisher + ":" + program)
}

/// A label, truncated to [`MAX_LABEL_UNITS`], but not within a composed character.
fn shortened(label: &str) -> &str {
    let mut units = 0;
    let fits = |(_, character): &(usize, &str)| {
        units += character.encode_utf16().count();
        units <= MAX_LABEL_UNITS
    };
    let kept = label.grapheme_indices(true).take_while(fits).last();
    let end = kept.map_or(0, |(start, character)| start + character.len());
    label.get(..end).unwrap_or_default()
}

/// The effect of a rule on this machine.
///
/// ```
/// use selvedge_santa::RuleState;
///
/// assert_eq!(RuleState::from_number(5), Some(RuleState::AllowCompiler));
/// assert!(RuleState::AllowTransitive.is_transitive());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleState {
    /// It may run.
    Allow,
    /// It may not run.
    Block,
    /// It may not run, and the user is not notified.
    SilentBlock,
    /// It may run, and so may the programs that it builds.
    AllowCompiler,
    /// It may run because a compiler built it. The machine created this rule itself.
    AllowTransitive,
    /// It may run because the user approved this file.
    AllowLocalBinary,
    /// It may run because the user approved this program.
    AllowLocalSigningId,
    /// An expression decides.
    Cel,
    /// It may not run, and no window is shown.
    SilentGuiBlock,
    /// It may not run, and no message is printed to a terminal.
    SilentTtyBlock,
}

impl RuleState {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Allow,
        Self::Block,
        Self::SilentBlock,
        Self::AllowCompiler,
        Self::AllowTransitive,
        Self::AllowLocalBinary,
        Self::AllowLocalSigningId,
        Self::Cel,
        Self::SilentGuiBlock,
        Self::SilentTtyBlock,
    ];

    /// Its number in a rule database, which is part of the hash of the rules.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Allow => 1,
            Self::Block => 2,
            Self::SilentBlock => 3,
            Self::AllowCompiler => 5,
            Self::AllowTransitive => 6,
            Self::AllowLocalBinary => 7,
            Self::AllowLocalSigningId => 8,
            Self::Cel => 9,
            Self::SilentGuiBlock => 12,
            Self::SilentTtyBlock => 13,
        }
    }

    /// The state with a number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.number() == number)
    }

    /// Whether the machine created the rule itself, because of a compiler rule.
    #[must_use]
    pub const fn is_transitive(self) -> bool {
        matches!(self, Self::AllowTransitive)
    }

    /// The state for a server's policy; `None` for [`Policy::Remove`].
    #[must_use]
    pub const fn from_policy(policy: Policy) -> Option<Self> {
        match policy {
            Policy::Allowlist => Some(Self::Allow),
            Policy::AllowlistCompiler => Some(Self::AllowCompiler),
            Policy::Blocklist => Some(Self::Block),
            Policy::SilentBlocklist => Some(Self::SilentBlock),
            Policy::Remove => None,
            Policy::Cel => Some(Self::Cel),
            Policy::SilentGuiBlocklist => Some(Self::SilentGuiBlock),
            Policy::SilentTtyBlocklist => Some(Self::SilentTtyBlock),
        }
    }
}

/// A rule.
///
/// ```
/// use selvedge_santa::{Rule, RuleKey, RuleState};
/// use selvedge_santa::wire::RuleType;
///
/// let rule = Rule::new(RuleKey::new(RuleType::TeamId, "EQHXZ8M8AV")?, RuleState::Allow);
/// assert_eq!(rule.custom_msg, "");
/// # Ok::<(), selvedge_santa::BadRule>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The key.
    #[serde(flatten)]
    pub key: RuleKey,
    /// The effect.
    pub state: RuleState,
    /// The message for the user; empty for the default.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub custom_msg: String,
    /// The URL with more information for the user; empty for the default.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub custom_url: String,
    /// The expression of [`RuleState::Cel`]. With another state it has no effect, but is stored and part of the hash.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cel_expr: String,
    /// The label of the button that opens the URL; empty for the default.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub event_detail_button_label: String,
}

impl Rule {
    /// A rule without messages.
    #[must_use]
    pub const fn new(key: RuleKey, state: RuleState) -> Self {
        Self {
            key,
            state,
            custom_msg: String::new(),
            custom_url: String::new(),
            cel_expr: String::new(),
            event_detail_button_label: String::new(),
        }
    }
}

/// Why a server's rule is skipped. Other rules are not affected.
///
/// ```
/// use selvedge_santa::BadRule;
///
/// assert_eq!(BadRule::NoIdentifier.to_string(), "the rule has no identifier");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRule {
    /// Neither `identifier` nor `sha256` is set.
    #[error("the rule has no identifier")]
    NoIdentifier,
    /// The policy is missing or unknown.
    #[error("the rule's policy is unknown")]
    Policy,
    /// The type is missing or unknown.
    #[error("the rule's type is unknown")]
    RuleType,
    /// The identifier is not valid for the type.
    #[error("the rule's identifier is not valid for its type")]
    Identifier,
    /// An expression rule without an expression.
    #[error("the rule has no expression")]
    NoExpression,
}

/// The change that a server's rule causes on the machine.
///
/// ```
/// use selvedge_santa::{BadRule, Change};
/// use selvedge_santa::wire::RuleMessage;
///
/// let mut message = RuleMessage::default();
/// assert_eq!(Change::read(&message), Err(BadRule::NoIdentifier));
/// message = serde_json::from_str(r#"{"identifier":"EQHXZ8M8AV","rule_type":"TEAMID","policy":"REMOVE"}"#)?;
/// assert!(matches!(Change::read(&message), Ok(Change::Remove(_))));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Add the rule, or replace it.
    Put(Rule),
    /// Remove the rule, if it exists.
    Remove(RuleKey),
}

impl Change {
    /// Converts a server's rule, with checks in the order of the spec.
    ///
    /// # Errors
    /// When the rule must be skipped.
    pub fn read(message: &RuleMessage) -> Result<Self, BadRule> {
        let identifier = if message.identifier.is_empty() {
            &message.sha256
        } else {
            &message.identifier
        };
        if identifier.is_empty() {
            return Err(BadRule::NoIdentifier);
        }
        let policy = message.policy.ok_or(BadRule::Policy)?;
        let rule_type = message.rule_type.ok_or(BadRule::RuleType)?;
        let key = RuleKey::new(rule_type, identifier)?;
        let Some(state) = RuleState::from_policy(policy) else {
            return Ok(Self::Remove(key));
        };
        if state == RuleState::Cel && message.cel_expr.is_empty() {
            return Err(BadRule::NoExpression);
        }
        Ok(Self::Put(Rule {
            key,
            state,
            custom_msg: message.custom_msg.clone(),
            custom_url: message.custom_url.clone(),
            cel_expr: message.cel_expr.clone(),
            event_detail_button_label: shortened(&message.event_detail_button_label).into(),
        }))
    }

    /// Whether the agent has to compile an expression for it.
    #[must_use]
    pub const fn has_expression(&self) -> bool {
        matches!(
            self,
            Self::Put(Rule {
                state: RuleState::Cel,
                ..
            })
        )
    }

    /// The key of the rule.
    #[must_use]
    pub const fn key(&self) -> &RuleKey {
        match self {
            Self::Put(rule) => &rule.key,
            Self::Remove(key) => key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_label_is_truncated_to_48_utf_16_units_but_not_within_a_composed_character() {
        let of = |start: usize, rest: &str| "a".repeat(start) + rest;
        for (label, kept) in [
            (of(60, ""), of(48, "")),
            (of(48, ""), of(48, "")),
            ("ä".repeat(50), "ä".repeat(48)),
            // A fox has two units, a letter with its own accent two, a family eight.
            ("🦊".repeat(25), "🦊".repeat(24)),
            (of(47, "🦊"), of(47, "")),
            (of(46, "🦊b"), of(46, "🦊")),
            (of(47, "e\u{301}"), of(47, "")),
            (of(46, "e\u{301}"), of(46, "e\u{301}")),
            (of(41, "👨‍👩‍👧"), of(41, "")),
            (of(40, "👨‍👩‍👧"), of(40, "👨‍👩‍👧")),
            (of(45, "🇨🇭"), of(45, "")),
            (of(0, ""), of(0, "")),
        ] {
            assert_eq!(shortened(&label), kept, "{label}");
        }
    }
}
