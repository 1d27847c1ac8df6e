//! Asks a person before something is lost.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::output::Output;
use selvedge_host::exit::{Exit, HostError, Result};

/// Goes on only if a person agrees: with `--yes`, or at the terminal. `loss` says in one sentence what would be lost.
///
/// # Errors
/// [`HostError::Usage`] without a terminal, [`HostError::Refused`] when the answer is no.
pub(crate) fn agree(output: &Output, loss: &str, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    if output.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(HostError::Usage(format!(
            "{loss}: pass --yes to agree, or use --dry-run to see it first"
        )));
    }
    // If stderr is closed, the question cannot be answered: then the answer is no.
    let _ = write!(io::stderr(), "{loss}. Continue? [y/N] ");
    let mut answer = String::new();
    let is_read = io::stdin().lock().read_line(&mut answer).is_ok();
    if is_read && is_yes(&answer) {
        return Ok(());
    }
    Err(HostError::Refused {
        message: "nothing was done".into(),
        exit: Exit::Failed,
    })
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        for (answer, expected) in [
            ("y\n", true),
            ("YES", true),
            ("", false),
            ("n", false),
            ("yep", false),
        ] {
            assert_eq!(is_yes(answer), expected, "{answer:?}");
        }
    }
}
