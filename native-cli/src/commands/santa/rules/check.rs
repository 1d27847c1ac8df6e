//! `selvedge santa rules check`.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::output::{Output, printable};
use selvedge_host::exit::{HostError, Result};
use selvedge_santa_host::rule_file::BadRuleAt;

#[derive(Serialize)]
struct Checked {
    good: usize,
    bad: Vec<Bad>,
    /// Good rules that have no effect.
    warnings: Vec<Bad>,
}

#[derive(Serialize)]
struct Bad {
    number: usize,
    identifier: String,
    problem: String,
}

impl From<BadRuleAt> for Bad {
    fn from(bad: BadRuleAt) -> Self {
        Self {
            number: bad.number,
            identifier: bad.identifier,
            problem: bad.problem,
        }
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for bad in &self.bad {
            let identifier = printable(&bad.identifier);
            let problem = printable(&bad.problem);
            writeln!(f, "rule {} ({identifier}): {problem}", bad.number)?;
        }
        for warning in &self.warnings {
            let identifier = printable(&warning.identifier);
            let problem = printable(&warning.problem);
            let number = warning.number;
            writeln!(f, "rule {number} ({identifier}): warning: {problem}")?;
        }
        writeln!(f, "valid: {}, skipped: {}", self.good, self.bad.len())
    }
}

/// Says which rules of a file a machine would pass over.
pub(super) fn check(output: Output, path: &Path) -> Result<()> {
    let file = super::file(path, super::format_of(path))?;
    let checked = Checked {
        good: file.changes.len(),
        bad: file.bad.into_iter().map(Bad::from).collect(),
        warnings: file.useless.into_iter().map(Bad::from).collect(),
    };
    output.answer(&checked)?;
    match checked.bad.len() {
        0 => Ok(()),
        bad => Err(HostError::Partial(format!(
            "{bad} rules would be skipped: fix the errors above"
        ))),
    }
}
