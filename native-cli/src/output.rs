//! How commands show their answers: data to stdout, all else to stderr; tables and JSON arrays are written row by row.

mod json_array;
mod table;

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock};

pub use json_array::JsonArray;
pub use selvedge_host::output::{
    Output, bytes, duration, is_hostile, printable, records, shortened, width,
};
pub(crate) use table::left_out;
pub use table::{Align, Column, Table, TableWriter};

/// Answers with many rows.
pub trait Rows {
    /// A table on stdout, whose rows are written as they come.
    fn table(&self, columns: &[Column]) -> TableWriter<Stdout>;

    /// A JSON array on stdout, whose elements are written as they come.
    fn array(&self) -> JsonArray<Stdout>;
}

impl Rows for Output {
    fn table(&self, columns: &[Column]) -> TableWriter<Stdout> {
        TableWriter::new(stdout(), columns, terminal_width())
    }

    fn array(&self) -> JsonArray<Stdout> {
        JsonArray::new(stdout())
    }
}

/// stdout with a buffer.
pub type Stdout = BufWriter<StdoutLock<'static>>;

fn stdout() -> Stdout {
    BufWriter::with_capacity(1 << 16, io::stdout().lock())
}

/// The number of columns of the terminal on which stdout is shown; `None` where it goes elsewhere.
#[must_use]
pub fn terminal_width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let (_, columns) = console::Term::stdout().size_checked()?;
    Some(usize::from(columns)).filter(|columns| *columns > 0)
}
