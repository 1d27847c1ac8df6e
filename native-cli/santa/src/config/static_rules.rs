//! Parses `StaticRules`, the rules of the configuration, as leniently as Santa (spec §2.5). An invalid rule causes a
//! warning and does not affect the others.

use std::collections::BTreeMap;

use selvedge_santa::wire::{Policy, RuleMessage, RuleType};
use selvedge_santa::{BadRule, Change, Rule, RuleState};
use toml::{Table, Value};

use super::keys::Problem;
use crate::expression::check_changes;

/// Returns the valid rules with unique identifiers: a later rule replaces an earlier one. Problems of other rules are
/// added to `warnings`.
///
/// # Errors
/// When the value is not a list.
pub(super) fn read(
    value: Option<&Value>,
    warnings: &mut Vec<String>,
) -> Result<Vec<Rule>, Problem> {
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    let list = value
        .as_array()
        .ok_or("StaticRules must be a list of tables")?;
    let (mut changes, mut numbers) = (Vec::new(), Vec::new());
    for (at, entry) in list.iter().enumerate() {
        match rule(entry) {
            Ok(rule) => {
                changes.push(Change::Put(rule));
                numbers.push(at + 1);
            }
            Err(problem) => warnings.push(format!(
                "StaticRules: rule {} is skipped: {problem}",
                at + 1
            )),
        }
    }
    let checked = check_changes(changes).map_err(|error| format!("StaticRules: {error}"))?;
    for (index, _, problem) in &checked.bad {
        warnings.push(format!(
            "StaticRules: rule {} is skipped: {problem}",
            numbers[*index]
        ));
    }
    for (index, problem) in &checked.useless {
        warnings.push(format!("StaticRules: rule {}: {problem}", numbers[*index]));
    }
    let mut rules = BTreeMap::new();
    for change in checked.good {
        if let Change::Put(rule) = change {
            rules.insert(rule.key.identifier().to_owned(), rule);
        }
    }
    Ok(rules.into_values().collect())
}

fn rule(entry: &Value) -> Result<Rule, String> {
    let table = entry.as_table().ok_or("it is not a table")?;
    let text = |key: &str| text(table, key).to_owned();
    let identifier = match text("identifier") {
        empty if empty.is_empty() => text("sha256"),
        identifier => identifier,
    };
    let policy = text("policy").to_ascii_uppercase();
    // Rules from a user's approval have no policy in the protocol.
    let local = match policy.as_str() {
        "ALLOWLIST_LOCAL_BINARY" => Some(RuleState::AllowLocalBinary),
        "ALLOWLIST_LOCAL_SIGNINGID" => Some(RuleState::AllowLocalSigningId),
        _ => None,
    };
    let message = RuleMessage {
        identifier,
        policy: local
            .map(|_| Policy::Allowlist)
            .or_else(|| Policy::from_name(&policy)),
        rule_type: RuleType::from_name(&text("rule_type").to_ascii_uppercase()),
        custom_msg: text("custom_msg"),
        custom_url: text("custom_url"),
        cel_expr: text("cel_expr"),
        ..RuleMessage::default()
    };
    match Change::read(&message).map_err(|error: BadRule| error.to_string())? {
        Change::Put(mut rule) => {
            rule.state = local.unwrap_or(rule.state);
            // Only labels from a server are truncated.
            rule.event_detail_button_label = text("event_detail_button_label");
            Ok(rule)
        }
        Change::Remove(_) => {
            Err("its policy is REMOVE, which has no effect in the configuration".into())
        }
    }
}

/// The string value of a key, compared case-insensitively; empty if it is absent.
fn text<'a>(table: &'a Table, key: &str) -> &'a str {
    let mut entries = table.iter();
    let found = entries.find(|(own, _)| own.eq_ignore_ascii_case(key));
    found
        .and_then(|(_, value)| value.as_str())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> (Vec<Rule>, Vec<String>) {
        let table: Table = text.parse().unwrap();
        let mut warnings = Vec::new();
        let rules = read(table.get("StaticRules"), &mut warnings).unwrap();
        (rules, warnings)
    }

    #[test]
    fn an_invalid_rule_is_a_warning_and_does_not_affect_the_others() {
        let (rules, warnings) = rules(
            "[[StaticRules]]\nIdentifier = 'eqhxz8m8av'\nPOLICY = 'blocklist'\nrule_type = 'teamid'\ncomment = 5\n\
             [[StaticRules]]\nidentifier = 'ABCDEFGHIJ'\npolicy = 'NOPE'\nrule_type = 'TEAMID'\n",
        );
        assert_eq!(rules.len(), 1);
        assert_eq!(rules[0].key.identifier(), "EQHXZ8M8AV");
        assert_eq!(rules[0].state, RuleState::Block);
        assert_eq!(
            warnings,
            ["StaticRules: rule 2 is skipped: the rule's policy is unknown"]
        );
    }

    #[test]
    fn each_form_of_a_rule_is_parsed() {
        for (entry, expected) in [
            (
                "identifier='ABCDEFGHIJ',policy='ALLOWLIST',rule_type='TEAMID'",
                Some(RuleState::Allow),
            ),
            (
                "identifier=5,sha256='ABCDEFGHIJ',policy='whitelist',rule_type='TeamID'",
                Some(RuleState::Allow),
            ),
            (
                "identifier='',SHA256='ABCDEFGHIJ',policy='BLACKLIST',rule_type='TEAMID'",
                Some(RuleState::Block),
            ),
            (
                "identifier='ABCDEFGHIJ',policy='allowlist_local_binary',rule_type='TEAMID'",
                Some(RuleState::AllowLocalBinary),
            ),
            (
                "identifier='ABCDEFGHIJ',policy='ALLOWLIST_LOCAL_SIGNINGID',rule_type='TEAMID'",
                Some(RuleState::AllowLocalSigningId),
            ),
            (
                "identifier='ABCDEFGHIJ',policy='silent_gui_blocklist',rule_type='TEAMID',custom_msg=5",
                Some(RuleState::SilentGuiBlock),
            ),
            (
                "identifier='ABCDEFGHIJ',policy='CEL',rule_type='TEAMID',cel_expr='euid == 0'",
                Some(RuleState::Cel),
            ),
            (
                "identifier='ABCDEFGHIJ',policy='CEL',rule_type='TEAMID',cel_expr='euid == path'",
                None,
            ),
            (
                "identifier='ABCDEFGHIJ',policy='CEL',rule_type='TEAMID'",
                None,
            ),
            (
                "identifier='ABCDEFGHIJ',policy='REMOVE',rule_type='TEAMID'",
                None,
            ),
            ("identifier='ABCDEFGHIJ',policy=1,rule_type='TEAMID'", None),
            ("identifier='ABCDEFGHIJ',policy='ALLOWLIST'", None),
            (
                "identifier='short',policy='ALLOWLIST',rule_type='TEAMID'",
                None,
            ),
        ] {
            let (rules, warnings) = rules(&format!("StaticRules = [{{{entry}}}]"));
            let found: Vec<RuleState> = rules.iter().map(|rule| rule.state).collect();
            assert_eq!(found, Vec::from_iter(expected), "{entry}");
            assert_eq!(warnings.len(), usize::from(expected.is_none()), "{entry}");
        }
        let (none, warnings) = rules("StaticRules = [5]");
        assert_eq!((none.len(), warnings.len()), (0, 1));
    }

    #[test]
    fn the_later_rule_of_an_identifier_is_used_and_labels_are_not_truncated() {
        let label = "x".repeat(60);
        let hash = "ab".repeat(32);
        let (rules, warnings) = rules(&format!(
            "StaticRules = [{{identifier='{hash}',policy='ALLOWLIST',rule_type='BINARY'}},\
             {{identifier='{hash}',policy='BLOCKLIST',rule_type='CERTIFICATE',event_detail_button_label='{label}'}}]"
        ));
        assert_eq!(warnings, [""; 0]);
        assert_eq!(rules.len(), 1);
        assert_eq!(rules[0].state, RuleState::Block);
        assert_eq!(rules[0].event_detail_button_label, label);
    }
}
