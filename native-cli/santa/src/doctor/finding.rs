//! Results of checks.

use selvedge_host::exit::Exit;
use serde::Serialize;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// No problem.
    Good,
    /// It works, with a possible problem.
    Warning,
    /// It does not work.
    Fault,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The name of the check.
    pub check: &'static str,
    /// The severity.
    pub level: Level,
    /// The result or the problem, and how to fix it.
    pub text: String,
    /// The exit code of a fault.
    #[serde(skip)]
    pub exit: Exit,
}

/// Collects findings.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    pub(super) fn add(
        &mut self,
        check: &'static str,
        level: Level,
        exit: Exit,
        text: impl Into<String>,
    ) {
        self.0.push(Finding {
            check,
            level,
            text: text.into(),
            exit,
        });
    }

    pub(super) fn good(&mut self, check: &'static str, text: impl Into<String>) {
        self.add(check, Level::Good, Exit::Done, text);
    }

    pub(super) fn warning(&mut self, check: &'static str, text: impl Into<String>) {
        self.add(check, Level::Warning, Exit::Failed, text);
    }

    /// A fault of the server.
    pub(super) fn fault(&mut self, check: &'static str, text: impl Into<String>) {
        self.add(check, Level::Fault, Exit::Failed, text);
    }

    /// A finding for the server.
    pub(super) fn server(&mut self, check: &'static str, level: Level, text: impl Into<String>) {
        self.add(check, level, Exit::Failed, text);
    }
}

/// Findings of one check.
pub(super) type Messages = Vec<(Level, String)>;
