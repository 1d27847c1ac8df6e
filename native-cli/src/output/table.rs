//! Tables for people, row by row in linear time and bounded memory.
//!
//! ```text
//! the first rows ──→ kept, until there are SAMPLE_ROWS or SAMPLE_BYTES of them: they give the columns' widths
//! the widths ──────→ as wide as the widest cell; where a line has a maximum, the widest columns of text are cut, and
//!                    columns are left out from the right where that is not enough
//! later rows ──────→ written at once: a cell wider than its column takes what is free in its line
//! ```
//!
//! Columns without values (all cells are `0`, `-` or empty) are left out first, then columns from the right: they are in
//! the order of their importance, and the first one is never left out. [`left_out`] names those that were.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use selvedge_host::output::{cut, printable, width};

use super::terminal_width;

/// Rows that are kept to measure the columns.
const SAMPLE_ROWS: usize = 1000;

/// Bytes of cells that are kept to measure the columns.
const SAMPLE_BYTES: usize = 1 << 20;

/// Columns of the terminal between two cells.
const GAP: usize = 2;

/// Before text is cut to less than this, columns are left out.
const MIN_TEXT: usize = 8;

/// The titles of the columns that the tables of this process left out, and the width that the lines had.
static LEFT_OUT: Mutex<(Vec<String>, usize)> = Mutex::new((Vec::new(), 0));

/// Which columns were left out since the last call, in one sentence for people; `None` if there are none.
pub(crate) fn left_out() -> Option<String> {
    let mut left_out = LEFT_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    let titles = std::mem::take(&mut left_out.0);
    (!titles.is_empty()).then(|| {
        format!(
            "Columns left out on a terminal of {} columns: {}. A wider terminal, a pipe or --json shows them.",
            left_out.1,
            titles.join(", ")
        )
    })
}

/// Notes the columns that have no width.
fn leave_out<T: AsRef<str>>(columns: &[(T, Align)], widths: &[Width], limit: Option<usize>) {
    let mut left_out = LEFT_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    for ((title, _), width) in columns.iter().zip(widths) {
        let title = title.as_ref();
        if width.is_none() && !title.is_empty() && !left_out.0.iter().any(|known| known == title) {
            left_out.0.push(title.to_owned());
        }
    }
    left_out.1 = limit.unwrap_or_default();
}

/// How a column of a [`Table`] is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text; it is cut where the line is too narrow.
    Left,
    /// Numbers; they are never cut.
    Right,
}

/// How wide a column is; `None` if it is left out.
type Width = Option<usize>;

/// A title and how the cells below it are set.
pub type Column = (&'static str, Align);

/// Writes a table while its rows come.
///
/// ```
/// use selvedge_cli::output::{Align, TableWriter};
///
/// let mut out = Vec::new();
/// let mut table = TableWriter::new(&mut out, &[("NAME", Align::Left), ("COUNT", Align::Right)], Some(15));
/// table.row(vec!["bookmarks".into(), "12345".into()])?;
/// table.finish()?;
/// assert_eq!(String::from_utf8(out).unwrap(), "NAME      COUNT\nbookmar…  12345\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct TableWriter<W: Write> {
    out: W,
    columns: Vec<(Cow<'static, str>, Align)>,
    /// The maximum number of the terminal's columns in a line.
    limit: Option<usize>,
    phase: Phase,
    line: String,
}

#[derive(Debug)]
enum Phase {
    /// Rows are kept to measure them.
    Sampling {
        rows: Vec<Vec<String>>,
        bytes: usize,
    },
    /// The widths are known, and the titles written.
    Writing(Vec<Width>),
}

impl<W: Write> TableWriter<W> {
    /// A table without rows, whose lines are at most `limit` columns of the terminal wide.
    pub fn new(out: W, columns: &[Column], limit: Option<usize>) -> Self {
        Self::with_titles(out, columns.iter().copied(), limit)
    }

    /// A table without rows, whose titles are found at run time.
    pub fn with_titles(
        out: W,
        columns: impl IntoIterator<Item = (impl Into<Cow<'static, str>>, Align)>,
        limit: Option<usize>,
    ) -> Self {
        let columns = columns.into_iter();
        Self {
            out,
            columns: columns
                .map(|(title, align)| (title.into(), align))
                .collect(),
            limit,
            phase: Phase::Sampling {
                rows: Vec::new(),
                bytes: 0,
            },
            line: String::new(),
        }
    }

    /// Adds a row, a cell for each column. Control characters are made visible.
    ///
    /// # Errors
    /// When the output takes no more.
    pub fn row(&mut self, cells: Vec<String>) -> io::Result<()> {
        let cells: Vec<String> = cells.iter().map(|cell| printable(cell)).collect();
        match &mut self.phase {
            Phase::Writing(widths) => {
                line(&mut self.line, &cells, &self.columns, widths, self.limit);
                self.out.write_all(self.line.as_bytes())
            }
            Phase::Sampling { rows, bytes } => {
                *bytes += cells.iter().map(String::len).sum::<usize>();
                rows.push(cells);
                if rows.len() >= SAMPLE_ROWS || *bytes >= SAMPLE_BYTES {
                    self.measure()?;
                }
                Ok(())
            }
        }
    }

    /// Writes what is left. A table without rows has its titles alone.
    ///
    /// # Errors
    /// When the output takes no more.
    pub fn finish(mut self) -> io::Result<()> {
        self.measure()?;
        self.out.flush()
    }

    /// Ends the sample: decides the widths, and writes the titles and the rows that were kept.
    fn measure(&mut self) -> io::Result<()> {
        let rows = match &mut self.phase {
            Phase::Writing(_) => return Ok(()),
            Phase::Sampling { rows, .. } => std::mem::take(rows),
        };
        let widths = widths(&self.columns, &rows, self.limit);
        leave_out(&self.columns, &widths, self.limit);
        let titles = self.columns.iter().map(|(title, _)| title.to_string());
        for cells in [titles.collect()].iter().chain(&rows) {
            line(&mut self.line, cells, &self.columns, &widths, self.limit);
            self.out.write_all(self.line.as_bytes())?;
        }
        self.phase = Phase::Writing(widths);
        Ok(())
    }
}

/// How wide each column is: as its widest cell, or less where a line has a maximum.
fn widths<T: AsRef<str>>(
    columns: &[(T, Align)],
    rows: &[Vec<String>],
    limit: Option<usize>,
) -> Vec<Width> {
    let titles: Vec<usize> = columns
        .iter()
        .map(|(title, _)| width(title.as_ref()))
        .collect();
    let mut natural = titles.clone();
    for row in rows {
        for (known, cell) in natural.iter_mut().zip(row) {
            *known = width(cell).max(*known);
        }
    }
    let Some(limit) = limit else {
        return natural.into_iter().map(Some).collect();
    };
    let floor = |at: usize| match columns[at].1 {
        Align::Left => natural[at].min(titles[at].max(MIN_TEXT)),
        Align::Right => natural[at],
    };
    let room = |count: usize| limit.saturating_sub(GAP * count.saturating_sub(1));
    let fits =
        |shown: &[usize]| shown.iter().map(|at| floor(*at)).sum::<usize>() <= room(shown.len());
    let has_value = |at: usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(at));
        cells.any(|cell| !matches!(cell.as_str(), "" | "-" | "0"))
    };
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    while !fits(&shown) && shown.len() > 1 {
        let without_value = (1..shown.len())
            .rev()
            .find(|place| !has_value(shown[*place]));
        shown.remove(without_value.unwrap_or(shown.len() - 1));
    }
    let mut fitted: Vec<usize> = shown.iter().map(|at| natural[*at]).collect();
    let floors: Vec<usize> = shown.iter().map(|at| floor(*at)).collect();
    let aligns: Vec<Align> = shown.iter().map(|at| columns[*at].1).collect();
    shrink(&mut fitted, &floors, &aligns, room(shown.len()));
    let mut widths = vec![None; columns.len()];
    for (at, width) in shown.iter().zip(fitted) {
        widths[*at] = Some(width.min(limit));
    }
    widths
}

/// Takes from the widest columns of text until all fit, but not below their floors.
fn shrink(widths: &mut [usize], floors: &[usize], aligns: &[Align], room: usize) {
    loop {
        let over = widths.iter().sum::<usize>().saturating_sub(room);
        let can_shrink = |at: &usize| aligns[*at] == Align::Left && widths[*at] > floors[*at];
        let widest = (0..widths.len())
            .filter(can_shrink)
            .max_by_key(|at| widths[*at]);
        let Some(widest) = widest.filter(|_| over > 0) else {
            return;
        };
        let second = (0..widths.len())
            .filter(|at| *at != widest && can_shrink(at))
            .map(|at| widths[at])
            .max();
        // Down to the second widest at once, then by single columns.
        let step = widths[widest]
            .saturating_sub(second.unwrap_or(0))
            .clamp(1, over);
        widths[widest] = (widths[widest] - step).max(floors[widest]);
    }
}

/// Sets one line.
fn line<T>(
    line: &mut String,
    cells: &[String],
    columns: &[(T, Align)],
    widths: &[Width],
    limit: Option<usize>,
) {
    line.clear();
    let shown = widths.iter().flatten();
    let total = shown.clone().sum::<usize>() + GAP * shown.count().saturating_sub(1);
    // What no column needs: a cell that is wider than its column may take it.
    let free = limit.map(|limit| limit.saturating_sub(total));
    // Where the line is, and where its columns are planned to start and to end.
    let (mut at, mut end) = (0, 0);
    let cells = cells.iter().zip(columns).zip(widths);
    let cells = cells.filter_map(|((cell, (_, align)), width)| Some((cell, align, (*width)?)));
    for (place, (cell, align, column)) in cells.enumerate() {
        let mut start = end;
        if place > 0 {
            start += GAP;
            let gap = start.saturating_sub(at).max(GAP);
            pad(line, gap);
            at += gap;
        }
        end = start + column;
        let room = free.filter(|_| *align == Align::Left);
        let (text, used) = match room {
            Some(free) => cut(cell, (end + free).saturating_sub(at).max(1)),
            None => (cell.into(), width(cell)),
        };
        if *align == Align::Right {
            let before = end.saturating_sub(at + used);
            pad(line, before);
            at += before;
        }
        line.push_str(&text);
        at += used;
    }
    line.truncate(line.trim_end_matches(' ').len());
    // A number of a later row may be wider than its column.
    if let Some(limit) = limit
        && let (Cow::Owned(short), _) = cut(line, limit)
    {
        *line = short;
    }
    line.push('\n');
}

fn pad(line: &mut String, count: usize) {
    line.extend(std::iter::repeat_n(' ', count));
}

/// A small table for people: a line of titles, then rows. It fits the terminal; see [`TableWriter`] for long ones.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(columns: &[Column]) -> Self {
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

    /// Writes it in lines of a maximum width.
    fn write(&self, f: &mut fmt::Formatter<'_>, limit: Option<usize>) -> fmt::Result {
        let widths = widths(&self.columns, &self.rows, limit);
        leave_out(&self.columns, &widths, limit);
        let titles = self.columns.iter().map(|(title, _)| (*title).to_owned());
        let mut text = String::new();
        for cells in [titles.collect()].iter().chain(&self.rows) {
            line(&mut text, cells, &self.columns, &widths, limit);
            f.write_str(&text)?;
        }
        Ok(())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, terminal_width())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        ("NAME", Align::Left),
        ("COUNT", Align::Right),
        ("TEXT", Align::Left),
    ];

    fn table(rows: &[[&str; 3]], limit: Option<usize>) -> Vec<String> {
        let mut out = Vec::new();
        let mut writer = TableWriter::new(&mut out, &COLUMNS, limit);
        for row in rows {
            writer.row(row.map(str::to_owned).into()).unwrap();
        }
        writer.finish().unwrap();
        let text = String::from_utf8(out).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn text_stands_left_and_numbers_right() {
        let rows = [["bookmarks", "7", "x"], ["é", "1000000", ""]];
        assert_eq!(
            table(&rows, None),
            [
                "NAME         COUNT  TEXT",
                "bookmarks        7  x",
                "é          1000000"
            ]
        );
        assert_eq!(table(&[], None), ["NAME  COUNT  TEXT"]);
    }

    #[test]
    fn widths_are_those_of_the_terminal_not_of_characters() {
        let rows = [
            ["日本語", "1", "a"],
            ["e\u{301}", "2", "b"],
            ["abcdef", "3", "c"],
        ];
        assert_eq!(
            table(&rows, None)[1..],
            [
                "日本語      1  a",
                "e\u{301}           2  b",
                "abcdef      3  c"
            ]
        );
    }

    #[test]
    fn the_widest_text_is_cut_where_the_line_has_a_maximum() {
        let long = "x".repeat(100);
        let rows = [
            ["short", "1234567", long.as_str()],
            ["日本語日本語", "1", "y"],
        ];
        for limit in [27, 40, 80, 200] {
            for line in table(&rows, Some(limit)) {
                assert!(width(&line) <= limit, "{limit}: {line}");
            }
        }
        assert_eq!(
            table(&rows, Some(34)),
            [
                "NAME            COUNT  TEXT",
                "short         1234567  xxxxxxxxxx…",
                "日本語日本語        1  y"
            ]
        );
    }

    const MANY: [Column; 6] = [
        ("COLLECTION", Align::Left),
        ("RECORDS", Align::Right),
        ("PENDING", Align::Right),
        ("GIVEN UP", Align::Right),
        ("FOLLOWED", Align::Left),
        ("READ UP TO", Align::Left),
    ];

    #[test]
    fn columns_are_left_out_from_the_right_where_cutting_text_is_not_enough() {
        let row = |name: &str, records: &str| {
            let cells = [name, records, "7", "0", "yes", "2026-12-01 03:00:00"];
            cells.map(str::to_owned).to_vec()
        };
        let rows = [
            row("bookmarks", "1234567"),
            row(&"x".repeat(50), "12"),
            row("日本語日本語日本語", "3"),
        ];
        for (limit, titles) in [
            (10, "COLLECTION"),
            (19, "COLLECTION  RECORDS"),
            // GIVEN UP is 0 in all rows, so it is left out before the others.
            (40, "COLLECTION    RECORDS  PENDING  FOLLOWED"),
            (
                59,
                "COLLECTION       RECORDS  PENDING  FOLLOWED  READ UP TO",
            ),
        ] {
            let mut out = Vec::new();
            let mut writer = TableWriter::new(&mut out, &MANY, Some(limit));
            for row in &rows {
                writer.row(row.clone()).unwrap();
            }
            writer.finish().unwrap();
            let text = String::from_utf8(out).unwrap();
            for line in text.lines() {
                assert!(width(line) <= limit, "{limit}: {line}");
            }
            assert_eq!(text.lines().next(), Some(titles), "{limit}");
        }
        // At 80 columns all of them fit.
        assert!(widths(&MANY, &rows, Some(80)).iter().all(Option::is_some));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_whatever_the_rows() {
        let mut rows = vec![["a", "1", "b"]; SAMPLE_ROWS];
        rows.push(["a", "123456789012345678901234567890", "b"]);
        for limit in 1..=80 {
            for line in table(&rows, Some(limit)) {
                assert!(width(&line) <= limit, "{limit}: {line}");
            }
        }
    }

    #[test]
    fn the_columns_that_were_left_out_are_named() {
        let widths = [Some(9), Some(7), Some(7), Some(8), None, None];
        leave_out(&MANY, &widths, Some(60));
        let text = left_out().unwrap();
        assert!(text.contains("FOLLOWED, READ UP TO"), "{text}");
    }

    #[test]
    fn control_characters_are_made_visible_and_count_as_one() {
        let rows = [["a\u{1b}[2J\nb", "1", "c\u{202e}"]];
        assert_eq!(
            table(&rows, None)[1],
            "a\u{fffd}[2J\u{fffd}b      1  c\u{fffd}"
        );
    }

    #[test]
    fn rows_after_the_sample_take_what_is_free_and_lose_nothing_in_a_pipe() {
        let mut rows = vec![["a", "1", "b"]; SAMPLE_ROWS];
        let long = "x".repeat(50);
        rows.push([&long, "1", &long]);
        let piped = table(&rows, None);
        assert_eq!(piped[0], "NAME  COUNT  TEXT");
        assert_eq!(piped.last(), Some(&format!("{long}  1  {long}")));
        let shown = table(&rows, Some(30));
        let last = shown.last().unwrap();
        assert_eq!(width(last), 30, "{last}");
        assert!(last == "xxxxxxxxxxxxxxxx…  1  xxxxxxx…", "{last}");
    }

    #[test]
    fn rows_are_written_as_they_come_once_the_widths_are_known() {
        let mut out = Vec::new();
        let mut writer = TableWriter::new(&mut out, &COLUMNS, None);
        let large = "x".repeat(SAMPLE_BYTES);
        writer.row(vec![large, "1".into(), "b".into()]).unwrap();
        assert!(matches!(writer.phase, Phase::Writing(_)));
        writer
            .row(vec!["a".into(), "1".into(), "b".into()])
            .unwrap();
        drop(writer);
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 3);
    }

    #[test]
    fn a_small_table_is_the_same() {
        let mut small = Table::new(&COLUMNS);
        small.row(vec!["a\nb".into(), "7".into(), "c".into()]);
        struct Cut<'a>(&'a Table);
        impl fmt::Display for Cut<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write(f, Some(60))
            }
        }
        assert_eq!(
            Cut(&small).to_string(),
            "NAME  COUNT  TEXT\na\u{fffd}b       7  c\n"
        );
    }
}
