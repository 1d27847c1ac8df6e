//! Rules in a file, as a server would send them.

use selvedge_core::santa::Change;
use selvedge_core::santa::wire::{RuleDownloadResponse, RuleMessage};
use serde::Deserialize as _;

/// Why a file of rules cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[error("no rules can be read here: {0}")]
pub struct Unreadable(#[from] serde_json::Error);

/// A rule of a file that nothing can be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRuleAt {
    /// Which one, from 1.
    pub number: usize,
    /// What it is about, as far as it says so.
    pub identifier: String,
    /// What is wrong with it.
    pub problem: String,
}

/// What is in a file of rules.
#[derive(Debug, Default)]
pub struct RuleFile {
    /// What the good ones change, in their order.
    pub changes: Vec<Change>,
    /// The others.
    pub bad: Vec<BadRuleAt>,
}

impl RuleFile {
    /// Reads a list of rules in JSON, a page of ruledownload, or one rule a line (spec §2.5). Each is validated as one
    /// of a server is: a bad one does not spoil the others.
    ///
    /// # Errors
    /// When the text is none of them.
    pub fn read(text: &[u8]) -> Result<Self, Unreadable> {
        let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
        let messages = match first {
            Some(b'[') => serde_json::from_slice(text)?,
            Some(b'{') => match serde_json::from_slice::<serde_json::Value>(text) {
                Ok(whole) if whole.get("rules").is_some() => {
                    RuleDownloadResponse::deserialize(whole)?.rules
                }
                _ => serde_json::Deserializer::from_slice(text)
                    .into_iter()
                    .collect::<Result<Vec<RuleMessage>, _>>()?,
            },
            _ => serde_json::Deserializer::from_slice(text)
                .into_iter()
                .collect::<Result<Vec<RuleMessage>, _>>()?,
        };
        let mut file = Self::default();
        for (at, message) in messages.iter().enumerate() {
            match Change::read(message) {
                Ok(change) => file.changes.push(change),
                Err(error) => file.bad.push(BadRuleAt {
                    number: at + 1,
                    identifier: message.identifier.clone(),
                    problem: error.to_string(),
                }),
            }
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = r#"{"identifier":"EQHXZ8M8AV","policy":"ALLOWLIST","rule_type":"TEAMID"}"#;

    #[test]
    fn a_list_a_page_and_lines_are_read_alike() {
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
    fn a_bad_rule_is_named_and_does_not_spoil_the_others() {
        let bad = r#"{"identifier":"short","policy":"ALLOWLIST","rule_type":"TEAMID"}"#;
        let file = RuleFile::read(format!("[{bad},{RULE}]").as_bytes()).unwrap();
        assert_eq!(file.changes.len(), 1);
        assert_eq!(
            (file.bad[0].number, file.bad[0].identifier.as_str()),
            (1, "short")
        );
        assert!(RuleFile::read(b"nothing of the kind").is_err());
    }
}
