//! The configuration of the server, in moroz's TOML format (spec §7.1), so that it can be moved from and to moroz. A
//! few additional keys set what moroz does not support.

use selvedge_santa::wire::{
    ClientMode, FileAccessAction, Policy, PreflightResponse, RuleMessage, RuleType, SyncType,
};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, Severity};
use crate::config::nearest;
use crate::rule_file::RuleFile;

/// Rules per chunk. A file is parsed in chunks to limit the memory of the parsed TOML tree.
const RULES_PER_CHUNK: usize = 500;

/// Maximum number of reported notes and warnings. Errors are always reported.
const MAX_PROBLEMS: usize = 1000;

/// The keys of a configuration: first the keys of moroz, then the additional ones.
const KEYS: &[&str] = &[
    "client_mode",
    "blocked_path_regex",
    "allowed_path_regex",
    "batch_size",
    "enable_all_event_upload",
    "enable_bundles",
    "enable_transitive_rules",
    "clean_sync",
    "full_sync_interval",
    "rules",
    "sync_type",
    "disable_unknown_event_upload",
    "push_notification_full_sync_interval",
    "push_notification_global_rule_sync_deadline",
    "event_detail_url",
    "event_detail_text",
    "override_file_access_action",
];

/// The number of moroz's keys in [`KEYS`].
const MOROZ_KEYS: usize = 10;

/// The keys of a rule: first the keys of moroz, then the additional ones.
const RULE_KEYS: &[&str] = &[
    "rule_type",
    "policy",
    "identifier",
    "custom_msg",
    "custom_url",
    "cel_expr",
    "file_bundle_hash",
    "file_bundle_binary_count",
    "notification_app_name",
    "event_detail_button_label",
    "comment",
];

/// The number of moroz's keys in [`RULE_KEYS`].
const MOROZ_RULE_KEYS: usize = 5;

/// Keys of earlier versions of moroz, with their current names.
const RENAMED: &[(&str, &str)] = &[
    ("sha256", "identifier"),
    ("allowlist_regex", "allowed_path_regex"),
    ("blocklist_regex", "blocked_path_regex"),
    ("whitelist_regex", "allowed_path_regex"),
    ("blacklist_regex", "blocked_path_regex"),
];

/// What the server sends to machines.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Configuration {
    /// The response of preflight. If `sync_type` is set, every sync has this type; otherwise a machine gets a clean
    /// sync when it requests one.
    pub preflight: PreflightResponse,
    /// The rules, in the order in which they are applied.
    pub rules: Vec<RuleMessage>,
}

impl Configuration {
    /// Parses a configuration, and returns its problems. It can be used unless a problem is an error.
    #[must_use]
    pub fn read(text: &str) -> (Self, Vec<Problem>) {
        let mut parser = Parser::new(text);
        let chunks = chunks(text);
        // A line that looks like the header of a rule may be part of a multi-line string. Then a chunk cannot be
        // parsed, but the whole text can.
        let is_split_valid = chunks
            .iter()
            .all(|(at, chunk)| parser.document(*at, chunk).is_ok());
        if !is_split_valid {
            parser = Parser::new(text);
            if let Err(error) = parser.document(0, text) {
                let at = error.span().map_or(0, |span| span.start);
                let problem = format!("invalid TOML: {}", error.message());
                parser.report(Severity::Error, at, problem);
            }
        }
        let found = &mut parser.configuration.preflight;
        // Settings that are missing in the file are off, as with moroz.
        for pattern in [&mut found.allowed_path_regex, &mut found.blocked_path_regex] {
            pattern.get_or_insert_default();
        }
        for switch in [
            &mut found.enable_bundles,
            &mut found.enable_transitive_rules,
            &mut found.enable_all_event_upload,
            &mut found.disable_unknown_event_upload,
        ] {
            switch.get_or_insert(false);
        }
        (parser.configuration, parser.problems)
    }
}

/// Splits the text into chunks of whole rules, each with its offset.
fn chunks(text: &str) -> Vec<(usize, &str)> {
    let mut chunks = Vec::new();
    let (mut start, mut at, mut rules) = (0, 0, 0);
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with("[[rules]]") {
            if rules == RULES_PER_CHUNK {
                chunks.push((start, text.get(start..at).unwrap_or_default()));
                (start, rules) = (at, 0);
            }
            rules += 1;
        }
        at += line.len();
    }
    chunks.push((start, text.get(start..).unwrap_or_default()));
    chunks
}

/// Parses one configuration.
struct Parser {
    configuration: Configuration,
    problems: Vec<Problem>,
    /// The offset of each line.
    lines: Vec<usize>,
}

type Value<'i> = Spanned<DeValue<'i>>;

impl Parser {
    fn new(text: &str) -> Self {
        let breaks = memchr::memchr_iter(b'\n', text.as_bytes());
        Self {
            configuration: Configuration::default(),
            problems: Vec::new(),
            lines: std::iter::once(0).chain(breaks.map(|at| at + 1)).collect(),
        }
    }

    fn report(&mut self, weight: Severity, at: usize, problem: impl Into<String>) {
        // An error must not be dropped because of many warnings.
        if self.problems.len() < MAX_PROBLEMS || weight == Severity::Error {
            self.problems.push(Problem {
                path: Default::default(),
                line: self.lines.partition_point(|start| *start <= at),
                weight,
                problem: problem.into(),
            });
        }
    }

    /// Parses a chunk of the text at `offset`.
    fn document(&mut self, offset: usize, text: &str) -> Result<(), toml::de::Error> {
        for (key, value) in DeTable::parse(text)?.get_ref() {
            self.key(key.get_ref(), offset + key.span().start, offset, value);
        }
        Ok(())
    }

    fn key(&mut self, key: &str, at: usize, offset: usize, value: &Value<'_>) {
        if !KEYS.contains(&key) {
            return self.unknown(key, at, KEYS);
        }
        if !is_within(key, KEYS, MOROZ_KEYS) {
            self.report(Severity::Note, at, format!("moroz ignores {key}"));
        }
        match key {
            "rules" => return self.rules(offset, at, value),
            "clean_sync" => {
                let is_clean = self.boolean(key, at, value);
                let sync_type = &mut self.configuration.preflight.sync_type;
                if is_clean == Some(true) && sync_type.is_none() {
                    *sync_type = Some(SyncType::Clean);
                }
                return;
            }
            _ => {}
        }
        match key {
            "client_mode" => {
                let mode = self.word(key, at, value, ClientMode::from_name, ClientMode::ALL);
                if mode == Some(ClientMode::Standalone) {
                    self.report(Severity::Note, at, "moroz does not support STANDALONE");
                }
                self.configuration.preflight.client_mode = mode;
            }
            "sync_type" => {
                let kind = self.word(key, at, value, SyncType::from_name, SyncType::ALL);
                self.configuration.preflight.sync_type = kind;
            }
            "override_file_access_action" => {
                let (by_name, all) = (FileAccessAction::from_name, FileAccessAction::ALL);
                let action = self.word(key, at, value, by_name, all);
                self.configuration.preflight.override_file_access_action = action;
            }
            "batch_size"
            | "full_sync_interval"
            | "push_notification_full_sync_interval"
            | "push_notification_global_rule_sync_deadline" => {
                let number = self.number(key, at, value).filter(|number| *number > 0);
                let preflight = &mut self.configuration.preflight;
                *match key {
                    "batch_size" => &mut preflight.batch_size,
                    "full_sync_interval" => &mut preflight.full_sync_interval_seconds,
                    "push_notification_full_sync_interval" => {
                        &mut preflight.push_notification_full_sync_interval_seconds
                    }
                    _ => &mut preflight.push_notification_global_rule_sync_deadline_seconds,
                } = number;
            }
            "blocked_path_regex" | "allowed_path_regex" | "event_detail_url"
            | "event_detail_text" => {
                let text = self.text(key, at, value);
                let preflight = &mut self.configuration.preflight;
                *match key {
                    "blocked_path_regex" => &mut preflight.blocked_path_regex,
                    "allowed_path_regex" => &mut preflight.allowed_path_regex,
                    "event_detail_url" => &mut preflight.event_detail_url,
                    _ => &mut preflight.event_detail_text,
                } = text;
            }
            _ => {
                let switch = self.boolean(key, at, value);
                let preflight = &mut self.configuration.preflight;
                *match key {
                    "enable_all_event_upload" => &mut preflight.enable_all_event_upload,
                    "enable_bundles" => &mut preflight.enable_bundles,
                    "enable_transitive_rules" => &mut preflight.enable_transitive_rules,
                    _ => &mut preflight.disable_unknown_event_upload,
                } = switch;
            }
        }
    }

    fn rules(&mut self, offset: usize, at: usize, value: &Value<'_>) {
        let Some(rules) = value.get_ref().as_array() else {
            return self.report(Severity::Error, at, "rules must be tables: write [[rules]]");
        };
        let (mut messages, mut offsets) = (Vec::new(), Vec::new());
        for rule in rules.iter() {
            let at = offset + rule.span().start;
            match rule.get_ref().as_table() {
                Some(table) => {
                    messages.push(self.rule(offset, table));
                    offsets.push(at);
                }
                None => self.report(
                    Severity::Error,
                    at,
                    "a rule must be a table: write [[rules]]",
                ),
            }
        }
        match RuleFile::of(&messages) {
            Ok(read) => {
                for bad in read.bad {
                    let problem = format!("machines skip this rule: {}", bad.problem);
                    self.report(Severity::Warning, offsets[bad.number - 1], problem);
                }
                for useless in read.useless {
                    let at = offsets[useless.number - 1];
                    self.report(Severity::Warning, at, useless.problem);
                }
            }
            Err(error) => self.report(Severity::Warning, offset, error.to_string()),
        }
        self.configuration.rules.append(&mut messages);
    }

    fn rule(&mut self, offset: usize, table: &DeTable<'_>) -> RuleMessage {
        // The defaults of moroz.
        let mut rule = RuleMessage {
            rule_type: Some(RuleType::Binary),
            policy: Some(Policy::Blocklist),
            ..RuleMessage::default()
        };
        for (key, value) in table {
            let at = offset + key.span().start;
            let key: &str = key.get_ref();
            if !RULE_KEYS.contains(&key) {
                self.unknown(key, at, RULE_KEYS);
                continue;
            }
            if key != "comment" && !is_within(key, RULE_KEYS, MOROZ_RULE_KEYS) {
                self.report(Severity::Note, at, format!("moroz ignores {key}"));
            }
            match key {
                "rule_type" => {
                    rule.rule_type = self.word(key, at, value, RuleType::from_name, RuleType::ALL);
                }
                "policy" => {
                    rule.policy = self.word(key, at, value, Policy::from_name, Policy::ALL);
                    let is_known_to_moroz = matches!(
                        value.get_ref().as_str(),
                        Some("BLOCKLIST" | "ALLOWLIST" | "ALLOWLIST_COMPILER" | "REMOVE")
                    );
                    if rule.policy.is_some() && !is_known_to_moroz {
                        self.report(Severity::Note, at, "moroz does not support this policy");
                    }
                }
                "file_bundle_binary_count" => {
                    rule.file_bundle_binary_count = self.number(key, at, value).unwrap_or_default();
                }
                "comment" => {}
                _ => {
                    let text = self.text(key, at, value).unwrap_or_default();
                    *match key {
                        "identifier" => &mut rule.identifier,
                        "custom_msg" => &mut rule.custom_msg,
                        "custom_url" => &mut rule.custom_url,
                        "cel_expr" => &mut rule.cel_expr,
                        "file_bundle_hash" => &mut rule.file_bundle_hash,
                        "notification_app_name" => &mut rule.notification_app_name,
                        _ => &mut rule.event_detail_button_label,
                    } = text;
                }
            }
        }
        rule
    }

    fn unknown(&mut self, key: &str, at: usize, known: &[&'static str]) {
        let renamed = RENAMED.iter().find(|(old, _)| *old == key);
        let meant = renamed.map(|(_, new)| *new).or_else(|| nearest(key, known));
        let shown = selvedge_host::output::shortened(key, 40);
        let problem = match meant {
            Some(meant) => format!("the key {shown} is unknown and ignored: did you mean {meant}?"),
            None => format!("the key {shown} is unknown and ignored"),
        };
        self.report(Severity::Warning, at, problem);
    }

    fn boolean(&mut self, key: &str, at: usize, value: &Value<'_>) -> Option<bool> {
        let found = value.get_ref().as_bool();
        self.or_report(found, at, || format!("{key} must be true or false"))
    }

    fn text(&mut self, key: &str, at: usize, value: &Value<'_>) -> Option<String> {
        let found = value.get_ref().as_str().map(str::to_owned);
        self.or_report(found, at, || format!("{key} must be a string in quotes"))
    }

    fn number(&mut self, key: &str, at: usize, value: &Value<'_>) -> Option<u32> {
        let integer = value.get_ref().as_integer();
        let found = integer.and_then(|i| u32::from_str_radix(i.as_str(), i.radix()).ok());
        self.or_report(found, at, || {
            format!("{key} must be an integer from 0 to {}", u32::MAX)
        })
    }

    fn word<T: std::fmt::Display>(
        &mut self,
        key: &str,
        at: usize,
        value: &Value<'_>,
        by_name: fn(&str) -> Option<T>,
        all: &[T],
    ) -> Option<T> {
        let found = value.get_ref().as_str().and_then(by_name);
        self.or_report(found, at, || {
            let names: Vec<String> = all.iter().map(ToString::to_string).collect();
            format!("{key} must be one of {}", names.join(", "))
        })
    }

    fn or_report<T>(
        &mut self,
        found: Option<T>,
        at: usize,
        problem: impl FnOnce() -> String,
    ) -> Option<T> {
        if found.is_none() {
            self.report(Severity::Error, at, problem());
        }
        found
    }
}

fn is_within(key: &str, keys: &[&str], first: usize) -> bool {
    keys.iter().take(first).any(|known| *known == key)
}

#[cfg(test)]
mod tests;
