//! A problem in a configuration, with its file and line.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// The severity of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Valid here; moroz treats it differently or does not support it.
    Note,
    /// Something is ignored.
    Warning,
    /// The configuration is invalid and not used.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A problem in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file; empty for a text without a file.
    pub path: PathBuf,
    /// The line number, starting from 1; 0 for the whole file.
    pub line: usize,
    /// The severity.
    pub weight: Severity,
    /// The problem, and how to fix it.
    pub problem: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if self.line > 0 {
            write!(f, "{}:", self.line)?;
        }
        write!(f, " {}: {}", self.weight, self.problem)
    }
}
