//! `StaticRules`: rules of the configuration, each read for itself, as leniently as Santa reads them (spec §2.5). A bad
//! one
//! is a warning, and the others hold.

use std::collections::BTreeMap;

use selvedge_santa::wire::{Policy, RuleMessage, RuleType};
use selvedge_santa::{BadRule, Change, Rule, RuleState};
use toml::{Table, Value};

use super::keys::Problem;
use crate::expression::check_changes;

/// The rules that hold, each with an identifier of its own: of two with the same, the later one. What is wrong with the
/// others is added to `warnings`.
///
/// # Errors
/// When the value is no list.
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
    for (paths, _, problem) in &checked.bad {
        warnings.push(format!(
            "StaticRules: rule {} is skipped: {problem}",
            numbers[*paths]
        ));
    }
    for (paths, problem) in &checked.useless {
        warnings.push(format!("StaticRules: rule {}: {problem}", numbers[*paths]));
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
    let table = entry.as_table().ok_or("it is no table")?;
    let text = |key: &str| text(table, key).to_owned();
    let identifier = match text("identifier") {
        empty if empty.is_empty() => text("sha256"),
        identifier => identifier,
    };
    let policy = text("policy").to_ascii_uppercase();
    // What a user's approval makes has no policy in a server's rules.
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
            // Only a server's label is cut.
            rule.event_detail_button_label = text("event_detail_button_label");
            Ok(rule)
        }
        Change::Remove(_) => Err("it removes, and there is nothing that it could remove".into()),
    }
}

/// The text of a key, which is compared in any case; empty where there is none.
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
    fn a_bad_rule_is_a_warning_and_the_others_hold() {
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
    fn every_row() {
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
    fn of_two_with_one_identifier_the_later_one_is_left_and_labels_are_not_cut() {
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
