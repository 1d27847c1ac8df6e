//! Where a program writes: answers to stdout, notes and errors to stderr, as text or as JSON; and how amounts and
//! foreign text are shown.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};

mod width;

pub use width::{cut, shortened, width};

use serde::Serialize;

use crate::exit::{HostError, Result};

/// Where answers and notes go, and in which form.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// JSON for programs rather than text for people.
    pub json: bool,
    /// No notes and no progress on stderr; errors are still printed.
    pub quiet: bool,
}

impl Output {
    /// Writes a command's answer to stdout.
    ///
    /// # Errors
    /// When stdout takes no more.
    pub fn answer(&self, answer: &(impl Serialize + fmt::Display)) -> Result<()> {
        let mut stdout = io::stdout().lock();
        let written = if self.json {
            serde_json::to_writer(&mut stdout, answer)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(stdout))
        } else {
            let text = answer.to_string();
            write!(
                stdout,
                "{text}{}",
                if text.ends_with('\n') || text.is_empty() {
                    ""
                } else {
                    "\n"
                }
            )
        };
        written
            .and_then(|()| stdout.flush())
            .map_err(HostError::Output)
    }

    /// Writes a text to stdout as it is, whatever the form of answers.
    ///
    /// # Errors
    /// When stdout takes no more.
    pub fn print(&self, text: &str) -> Result<()> {
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(HostError::Output)
    }

    /// Says something to a person on stderr.
    pub fn note(&self, note: impl fmt::Display) {
        if !self.quiet {
            // If stderr is closed, the message cannot be shown.
            let _ = writeln!(io::stderr(), "{note}");
        }
    }

    /// Says on stderr what went wrong.
    pub fn error(&self, error: &HostError) {
        let _ = if self.json {
            let problem = Problem {
                code: error.code(),
                message: error.message(),
                exit: error.number(),
            };
            let line = serde_json::json!({ "error": problem });
            writeln!(io::stderr(), "{line}")
        } else {
            writeln!(io::stderr(), "selvedge: {}", printable(&error.message()))
        };
    }

    /// Whether progress may be drawn: stderr is a terminal, and no option or variable turns it off.
    #[must_use]
    pub fn may_draw(&self) -> bool {
        !self.quiet
            && !self.json
            && io::stderr().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
    }
}

#[derive(Serialize)]
struct Problem {
    code: &'static str,
    message: String,
    exit: u8,
}

/// A text with its control characters made visible, so that data cannot command the terminal.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if is_hostile(c) { '\u{fffd}' } else { c })
        .collect()
}

/// Whether a character commands a terminal, or changes the order or the lines of what is shown.
#[must_use]
pub fn is_hostile(c: char) -> bool {
    c.is_control() || is_reordering(c)
}

/// Marks that reverse the order of the text after them, and those that end a line or a paragraph.
const fn is_reordering(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A number of records, in words.
#[must_use]
pub fn records(count: u64) -> String {
    let records = if count == 1 { "record" } else { "records" };
    format!("{count} {records}")
}

/// Bytes as people read them.
#[must_use]
pub fn bytes(count: u64) -> String {
    const STEPS: [(&str, u64); 3] = [("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000)];
    for (unit, step) in STEPS {
        if count >= step {
            return format!("{}.{} {unit}", count / step, count % step * 10 / step);
        }
    }
    format!("{count} B")
}

/// Milliseconds as people read them.
#[must_use]
pub fn duration(millis: u64) -> String {
    format!("{}.{:02} s", millis / 1000, millis % 1000 / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_command_the_terminal() {
        assert_eq!(
            printable("a\u{1b}[2Jb\nc\u{202e}d"),
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d"
        );
    }

    #[test]
    fn amounts_have_a_unit() {
        for (count, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 KB"),
            (1_999_999, "1.9 MB"),
            (5_250_000_000, "5.2 GB"),
        ] {
            assert_eq!(bytes(count), expected);
        }
        assert_eq!(duration(12_345), "12.34 s");
    }
}
