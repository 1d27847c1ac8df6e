//! Downloads all pages of rules, and checks them like a sync and `rules check` (spec §2.5).

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use selvedge_santa::wire::{RuleDownloadRequest, RuleMessage};
use selvedge_santa::{Endpoint, NextPage};

use super::body_formats::BodyFormat;
use super::connection::advice;
use super::finding::{Findings, Level, Messages};
use super::probe::Probe;
use super::responses;
use crate::rule_file::{BadRuleAt, RuleFile};
use selvedge_host::exit::Exit;

const CHECK: &str = "rules";

/// After this number of consecutive pages without a new rule, the pages are considered endless.
const MAX_STALE_PAGES: u32 = 100;

/// Maximum number of rules with a problem that are listed. Further ones are counted.
const MAX_LISTED: usize = 5;

/// The pages downloaded so far.
#[derive(Debug, Default)]
struct Progress {
    pages: u32,
    rules: usize,
    /// Invalid rules, which machines skip.
    bad: Problems,
    /// Rules that have no effect.
    useless: Problems,
    /// Hashes of type and identifier of the rules.
    keys: HashSet<u64>,
    /// Consecutive pages without a new rule.
    stale: u32,
}

/// Rules with a problem.
#[derive(Debug, Default)]
struct Problems {
    count: usize,
    /// The first rules, each with its problem.
    listed: Vec<String>,
}

impl Problems {
    /// Adds a rule of a page. `before` is the number of rules on earlier pages.
    fn add(&mut self, before: usize, bad: &BadRuleAt) {
        self.count += 1;
        if self.listed.len() < MAX_LISTED {
            self.listed.push(format!(
                "rule {} ({}): {}",
                before + bad.number,
                bad.identifier.escape_debug(),
                bad.problem
            ));
        }
    }

    fn list(&self) -> String {
        let listed = self.listed.join("; ");
        match self.count - self.listed.len() {
            0 => listed,
            more => format!("{listed}; and {more} more"),
        }
    }
}

impl Progress {
    /// Adds a page. An error when its rules cannot be checked.
    fn add(&mut self, rules: &[RuleMessage]) -> Result<(), String> {
        self.pages += 1;
        let file = RuleFile::of(rules).map_err(|error| error.to_string())?;
        for bad in &file.bad {
            self.bad.add(self.rules, bad);
        }
        for useless in &file.useless {
            self.useless.add(self.rules, useless);
        }
        self.rules += rules.len();
        let before = self.keys.len();
        for rule in rules {
            let mut hasher = DefaultHasher::new();
            (rule.rule_type, &rule.identifier, &rule.sha256).hash(&mut hasher);
            self.keys.insert(hasher.finish());
        }
        self.stale = if self.keys.len() > before {
            0
        } else {
            self.stale + 1
        };
        Ok(())
    }

    fn count(&self) -> String {
        let (rules, pages) = (self.rules, self.pages);
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        format!(
            "{rules} rule{} on {pages} page{}",
            plural(rules),
            plural(pages as usize)
        )
    }

    /// The findings after all pages.
    fn messages(&self) -> Messages {
        let mut messages = Messages::new();
        if self.bad.count > 0 {
            let (count, bad, list) = (self.count(), self.bad.count, self.bad.list());
            let text = format!("{count}; machines skip {bad} of them: {list}");
            messages.push((Level::Fault, text));
        }
        if self.useless.count > 0 {
            let (count, useless, list) = (self.count(), self.useless.count, self.useless.list());
            let text = format!("{count}; {useless} of them have no effect: {list}");
            messages.push((Level::Warning, text));
        }
        if messages.is_empty() {
            messages.push((Level::Good, self.count()));
        }
        messages
    }
}

/// Downloads all pages without applying them.
pub(super) async fn examine(
    probe: &Probe<'_>,
    format: BodyFormat,
    max_rules: usize,
    findings: &mut Findings,
) {
    let mut progress = Progress::default();
    let mut cursor = String::new();
    loop {
        let (rules, next) = match page(probe, format, &cursor).await {
            Ok(page) => page,
            Err((exit, text)) => {
                let page = progress.pages + 1;
                return findings.add(CHECK, Level::Fault, exit, format!("page {page}: {text}"));
            }
        };
        if let Err(text) = progress.add(&rules) {
            return findings.warning(CHECK, text);
        }
        if progress.rules > max_rules {
            let text = format!(
                "the server has more than the maximum of {max_rules} rules, so every sync fails: raise selvedge.most_rules"
            );
            return findings.fault(CHECK, text);
        }
        let turn = NextPage::decide(&cursor, next, !rules.is_empty(), progress.pages);
        cursor = match turn {
            NextPage::Last => break,
            NextPage::Page(cursor) if progress.stale < MAX_STALE_PAGES => cursor,
            NextPage::Page(_) | NextPage::Endless => {
                let text = format!(
                    "the pages do not end: after {}, each page has a cursor for a further page, and none has a new rule",
                    progress.count()
                );
                return findings.fault(CHECK, text);
            }
        };
    }
    for (level, text) in progress.messages() {
        findings.server(CHECK, level, text);
    }
}

/// The rules and the cursor of a page, or the exit code and the reason of a failure.
async fn page(
    probe: &Probe<'_>,
    format: BodyFormat,
    cursor: &str,
) -> Result<(Vec<RuleMessage>, String), (Exit, String)> {
    let request = RuleDownloadRequest {
        cursor: cursor.to_owned(),
        machine_id: probe.connection.address.machine().into(),
    };
    let url = probe.connection.address.url(Endpoint::RuleDownload);
    let sent = format.encode(format.form.write(&request));
    let response = probe.send(&url, Some(sent)).await;
    let response =
        response.map_err(|error| (Exit::Offline, format!("{error}: {}", advice(&error))))?;
    match (response.status, response.body) {
        (200, Some(body)) => {
            let page = responses::parse_rules(format.form, &body);
            let page = page.map_err(|text| (Exit::Failed, text))?;
            Ok((page.rules, page.cursor))
        }
        (200, None) => Err((Exit::Failed, responses::UNREADABLE.into())),
        (status, _) => Err((
            Exit::Failed,
            format!(
                "the server responds to ruledownload with status {status}: ask the operator of the server"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use selvedge_santa::wire::Form;

    use super::*;

    fn rules(text: &str) -> Vec<RuleMessage> {
        let page = format!("{{\"rules\":[{text}]}}");
        responses::parse_rules(Form::Json, page.as_bytes())
            .unwrap()
            .rules
    }

    fn team(identifier: &str, more: &str) -> String {
        format!(r#"{{"identifier":"{identifier}","rule_type":"TEAMID"{more}}}"#)
    }

    #[test]
    fn invalid_rules_are_numbered_over_all_pages_and_the_first_are_listed() {
        let good = team("EQHXZ8M8AV", r#","policy":"ALLOWLIST""#);
        let mut progress = Progress::default();
        progress.add(&rules(&format!("{good},{good}"))).unwrap();
        assert_eq!(
            progress.messages(),
            [(Level::Good, "2 rules on 1 page".into())]
        );
        let cel = team("ABCDEFGHIJ", r#","policy":"CEL","cel_expr":"a ==""#);
        progress.add(&rules(&format!("{good},{cel}"))).unwrap();
        let (level, text) = progress.messages().remove(0);
        assert_eq!(level, Level::Fault);
        let start = "4 rules on 2 pages; machines skip 1 of them: rule 4 (ABCDEFGHIJ): its expression cannot be compiled: line 1, ";
        assert!(text.starts_with(start), "{text}");
        let short = team("x", r#","policy":"ALLOWLIST""#);
        progress
            .add(&rules(&[short.as_str(); 9].join(",")))
            .unwrap();
        let (_, text) = progress.messages().remove(0);
        assert!(text.starts_with("13 rules on 3 pages; machines skip 10 of them: "));
        assert!(
            text.contains("; rule 5 (x): ") && text.ends_with("; and 5 more"),
            "{text}"
        );
    }

    #[test]
    fn rules_without_effect_are_a_warning() {
        let useless = team(
            "ABCDEFGHIJ",
            r#","policy":"CEL","cel_expr":"target.team_id""#,
        );
        let mut progress = Progress::default();
        progress.add(&rules(&useless)).unwrap();
        let messages = progress.messages();
        assert_eq!((messages.len(), messages[0].0), (1, Level::Warning));
        let start = "1 rule on 1 page; 1 of them have no effect: rule 1 (ABCDEFGHIJ): ";
        assert!(messages[0].1.starts_with(start), "{messages:?}");
    }

    #[test]
    fn pages_without_new_rules_are_counted() {
        let page = |name: &str| rules(&team(name, r#","policy":"ALLOWLIST""#));
        let mut progress = Progress::default();
        for (name, expected) in [("AAAAAAAAAA", 0), ("AAAAAAAAAA", 1), ("BBBBBBBBBB", 0)] {
            progress.add(&page(name)).unwrap();
            assert_eq!(progress.stale, expected);
        }
        progress.add(&[]).unwrap();
        assert_eq!(
            (progress.stale, progress.count()),
            (1, "3 rules on 4 pages".into())
        );
    }
}
