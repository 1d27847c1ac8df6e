//! What is wrong in a configuration, and where.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// How much a problem matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// It works here; moroz takes it otherwise, or not at all.
    Note,
    /// Something is passed over.
    Warning,
    /// The configuration is not used.
    Error,
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Something wrong in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file; empty for a text that is in none.
    pub path: PathBuf,
    /// The line, from 1; 0 when it is about the whole file.
    pub line: usize,
    /// How much it matters.
    pub weight: Weight,
    /// What is wrong, and what to do about it.
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
