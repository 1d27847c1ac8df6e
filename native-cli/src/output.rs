//! The one place that renders what commands answer: data to stdout, all else to stderr.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::exit::{CliError, Result};

/// Where answers and notes go, and in which form.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// JSON for programs rather than text for people.
    pub json: bool,
    /// No notes and no progress on stderr; errors are still said.
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
            .map_err(CliError::Output)
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
            .map_err(CliError::Output)
    }

    /// Says something to a person on stderr.
    pub fn note(&self, note: impl fmt::Display) {
        if !self.quiet {
            // Nobody is left to tell when stderr is closed.
            let _ = writeln!(io::stderr(), "{note}");
        }
    }

    /// Says on stderr what went wrong.
    pub fn error(&self, error: &CliError) {
        let _ = if self.json {
            let problem = Problem {
                code: error.code(),
                message: error.to_string(),
                exit: error.number(),
            };
            let line = serde_json::json!({ "error": problem });
            writeln!(io::stderr(), "{line}")
        } else {
            writeln!(io::stderr(), "selvedge: {}", printable(&error.to_string()))
        };
    }

    /// Whether progress may be drawn: somebody watches, and nothing else was asked for.
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
        .map(|c| {
            if c.is_control() || is_reordering(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Marks that reverse the order of the text after them.
const fn is_reordering(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// So many records, in words.
#[must_use]
pub fn records(count: u64) -> String {
    let records = if count == 1 { "record" } else { "records" };
    format!("{count} {records}")
}

/// The first `width` characters of a text, with an ellipsis if there are more.
#[must_use]
pub fn shortened(text: &str, width: usize) -> String {
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(width).collect();
    if chars.next().is_some() {
        short.pop();
        short.push('…');
    }
    short
}

/// How a column of a [`Table`] is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table for people: a line of titles, then rows.
#[derive(Debug)]
pub struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, a cell for each column.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows
            .push(cells.iter().map(|cell| printable(cell)).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles: Vec<String> = self
            .columns
            .iter()
            .map(|(title, _)| (*title).into())
            .collect();
        let width = |at: usize| {
            let cells = self
                .rows
                .iter()
                .chain([&titles])
                .filter_map(|row| row.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        for row in [&titles].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for (at, (cell, (_, align))) in row.iter().zip(&self.columns).enumerate() {
                let gap = if at == 0 { "" } else { "  " };
                let width = width(at);
                line += &match align {
                    Align::Left => format!("{gap}{cell:<width$}"),
                    Align::Right => format!("{gap}{cell:>width$}"),
                };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
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
    fn a_table_aligns_text_left_and_numbers_right() {
        let mut table = Table::new(&[("NAME", Align::Left), ("COUNT", Align::Right)]);
        table.row(vec!["bookmarks".into(), "7".into()]);
        table.row(vec!["é".into(), "1000000".into()]);
        assert_eq!(
            table.to_string(),
            "NAME         COUNT\nbookmarks        7\né          1000000\n"
        );
    }

    #[test]
    fn data_cannot_command_the_terminal() {
        assert_eq!(
            printable("a\u{1b}[2Jb\nc\u{202e}d"),
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d"
        );
    }

    #[test]
    fn long_texts_end_in_an_ellipsis() {
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abcde…");
        assert_eq!(shortened("äöüß", 3), "äö…");
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
