//! One version of a configuration with its serialized pages of rules: serialized once, sent many times.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use axum::body::Bytes;
use selvedge_santa::wire::{
    Form, PreflightRequest, PreflightResponse, RuleDownloadResponse, SyncType,
};
use selvedge_santa::{Change, Rule, RuleCounts, RuleKey, RulesHash};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::configuration::Configuration;

/// A version of a configuration.
#[derive(Debug)]
pub(super) struct RuleSet {
    preflight: PreflightResponse,
    /// A summary of the rules.
    pub about: About,
    json: Vec<Bytes>,
    /// Created from the JSON when a machine first requests protobuf.
    protobuf: OnceLock<Vec<Bytes>>,
}

/// A summary of the rules of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct About {
    /// Identifies these rules in these pages. Cursors start with it.
    pub version: String,
    /// The number of rules.
    pub rules: usize,
    /// The number of pages of ruledownload.
    pub pages: usize,
    /// The rule counts of a machine with exactly these rules.
    pub counts: RuleCounts,
    /// The rules hash of such a machine.
    pub rules_hash: String,
}

impl RuleSet {
    /// Serializes a configuration. `page_size` is at least 1.
    pub(super) fn prepare(configuration: Configuration, page_size: usize) -> Self {
        let Configuration { preflight, rules } = configuration;
        let mut hasher = Sha256::new();
        hasher.update(page_size.to_be_bytes());
        let mut outcome = BTreeMap::<RuleKey, Rule>::new();
        for rule in &rules {
            let bytes = Form::Protobuf.write(rule);
            hasher.update(bytes.len().to_be_bytes());
            hasher.update(bytes);
            match Change::read(rule) {
                Ok(Change::Put(rule)) => {
                    outcome.insert(rule.key.clone(), rule);
                }
                Ok(Change::Remove(key)) => {
                    outcome.remove(&key);
                }
                Err(_) => {}
            }
        }
        let version = hasher
            .finalize()
            .iter()
            .take(8)
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let (mut hash, mut counts) = (RulesHash::default(), RuleCounts::default());
        for rule in outcome.values() {
            hash.add(rule);
            counts.add(rule.key.rule_type(), rule.state);
        }
        drop(outcome);
        let mut about = About {
            version,
            rules: rules.len(),
            pages: rules.len().div_ceil(page_size).max(1),
            counts,
            rules_hash: hash.finish(),
        };
        let mut json = Vec::with_capacity(about.pages);
        let mut rules = rules.into_iter();
        for page in 1..=about.pages {
            let is_last = page == about.pages;
            let page = RuleDownloadResponse {
                rules: rules.by_ref().take(page_size).collect(),
                cursor: if is_last {
                    String::new()
                } else {
                    format!("{}-{page}", about.version)
                },
            };
            json.push(Bytes::from(Form::Json.write(&page)));
        }
        about.pages = json.len();
        Self {
            preflight,
            about,
            json,
            protobuf: OnceLock::new(),
        }
    }

    /// A page, starting from 0. The first protobuf page serializes all pages.
    pub(super) fn page(&self, form: Form, page: usize) -> Option<Bytes> {
        let pages = match form {
            Form::Json => &self.json,
            Form::Protobuf => self.protobuf.get_or_init(|| {
                let pages = self.json.iter().map(|page| {
                    let page = Form::Json.read::<RuleDownloadResponse>(page);
                    Form::Protobuf
                        .write(&page.expect("the page was serialized in `prepare`"))
                        .into()
                });
                pages.collect()
            }),
        };
        pages.get(page).cloned()
    }

    /// Whether machines upload bundles.
    pub(super) fn wants_bundles(&self) -> bool {
        self.preflight.enable_bundles == Some(true)
    }

    /// The response of preflight for a machine.
    pub(super) fn preflight(&self, request: &PreflightRequest) -> PreflightResponse {
        let mut answer = self.preflight.clone();
        let kind = match answer.sync_type {
            Some(kind) => kind,
            None if request.request_clean_sync => SyncType::Clean,
            None => SyncType::Normal,
        };
        answer.sync_type = Some(kind);
        // For Santa before 2024, which does not know sync types.
        answer.clean_sync = Some(matches!(kind, SyncType::Clean | SyncType::CleanAll));
        answer
    }
}

/// The version and the page, starting from 0, of a cursor.
pub(super) fn read_cursor(cursor: &str) -> Option<(&str, usize)> {
    let (version, page) = cursor.split_once('-')?;
    Some((version, page.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use selvedge_santa::wire::{Policy, RuleMessage, RuleType};

    use super::*;

    fn rules(count: usize) -> Configuration {
        let rule = |number| RuleMessage {
            identifier: format!("{number:064x}"),
            policy: Some(Policy::Blocklist),
            rule_type: Some(RuleType::Binary),
            ..RuleMessage::default()
        };
        Configuration {
            rules: (0..count).map(rule).collect(),
            ..Configuration::default()
        }
    }

    #[test]
    fn pages_contain_each_rule_once_in_both_formats() {
        for (count, pages) in [(0, 1), (1, 1), (3, 1), (4, 2), (7, 3)] {
            let rule_set = RuleSet::prepare(rules(count), 3);
            assert_eq!(rule_set.about.pages, pages);
            for form in [Form::Json, Form::Protobuf] {
                let (mut found, mut next) = (Vec::new(), Some(0));
                while let Some(page) = next {
                    let bytes = rule_set.page(form, page).unwrap();
                    let page: RuleDownloadResponse = form.read(&bytes).unwrap();
                    found.extend(page.rules);
                    next = read_cursor(&page.cursor).map(|(version, page)| {
                        assert_eq!(version, rule_set.about.version);
                        page
                    });
                }
                assert_eq!(found, rules(count).rules, "{count} {form:?}");
                assert_eq!(rule_set.page(form, pages), None);
            }
        }
    }

    #[test]
    fn the_version_depends_on_the_rules_and_the_page_size() {
        let version = |count, size| RuleSet::prepare(rules(count), size).about.version;
        assert_eq!(version(3, 2), version(3, 2));
        assert_ne!(version(3, 2), version(4, 2));
        assert_ne!(version(3, 2), version(3, 3));
    }

    #[test]
    fn the_hash_is_computed_after_removals() {
        let mut configuration = rules(2);
        let mut gone = configuration.rules[0].clone();
        gone.policy = Some(Policy::Remove);
        configuration.rules.push(gone);
        configuration.rules.push(RuleMessage::default());
        configuration.rules.remove(1);
        let about = RuleSet::prepare(configuration, 10).about;
        assert_eq!(about.rules_hash, RulesHash::default().finish());
        assert_eq!((about.rules, about.counts.binary), (3, 0));
    }

    #[test]
    fn the_sync_type_is_the_configured_or_the_requested_one() {
        let rows = [
            (None, false, SyncType::Normal),
            (None, true, SyncType::Clean),
            (Some(SyncType::Normal), true, SyncType::Normal),
            (Some(SyncType::CleanAll), false, SyncType::CleanAll),
        ];
        for (sync_type, request_clean_sync, expected) in rows {
            let mut configuration = rules(0);
            configuration.preflight.sync_type = sync_type;
            let request = PreflightRequest {
                request_clean_sync,
                ..PreflightRequest::default()
            };
            let answer = RuleSet::prepare(configuration, 1).preflight(&request);
            assert_eq!(answer.sync_type, Some(expected));
            assert_eq!(answer.clean_sync, Some(expected != SyncType::Normal));
        }
    }
}
