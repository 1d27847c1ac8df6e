//! The end of a demo: its checks and their results, or an interruption.

use std::fmt;

use serde::Serialize;

use crate::commands::serve::stopped;
use crate::output::Output;
use selvedge_host::exit::{HostError, Result};

/// Runs a demo until it ends or is interrupted (SIGINT or SIGTERM): its files are removed in both cases.
///
/// # Errors
/// Errors of the demo, and an interruption.
pub(super) async fn unless_stopped(demo: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::select! {
        // The signal handlers are installed before the demo creates anything.
        biased;
        () = stopped() => Err(HostError::Interrupted("all files of the demo are deleted".into())),
        ended = demo => ended,
    }
}

/// A claim, and whether it holds.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    claim: String,
    holds: bool,
}

impl Check {
    /// A claim that was checked.
    pub(super) fn new(claim: impl Into<String>, holds: bool) -> Self {
        Self {
            claim: claim.into(),
            holds,
        }
    }
}

/// The results of a demo, with the checks of its claims.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Concluded<T> {
    #[serde(flatten)]
    found: T,
    checks: Vec<Check>,
    holds: bool,
}

impl<T: Serialize + fmt::Display> Concluded<T> {
    /// Combines both.
    pub(super) fn new(found: T, checks: Vec<Check>) -> Self {
        let holds = checks.iter().all(|check| check.holds);
        Self {
            found,
            checks,
            holds,
        }
    }

    /// Prints the results.
    ///
    /// # Errors
    /// When a check does not hold.
    pub(super) fn tell(&self, output: Output) -> Result<()> {
        output.note("");
        output.answer(self)?;
        match self.holds {
            true => Ok(()),
            false => Err(HostError::Failed(
                "a check of the demo failed: report it with the output above".into(),
            )),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Concluded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.found)?;
        for check in &self.checks {
            let word = if check.holds { "yes" } else { "NO " };
            writeln!(f, "{word}  {}", check.claim)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Found {
        notes: u32,
    }

    impl fmt::Display for Found {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            writeln!(f, "{} notes", self.notes)
        }
    }

    #[test]
    fn one_claim_that_does_not_hold_is_said_and_is_an_error() {
        let of = |second| {
            let checks = vec![Check::new("a", true), Check::new("b", second)];
            Concluded::new(Found { notes: 2 }, checks)
        };
        assert_eq!(of(true).to_string(), "2 notes\n\nyes  a\nyes  b\n");
        assert_eq!(of(false).to_string(), "2 notes\n\nyes  a\nNO   b\n");
        let json = serde_json::to_value(of(false)).unwrap();
        let expected = serde_json::json!({
            "notes": 2, "holds": false,
            "checks": [{"claim": "a", "holds": true}, {"claim": "b", "holds": false}],
        });
        assert_eq!(json, expected);
        let quiet = Output {
            json: true,
            quiet: true,
        };
        assert!(of(true).tell(quiet).is_ok());
        assert!(matches!(of(false).tell(quiet), Err(HostError::Failed(_))));
    }
}
