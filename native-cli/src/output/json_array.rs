//! A JSON array that is written while its elements come.

use std::io::{self, Write};

use serde::Serialize;

/// Writes an array element by element, so that it need not be in memory.
///
/// ```
/// use selvedge_cli::output::JsonArray;
///
/// let mut out = Vec::new();
/// let mut array = JsonArray::new(&mut out);
/// array.element(&1)?;
/// array.element(&"two")?;
/// array.finish("")?;
/// assert_eq!(out, b"[1,\"two\"]\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct JsonArray<W: Write> {
    out: W,
    is_empty: bool,
    is_begun: bool,
}

impl<W: Write> JsonArray<W> {
    /// An empty array.
    pub const fn new(out: W) -> Self {
        Self {
            out,
            is_empty: true,
            is_begun: false,
        }
    }

    /// Writes the text that stands before the array, such as the object that it is a member of.
    ///
    /// # Errors
    /// When the output takes no more.
    pub fn begin(&mut self, before: &str) -> io::Result<()> {
        self.is_begun = true;
        write!(self.out, "{before}[")
    }

    /// Adds an element.
    ///
    /// # Errors
    /// When the output takes no more, or the element has no JSON.
    pub fn element(&mut self, element: &impl Serialize) -> io::Result<()> {
        if !self.is_begun {
            self.begin("")?;
        }
        if !std::mem::take(&mut self.is_empty) {
            self.out.write_all(b",")?;
        }
        serde_json::to_writer(&mut self.out, element).map_err(io::Error::from)
    }

    /// Ends the array, with a text after it, and the line.
    ///
    /// # Errors
    /// When the output takes no more.
    pub fn finish(mut self, after: &str) -> io::Result<()> {
        if !self.is_begun {
            self.begin("")?;
        }
        writeln!(self.out, "]{after}")?;
        self.out.flush()
    }
}
