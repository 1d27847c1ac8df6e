//! Import and export of rules: the JSON of the sync protocol, or the configuration of moroz.

use selvedge_santa::wire::{
    Form, Malformed, Policy, RuleDownloadResponse, RuleMessage, RuleType, read_objects,
};
use selvedge_santa::{Change, Rule, RuleState};
use serde::{Deserialize, Serialize};

use super::expression::check_changes;

/// Why a rule file cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[error("the rules cannot be read: {0}")]
pub struct Unreadable(String);

impl From<std::io::Error> for Unreadable {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<Malformed> for Unreadable {
    fn from(error: Malformed) -> Self {
        Self(error.to_string())
    }
}

/// The rules of a moroz configuration. Its other settings are ignored.
#[derive(Deserialize)]
struct Moroz {
    #[serde(default)]
    rules: Vec<MorozRule>,
}

/// A rule of a moroz configuration, with moroz's defaults (spec §7.1).
#[derive(Serialize, Deserialize)]
struct MorozRule {
    #[serde(default = "binary")]
    rule_type: String,
    #[serde(default = "blocklist")]
    policy: String,
    #[serde(default)]
    identifier: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    custom_msg: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    custom_url: String,
}

fn binary() -> String {
    RuleType::Binary.as_str().into()
}

fn blocklist() -> String {
    Policy::Blocklist.as_str().into()
}

/// The policies that moroz accepts. With another one it does not start.
const MOROZ_POLICIES: [Policy; 4] = [
    Policy::Allowlist,
    Policy::AllowlistCompiler,
    Policy::Blocklist,
    Policy::Remove,
];

/// A rule of a file with a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRuleAt {
    /// The number of the rule in the file, starting from 1.
    pub number: usize,
    /// The identifier; empty if the rule has none.
    pub identifier: String,
    /// The problem.
    pub problem: String,
}

impl BadRuleAt {
    fn new(index: usize, message: &RuleMessage, problem: &dyn std::fmt::Display) -> Self {
        Self {
            number: index + 1,
            identifier: message.identifier.clone(),
            problem: problem.to_string(),
        }
    }
}

/// The content of a rule file.
#[derive(Debug, Default)]
pub struct RuleFile {
    /// The changes of the valid rules, in their order.
    pub changes: Vec<Change>,
    /// The invalid rules.
    pub bad: Vec<BadRuleAt>,
    /// Valid rules that have no effect, and why.
    pub useless: Vec<BadRuleAt>,
}

impl RuleFile {
    /// Reads a JSON list of rules, a response of ruledownload, or one rule per line (spec §2.5). Each rule is validated
    /// like a rule from a server, including its expression. An invalid rule does not affect the others.
    ///
    /// # Errors
    /// When the text has none of these forms.
    pub fn read(text: &[u8]) -> Result<Self, Unreadable> {
        let start = text.trim_ascii_start();
        let start = start.strip_prefix("\u{feff}".as_bytes()).unwrap_or(start);
        let is_list = start.trim_ascii_start().starts_with(b"[");
        let messages = if is_list {
            page(&[b"{\"rules\":", start, b"}"].concat())?
        } else {
            let rules: Vec<RuleMessage> = read_objects(start)?;
            // A response of ruledownload has no field of a rule.
            match rules.as_slice() {
                [only] if *only == RuleMessage::default() => page(start)?,
                _ => rules,
            }
        };
        Self::of(&messages)
    }

    /// Reads the rules of a moroz configuration.
    ///
    /// # Errors
    /// When the text is not a moroz configuration.
    pub fn read_moroz(text: &[u8]) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(text).map_err(|error| Unreadable(error.to_string()))?;
        let moroz: Moroz =
            toml::from_str(text).map_err(|error| Unreadable(error.message().to_owned()))?;
        let messages = moroz.rules.into_iter().map(|rule| RuleMessage {
            identifier: rule.identifier,
            policy: Policy::from_name(&rule.policy),
            rule_type: RuleType::from_name(&rule.rule_type),
            custom_msg: rule.custom_msg,
            custom_url: rule.custom_url,
            ..RuleMessage::default()
        });
        Self::of(&messages.collect::<Vec<_>>())
    }

    /// Separates the rules that a machine would apply from those that it would skip.
    ///
    /// # Errors
    /// When their expressions cannot be checked.
    pub fn of(messages: &[RuleMessage]) -> Result<Self, Unreadable> {
        let mut file = Self::default();
        let (mut changes, mut indexes) = (Vec::new(), Vec::new());
        for (index, message) in messages.iter().enumerate() {
            match Change::read(message) {
                Ok(change) => {
                    changes.push(change);
                    indexes.push(index);
                }
                Err(error) => file.bad.push(BadRuleAt::new(index, message, &error)),
            }
        }
        let checked = check_changes(changes)?;
        file.changes = checked.good;
        for (at, warning) in &checked.useless {
            let index = indexes[*at];
            file.useless
                .push(BadRuleAt::new(index, &messages[index], warning));
        }
        for (at, _, error) in checked.bad {
            let index = indexes[at];
            file.bad
                .push(BadRuleAt::new(index, &messages[index], &error));
        }
        file.bad.sort_by_key(|bad| bad.number);
        Ok(file)
    }
}

/// The rules of a response of ruledownload.
fn page(text: &[u8]) -> Result<Vec<RuleMessage>, Unreadable> {
    Ok(Form::Json.read::<RuleDownloadResponse>(text)?.rules)
}

/// A rule in the form of the sync protocol; `None` for a state that only a machine creates itself.
#[must_use]
pub fn message(rule: &Rule) -> Option<RuleMessage> {
    let makes = |policy: &&Policy| RuleState::from_policy(**policy) == Some(rule.state);
    Some(RuleMessage {
        identifier: rule.key.identifier().into(),
        policy: Some(*Policy::ALL.iter().find(makes)?),
        rule_type: Some(rule.key.rule_type()),
        custom_msg: rule.custom_msg.clone(),
        custom_url: rule.custom_url.clone(),
        cel_expr: rule.cel_expr.clone(),
        event_detail_button_label: rule.event_detail_button_label.clone(),
        ..RuleMessage::default()
    })
}

/// A rule as a part of a moroz configuration; `None` for a policy that moroz does not support.
#[must_use]
pub fn moroz(rule: &Rule) -> Option<String> {
    let message = message(rule)?;
    let policy = message
        .policy
        .filter(|policy| MOROZ_POLICIES.contains(policy))?;
    let rule = MorozRule {
        rule_type: rule.key.rule_type().as_str().into(),
        policy: policy.as_str().into(),
        identifier: message.identifier,
        custom_msg: message.custom_msg,
        custom_url: message.custom_url,
    };
    let fields = toml::to_string(&rule).ok()?;
    Some(format!("[[rules]]\n{fields}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = r#"{"identifier":"EQHXZ8M8AV","policy":"ALLOWLIST","rule_type":"TEAMID"}"#;

    #[test]
    fn a_list_a_response_and_lines_give_the_same_rules() {
        for text in [
            format!("[{RULE},{RULE}]"),
            format!(r#"{{"rules":[{RULE},{RULE}],"cursor":"2"}}"#),
            format!("{RULE}\n{RULE}\n"),
        ] {
            let file = RuleFile::read(text.as_bytes()).unwrap();
            assert_eq!((file.changes.len(), file.bad.len()), (2, 0), "{text}");
        }
        assert!(RuleFile::read(b"").unwrap().changes.is_empty());
    }

    #[test]
    fn an_invalid_rule_is_reported_and_does_not_affect_the_others() {
        let bad = r#"{"identifier":"short","policy":"ALLOWLIST","rule_type":"TEAMID"}"#;
        let file = RuleFile::read(format!("[{bad},{RULE}]").as_bytes()).unwrap();
        assert_eq!(file.changes.len(), 1);
        assert_eq!(
            (file.bad[0].number, file.bad[0].identifier.as_str()),
            (1, "short")
        );
        assert!(RuleFile::read(b"not rules").is_err());
    }

    #[test]
    fn a_rule_with_an_invalid_expression_is_reported_with_its_number() {
        let cel = |expression: &str| {
            format!(
                r#"{{"identifier":"ABCDEFGHIJ","policy":"CEL","rule_type":"TEAMID","cel_expr":"{expression}"}}"#
            )
        };
        let lines = [
            &cel("true &&"),
            RULE,
            &cel("euid == 0"),
            &cel(""),
            &cel("("),
        ];
        let file = RuleFile::read(lines.join("\n").as_bytes()).unwrap();
        assert_eq!(file.changes.len(), 2);
        let numbers: Vec<usize> = file.bad.iter().map(|bad| bad.number).collect();
        assert_eq!(numbers, [1, 4, 5]);
        let start = "its expression cannot be compiled: line 1, ";
        assert!(file.bad[0].problem.starts_with(start), "{:?}", file.bad);
        let file = RuleFile::read(cel("path").as_bytes()).unwrap();
        assert_eq!((file.changes.len(), file.bad.len()), (1, 0));
        let warning = &file.useless[0];
        assert_eq!(
            (warning.number, warning.identifier.as_str()),
            (1, "ABCDEFGHIJ")
        );
        let start = "its expression is stored, but its result is of type string";
        assert!(warning.problem.starts_with(start), "{warning:?}");
    }

    #[test]
    fn a_file_is_parsed_as_leniently_as_a_server_response() {
        let rule = "{identifier:'EQHXZ8M8AV',policy:1,ruleType:'3',}";
        for text in [
            format!("[{rule},]"),
            format!("{{'rules':{rule}}}"),
            rule.to_string(),
            format!("\u{feff}{rule}\n"),
            format!("\u{feff}[[{rule}]]"),
        ] {
            let file = RuleFile::read(text.as_bytes()).unwrap();
            assert_eq!((file.changes.len(), file.bad.len()), (1, 0), "{text}");
        }
        for (text, bad) in [("[null]", 1), ("{}", 0), ("{'rules':[]}", 0), ("[]", 0)] {
            let file = RuleFile::read(text.as_bytes()).unwrap();
            assert_eq!((file.changes.len(), file.bad.len()), (0, bad), "{text}");
        }
        for text in ["{'rules':5}", "[5]", "5", "{'identifier':5}", "{"] {
            assert!(RuleFile::read(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rule_with_an_invalid_expression_does_not_undo_earlier_rules() {
        let bad = r#"{"identifier":"EQHXZ8M8AV","policy":"CEL","rule_type":"TEAMID","cel_expr":"target."}"#;
        let remove = r#"{"identifier":"EQHXZ8M8AV","policy":"REMOVE","rule_type":"TEAMID"}"#;
        for before in [RULE, remove] {
            let file = RuleFile::read(format!("{before}\n{bad}").as_bytes()).unwrap();
            assert_eq!((file.changes.len(), file.bad.len()), (1, 1), "{before}");
        }
    }

    #[test]
    fn a_moroz_configuration_is_read_with_its_defaults() {
        let digest = "AB".repeat(32);
        let text = format!(
            "client_mode = 'MONITOR'\n[[rules]]\nidentifier = '{digest}'\n[[rules]]\nsha256 = 'older'\n\
             [[rules]]\nrule_type = 'TEAMID'\npolicy = 'ALLOWLIST'\nidentifier = 'EQHXZ8M8AV'\ncustom_msg = 'm'\n"
        );
        let file = RuleFile::read_moroz(text.as_bytes()).unwrap();
        assert_eq!((file.changes.len(), file.bad.len()), (2, 1));
        let Change::Put(rule) = &file.changes[0] else {
            panic!("{:?}", file.changes);
        };
        assert_eq!(rule.state, RuleState::Block);
        assert!(RuleFile::read_moroz(b"rules = 5").is_err());
    }

    #[test]
    fn written_rules_can_be_read_again() {
        let file = RuleFile::read(RULE.as_bytes()).unwrap();
        let Change::Put(rule) = &file.changes[0] else {
            panic!("{:?}", file.changes);
        };
        let mut rule = rule.clone();
        rule.custom_msg = "quotes \" and\nlines".into();
        let json = serde_json::to_vec(&message(&rule).unwrap()).unwrap();
        let expected = [Change::Put(rule.clone())];
        assert_eq!(RuleFile::read(&json).unwrap().changes, expected);
        let toml = moroz(&rule).unwrap();
        assert_eq!(
            RuleFile::read_moroz(toml.as_bytes()).unwrap().changes,
            expected
        );
    }

    #[test]
    fn policies_that_moroz_does_not_support_are_not_written_for_it() {
        let file = RuleFile::read(RULE.as_bytes()).unwrap();
        let key = file.changes[0].key().clone();
        for state in RuleState::ALL {
            let rule = Rule::new(key.clone(), state);
            let by_server = !matches!(
                state,
                RuleState::AllowTransitive
                    | RuleState::AllowLocalBinary
                    | RuleState::AllowLocalSigningId
            );
            let by_moroz = matches!(
                state,
                RuleState::Allow | RuleState::AllowCompiler | RuleState::Block
            );
            assert_eq!(
                (message(&rule).is_some(), moroz(&rule).is_some()),
                (by_server, by_moroz),
                "{state:?}"
            );
        }
    }
}
