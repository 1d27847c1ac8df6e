//! All pages of rules, each judged as a sync and `rules check` judge it (spec §2.5).

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use selvedge_santa::wire::{RuleDownloadRequest, RuleMessage};
use selvedge_santa::{Endpoint, NextPage};

use super::answers;
use super::probe::Probe;
use super::reach::advice;
use super::ways::Way;
use super::{Findings, Level, Said};
use crate::rule_file::{BadRuleAt, RuleFile};
use selvedge_host::exit::Exit;

const CHECK: &str = "rules";

/// So many pages in a row without a rule that was not there before are taken to have no end.
const MAX_STALE_PAGES: u32 = 100;

/// So many rules that a machine skips are named; the others are counted.
const NAMED: usize = 5;

/// What was seen of the pages so far.
#[derive(Debug, Default)]
struct Seen {
    pages: u32,
    rules: usize,
    /// Rules that a machine skips.
    bad: Noted,
    /// Rules that have no effect.
    useless: Noted,
    /// Hashes of what the rules are about.
    keys: HashSet<u64>,
    /// Pages in a row without a new rule.
    stale: u32,
}

/// Rules with a problem.
#[derive(Debug, Default)]
struct Noted {
    count: usize,
    /// The first of them, each with its problem.
    named: Vec<String>,
}

impl Noted {
    /// Adds a rule of a page, before which there were so many rules.
    fn add(&mut self, before: usize, bad: &BadRuleAt) {
        self.count += 1;
        if self.named.len() < NAMED {
            self.named.push(format!(
                "rule {} ({}): {}",
                before + bad.number,
                bad.identifier.escape_debug(),
                bad.problem
            ));
        }
    }

    fn list(&self) -> String {
        let named = self.named.join("; ");
        match self.count - self.named.len() {
            0 => named,
            more => format!("{named}; and {more} more"),
        }
    }
}

impl Seen {
    /// Adds a page. An error when its rules cannot be judged.
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

    /// What is said once all pages are there.
    fn said(&self) -> Said {
        let mut said = Said::new();
        if self.bad.count > 0 {
            let (count, bad, list) = (self.count(), self.bad.count, self.bad.list());
            let text = format!("{count}; machines skip {bad} of them: {list}");
            said.push((Level::Fault, text));
        }
        if self.useless.count > 0 {
            let (count, useless, list) = (self.count(), self.useless.count, self.useless.list());
            let text = format!("{count}; {useless} of them have no effect: {list}");
            said.push((Level::Warning, text));
        }
        if said.is_empty() {
            said.push((Level::Good, self.count()));
        }
        said
    }
}

/// Follows the cursors to the end. Nothing of it is applied.
pub(super) async fn examine(
    probe: &Probe<'_>,
    way: Way,
    most_rules: usize,
    findings: &mut Findings,
) {
    let mut seen = Seen::default();
    let mut cursor = String::new();
    loop {
        let (rules, next) = match page(probe, way, &cursor).await {
            Ok(page) => page,
            Err((exit, text)) => {
                let page = seen.pages + 1;
                return findings.add(CHECK, Level::Fault, exit, format!("page {page}: {text}"));
            }
        };
        if let Err(text) = seen.add(&rules) {
            return findings.warning(CHECK, text);
        }
        if seen.rules > most_rules {
            let text = format!(
                "the server has more than {most_rules} rules, and every sync fails: raise selvedge.most_rules"
            );
            return findings.fault(CHECK, text);
        }
        let turn = NextPage::decide(&cursor, next, !rules.is_empty(), seen.pages);
        cursor = match turn {
            NextPage::Last => break,
            NextPage::Page(cursor) if seen.stale < MAX_STALE_PAGES => cursor,
            NextPage::Page(_) | NextPage::Endless => {
                let text = format!(
                    "the pages do not end: after {} each page has a cursor for another one, and none brings a new rule",
                    seen.count()
                );
                return findings.fault(CHECK, text);
            }
        };
    }
    for (level, text) in seen.said() {
        findings.server(CHECK, level, text);
    }
}

/// A page's rules and its cursor, or the exit code and why there are none.
async fn page(
    probe: &Probe<'_>,
    way: Way,
    cursor: &str,
) -> Result<(Vec<RuleMessage>, String), (Exit, String)> {
    let request = RuleDownloadRequest {
        cursor: cursor.to_owned(),
        machine_id: probe.connection.address.machine().into(),
    };
    let url = probe.connection.address.url(Endpoint::RuleDownload);
    let sent = way.send(way.form.write(&request));
    let heard = probe.send(&url, Some(sent)).await;
    let heard = heard.map_err(|error| (Exit::Offline, format!("{error}: {}", advice(&error))))?;
    match (heard.status, heard.body) {
        (200, Some(body)) => {
            let page = answers::read_rules(way.form, &body);
            let page = page.map_err(|text| (Exit::Failed, text))?;
            Ok((page.rules, page.cursor))
        }
        (200, None) => Err((Exit::Failed, answers::UNREADABLE.into())),
        (status, _) => Err((
            Exit::Failed,
            format!("ruledownload is answered with status {status}: ask the server's operator"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use selvedge_santa::wire::Form;

    use super::*;

    fn rules(text: &str) -> Vec<RuleMessage> {
        let page = format!("{{\"rules\":[{text}]}}");
        answers::read_rules(Form::Json, page.as_bytes())
            .unwrap()
            .rules
    }

    fn team(identifier: &str, more: &str) -> String {
        format!(r#"{{"identifier":"{identifier}","rule_type":"TEAMID"{more}}}"#)
    }

    #[test]
    fn bad_rules_are_numbered_over_all_pages_and_some_are_named() {
        let good = team("EQHXZ8M8AV", r#","policy":"ALLOWLIST""#);
        let mut seen = Seen::default();
        seen.add(&rules(&format!("{good},{good}"))).unwrap();
        assert_eq!(seen.said(), [(Level::Good, "2 rules on 1 page".into())]);
        let cel = team("ABCDEFGHIJ", r#","policy":"CEL","cel_expr":"a ==""#);
        seen.add(&rules(&format!("{good},{cel}"))).unwrap();
        let (level, text) = seen.said().remove(0);
        assert_eq!(level, Level::Fault);
        let start = "4 rules on 2 pages; machines skip 1 of them: rule 4 (ABCDEFGHIJ): its expression cannot be compiled: line 1, ";
        assert!(text.starts_with(start), "{text}");
        let short = team("x", r#","policy":"ALLOWLIST""#);
        seen.add(&rules(&[short.as_str(); 9].join(","))).unwrap();
        let (_, text) = seen.said().remove(0);
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
        let mut seen = Seen::default();
        seen.add(&rules(&useless)).unwrap();
        let said = seen.said();
        assert_eq!((said.len(), said[0].0), (1, Level::Warning));
        let start = "1 rule on 1 page; 1 of them have no effect: rule 1 (ABCDEFGHIJ): ";
        assert!(said[0].1.starts_with(start), "{said:?}");
    }

    #[test]
    fn pages_that_bring_nothing_new_are_counted() {
        let page = |name: &str| rules(&team(name, r#","policy":"ALLOWLIST""#));
        let mut seen = Seen::default();
        for (name, expected) in [("AAAAAAAAAA", 0), ("AAAAAAAAAA", 1), ("BBBBBBBBBB", 0)] {
            seen.add(&page(name)).unwrap();
            assert_eq!(seen.stale, expected);
        }
        seen.add(&[]).unwrap();
        assert_eq!((seen.stale, seen.count()), (1, "3 rules on 4 pages".into()));
    }
}
