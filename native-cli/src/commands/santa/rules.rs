//! `selvedge santa rules`.

use std::fmt;
use std::io::Read as _;
use std::path::Path;

use serde::Serialize;

use crate::exit::{CliError, Result};
use crate::output::{Output, printable};
use crate::santa::rule_file::RuleFile;

/// More than this is no file of rules.
const MOST_BYTES: u64 = 256 << 20;

#[derive(Serialize)]
struct Checked {
    good: usize,
    bad: Vec<Bad>,
}

#[derive(Serialize)]
struct Bad {
    number: usize,
    identifier: String,
    problem: String,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for bad in &self.bad {
            let identifier = printable(&bad.identifier);
            writeln!(f, "rule {} ({identifier}): {}", bad.number, bad.problem)?;
        }
        writeln!(
            f,
            "{} rules are good, {} would be passed over",
            self.good,
            self.bad.len()
        )
    }
}

/// Says which rules of a file a machine would pass over.
pub(super) fn check(output: Output, path: &Path) -> Result<()> {
    let bytes = read(path).map_err(CliError::file(path))?;
    let file = RuleFile::read(&bytes).map_err(|error| CliError::BadFile {
        path: path.to_owned(),
        detail: format!("{error}; give a list of rules in JSON, or one rule a line"),
    })?;
    let bad = file.bad.into_iter().map(|bad| Bad {
        number: bad.number,
        identifier: bad.identifier,
        problem: bad.problem,
    });
    let checked = Checked {
        good: file.changes.len(),
        bad: bad.collect(),
    };
    output.answer(&checked)?;
    match checked.bad.len() {
        0 => Ok(()),
        bad => Err(CliError::Partial(format!(
            "{bad} rules would be passed over: mend what is said of them"
        ))),
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin()
            .take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(path)?
            .take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > MOST_BYTES {
        return Err(std::io::Error::other("it is larger than 256 MiB: split it"));
    }
    Ok(bytes)
}
