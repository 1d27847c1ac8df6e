//! Records that go out, in five formats, as they come: nothing waits for the last one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};

use selvedge_core::time::ServerTime;
use serde_json::value::RawValue;

use super::Format;
use crate::exit::{CliError, Result};
use crate::moment;
use crate::output::{printable, shortened};

/// The width of a record in a table.
const WIDTH: usize = 72;

/// Prints records one after another.
pub(super) struct Printer<W: Write> {
    out: W,
    format: Format,
    /// The columns of csv and tsv; `None` for the whole record in one.
    fields: Option<Vec<String>>,
    /// A line for `json` and `jsonl` whose record has line ends of its own.
    line: Vec<u8>,
    printed: u64,
}

impl<W: Write> Printer<W> {
    pub(super) fn new(out: W, format: Format, fields: Option<Vec<String>>) -> Self {
        Self {
            out,
            format,
            fields,
            line: Vec::new(),
            printed: 0,
        }
    }

    /// How many were printed.
    pub(super) const fn printed(&self) -> u64 {
        self.printed
    }

    /// Prints one record: `text` is a JSON object.
    pub(super) fn record(&mut self, id: &str, modified: ServerTime, text: &str) -> Result<()> {
        let written = match self.format {
            Format::Jsonl => self.json_line(text),
            Format::Json => self.element(text),
            Format::Table => self.table_row(id, modified, text),
            Format::Csv => self.values(id, modified, text, ','),
            Format::Tsv => self.values(id, modified, text, '\t'),
        };
        self.printed += 1;
        written.map_err(CliError::Output)
    }

    /// What stands after the last record.
    pub(super) fn finish(mut self) -> Result<()> {
        let written = match (self.format, self.printed) {
            (Format::Json, 0) => self.out.write_all(b"[]\n"),
            (Format::Json, _) => self.out.write_all(b"\n]\n"),
            (Format::Table | Format::Csv | Format::Tsv, 0) => self.titles(),
            _ => Ok(()),
        };
        written
            .and_then(|()| self.out.flush())
            .map_err(CliError::Output)
    }

    fn json_line(&mut self, text: &str) -> io::Result<()> {
        // The common case goes out as it is.
        if memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_none() {
            self.out.write_all(text.as_bytes())?;
            return self.out.write_all(b"\n");
        }
        // Within a JSON text, line ends stand only between tokens: a blank is as good.
        self.line.clear();
        let blank = |byte| {
            if matches!(byte, b'\n' | b'\r') {
                b' '
            } else {
                byte
            }
        };
        self.line.extend(text.bytes().map(blank));
        self.line.push(b'\n');
        self.out.write_all(&self.line)
    }

    fn element(&mut self, text: &str) -> io::Result<()> {
        self.out
            .write_all(if self.printed == 0 { b"[\n" } else { b",\n" })?;
        self.out.write_all(text.as_bytes())
    }

    fn titles(&mut self) -> io::Result<()> {
        let separator = match self.format {
            Format::Table => {
                return writeln!(self.out, "{:<14}  {:<19}  RECORD", "ID", "LAST MODIFIED");
            }
            Format::Tsv => '\t',
            _ => ',',
        };
        let fields = self.fields.as_deref();
        let titles: Vec<Cow<'_, str>> = match fields {
            None => ["id", "modified", "record"].map(Into::into).into(),
            Some(fields) => fields.iter().map(|field| field.as_str().into()).collect(),
        };
        write_cells(&mut self.out, &titles, separator)
    }

    fn table_row(&mut self, id: &str, modified: ServerTime, text: &str) -> io::Result<()> {
        if self.printed == 0 {
            self.titles()?;
        }
        let text = printable(&shortened(text, WIDTH));
        writeln!(
            self.out,
            "{:<14}  {:<19}  {text}",
            printable(id),
            moment::server(modified)
        )
    }

    fn values(
        &mut self,
        id: &str,
        modified: ServerTime,
        text: &str,
        separator: char,
    ) -> io::Result<()> {
        if self.printed == 0 {
            self.titles()?;
        }
        let Some(fields) = &self.fields else {
            let cells = [id.into(), modified.to_string().into(), text.into()];
            return write_cells(&mut self.out, &cells, separator);
        };
        // What is no object has no fields.
        let members: HashMap<Cow<'_, str>, &RawValue> =
            serde_json::from_str(text).unwrap_or_default();
        let cells: Vec<Cow<'_, str>> = fields
            .iter()
            .map(|field| {
                members
                    .get(field.as_str())
                    .map_or(Cow::Borrowed(""), |value| cell(value.get()))
            })
            .collect();
        write_cells(&mut self.out, &cells, separator)
    }
}

/// A text as it is, nothing for null, anything else as JSON.
fn cell(json: &str) -> Cow<'_, str> {
    match serde_json::from_str::<String>(json) {
        Ok(text) => text.into(),
        Err(_) if json == "null" => "".into(),
        Err(_) => json.into(),
    }
}

fn write_cells(out: &mut impl Write, cells: &[Cow<'_, str>], separator: char) -> io::Result<()> {
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            write!(out, "{separator}")?;
        }
        if separator == '\t' {
            let escaped = cell
                .replace('\\', "\\\\")
                .replace('\t', "\\t")
                .replace('\n', "\\n")
                .replace('\r', "\\r");
            out.write_all(escaped.as_bytes())?;
        } else if cell.contains([',', '"', '\n', '\r']) {
            write!(out, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            out.write_all(cell.as_bytes())?;
        }
    }
    // RFC 4180 ends lines with CRLF; every reader takes LF, and shells prefer it.
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(format: Format, fields: Option<&[&str]>, records: &[(&str, &str)]) -> String {
        let mut out = Vec::new();
        let fields = fields.map(|fields| fields.iter().map(ToString::to_string).collect());
        let mut printer = Printer::new(&mut out, format, fields);
        for (id, text) in records {
            printer
                .record(id, ServerTime::from_hundredths(150), text)
                .unwrap();
        }
        printer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    const RECORDS: [(&str, &str); 2] = [
        ("a", r#"{"id":"a","title":"Milk, \"fresh\"","n":1}"#),
        (
            "b",
            "{\"id\":\"b\",\n\"title\":\"two\\nlines\\tand\",\"n\":[1,2]}",
        ),
    ];

    #[test]
    fn jsonl_is_one_object_a_line() {
        let text = print(Format::Jsonl, None, &RECORDS);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], RECORDS[0].1);
        let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parsed(lines[1]), parsed(RECORDS[1].1));
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn json_is_one_array() {
        let array: Vec<serde_json::Value> =
            serde_json::from_str(&print(Format::Json, None, &RECORDS)).unwrap();
        assert_eq!(array.len(), 2);
        assert_eq!(print(Format::Json, None, &[]), "[]\n");
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        let text = print(Format::Csv, Some(&["id", "title", "n", "none"]), &RECORDS);
        assert_eq!(
            text,
            "id,title,n,none\na,\"Milk, \"\"fresh\"\"\",1,\nb,\"two\nlines\tand\",\"[1,2]\",\n"
        );
        assert_eq!(
            print(Format::Csv, None, &[("x", "{}")]),
            "id,modified,record\nx,1.50,{}\n"
        );
    }

    #[test]
    fn tsv_escapes_tabs_and_line_ends() {
        let text = print(Format::Tsv, Some(&["title"]), &RECORDS);
        assert_eq!(text, "title\nMilk, \"fresh\"\ntwo\\nlines\\tand\n");
    }

    #[test]
    fn a_table_keeps_control_characters_from_the_terminal() {
        let text = print(Format::Table, None, &[("x", "{\"t\":\"\u{9b}2J\"}")]);
        assert!(!text.contains('\u{9b}'), "{text}");
        assert!(print(Format::Table, None, &[]).starts_with("ID"));
    }
}
