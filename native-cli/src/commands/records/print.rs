//! Prints records in five formats as they arrive, without waiting for the last one.

use std::borrow::Cow;
use std::io::{self, Write};

use selvedge_core::reconcile::Fields;
use selvedge_core::time::ServerTime;

use super::Format;
use super::columns::Sample;
use super::secrets::{Hidden, MASK};
use super::view::View;
use crate::device::Device;
use crate::output::{Align, TableWriter, is_hostile, printable, terminal_width};
use selvedge_host::exit::{HostError, Result};
use selvedge_host::moment;

/// How records are printed.
#[derive(Debug, Clone)]
pub(super) struct Style {
    pub(super) format: Format,
    /// The columns of tables, csv and tsv; `None`: the fields of the records in a table, the whole record in csv and
    /// tsv.
    pub(super) fields: Option<Vec<String>>,
    /// The hidden fields of the records.
    pub(super) hidden: Hidden,
    /// The width of the terminal, in columns; `None` if the output is not a terminal.
    pub(super) terminal: Option<usize>,
}

/// Prints records one after another.
pub(super) struct Printer<W: Write> {
    out: Out<W>,
    style: Style,
    view: Option<View>,
    printed: u64,
}

/// The state of the output.
enum Out<W: Write> {
    /// Text is written immediately.
    Text(W),
    /// The first records are kept to find the columns of a table.
    Sample(W, Sample),
    /// The columns are known: their names, and whether fields were omitted.
    Table(Box<TableWriter<W>>, Vec<String>),
    /// Nothing more can be written.
    Broken,
}

/// One record to print.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'r> {
    pub(super) id: &'r str,
    pub(super) modified: ServerTime,
    /// A JSON object.
    pub(super) text: &'r str,
}

impl<W: Write> Printer<W> {
    pub(super) fn new(out: W, style: Style) -> Self {
        let out = match (style.format, &style.fields) {
            (Format::Table, None) => Out::Sample(out, Sample::default()),
            (Format::Table, Some(fields)) => table(out, fields, style.terminal, &[]),
            _ => Out::Text(out),
        };
        Self {
            out,
            style,
            view: None,
            printed: 0,
        }
    }

    /// Prints the rows that a view makes of each record instead of the record.
    pub(super) fn with_view(self, view: View) -> Self {
        Self {
            view: Some(view),
            ..self
        }
    }

    /// Number of printed records.
    pub(super) const fn printed(&self) -> u64 {
        self.printed
    }

    /// Prints one record: `text` is a JSON object, or its envelope.
    pub(super) fn record(&mut self, id: &str, modified: ServerTime, text: &str) -> Result<()> {
        let Some(view) = &mut self.view else {
            return self.row(id, modified, text);
        };
        for row in view.rows(id, modified, text) {
            self.row(id, modified, &row)?;
        }
        Ok(())
    }

    fn row(&mut self, id: &str, modified: ServerTime, text: &str) -> Result<()> {
        let hidden = self.style.hidden;
        let row = Row { id, modified, text };
        let written = match &mut self.out {
            Out::Broken => Ok(()),
            Out::Text(out) => match self.style.format {
                Format::Json => {
                    let before: &[u8] = if self.printed == 0 { b"[\n" } else { b",\n" };
                    let text = self.style.json(text);
                    out.write_all(before)
                        .and_then(|()| out.write_all(text.as_bytes()))
                }
                Format::Csv => values(out, self.printed == 0, &self.style, row, ','),
                Format::Tsv => values(out, self.printed == 0, &self.style, row, '\t'),
                Format::Jsonl | Format::Table => {
                    let text = self.style.json(text);
                    json_line(out, &text)
                }
            },
            Out::Sample(_, sample) => {
                sample.add(row);
                if sample.is_full() {
                    self.end_of_sample()
                } else {
                    Ok(())
                }
            }
            Out::Table(table, fields) => table.row(cells(row, fields, hidden)),
        };
        self.printed += 1;
        written.map_err(HostError::Output)
    }

    /// Writes the rest, and returns the names of fields that have no column because the terminal is too narrow.
    pub(super) fn finish(mut self) -> Result<Vec<String>> {
        let left_out = match &self.out {
            Out::Sample(_, sample) => sample.choose(self.style.terminal).1,
            _ => Vec::new(),
        };
        let written = self.end_of_sample().and_then(|()| match self.out {
            Out::Text(mut out) => match (self.style.format, self.printed) {
                (Format::Json, 0) => out.write_all(b"[]\n"),
                (Format::Json, _) => out.write_all(b"\n]\n"),
                (Format::Csv, 0) => titles(&mut out, &self.style, ','),
                (Format::Tsv, 0) => titles(&mut out, &self.style, '\t'),
                _ => Ok(()),
            }
            .and_then(|()| out.flush()),
            Out::Table(table, _) => table.finish(),
            Out::Sample(..) | Out::Broken => Ok(()),
        });
        written.map_err(HostError::Output)?;
        Ok(left_out)
    }

    /// Chooses the columns of a table by the buffered records, and writes these records.
    fn end_of_sample(&mut self) -> io::Result<()> {
        let (out, sample) = match std::mem::replace(&mut self.out, Out::Broken) {
            Out::Sample(out, sample) => (out, sample),
            other => {
                self.out = other;
                return Ok(());
            }
        };
        let (fields, _) = sample.choose(self.style.terminal);
        let numbers = sample.numbers();
        let mut chosen = table(out, &fields, self.style.terminal, &numbers);
        if let Out::Table(table, fields) = &mut chosen {
            for row in sample.rows() {
                table.row(cells(row, fields, self.style.hidden))?;
            }
        }
        self.out = chosen;
        Ok(())
    }
}

/// Prints one record as JSON, and returns whether a part of it is hidden.
pub(super) fn print_one(device: &Device, text: &str, hidden: Hidden) -> Result<()> {
    let style = Style {
        format: Format::Jsonl,
        fields: None,
        hidden,
        terminal: terminal_width(),
    };
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", style.json(text))
        .and_then(|()| stdout.flush())
        .map_err(HostError::Output)?;
    if let Some(note) = hidden.note() {
        device.output.note(note);
    }
    Ok(())
}

impl Style {
    /// A record as JSON, without hidden fields.
    fn json<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let text = self.hidden.without_secrets(text);
        match self.terminal {
            Some(_) => tame_json(text),
            None => text,
        }
    }

    /// A cell of csv or tsv; on a terminal, control characters are made harmless.
    fn cell<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        match self.terminal {
            Some(_) if text.chars().any(is_hostile) => {
                let lines: Vec<String> = text.split('\n').map(printable).collect();
                lines.join("\n").into()
            }
            _ => text,
        }
    }
}

fn table<W: Write>(
    out: W,
    fields: &[String],
    terminal: Option<usize>,
    numbers: &[String],
) -> Out<W> {
    let columns = fields.iter().map(|field| {
        let title = match field.as_str() {
            "modified" => "LAST MODIFIED".to_owned(),
            field => printable(&field.to_uppercase()),
        };
        let align = match numbers.contains(field) {
            true => Align::Right,
            false => Align::Left,
        };
        (title, align)
    });
    let table = TableWriter::with_titles(out, columns, terminal);
    Out::Table(Box::new(table), fields.to_vec())
}

/// The cells of a record: texts as they are, times for people, nothing for null, anything else as JSON.
fn cells(row: Row<'_>, fields: &[String], hidden: Hidden) -> Vec<String> {
    let text = hidden.without_secrets(row.text);
    // A value that is not an object has no fields.
    let members = Fields::parse(&text).unwrap_or_default();
    let all = Fields::parse(row.text).unwrap_or_default();
    let value = |field: &String| match (members.get(field), field.as_str()) {
        (Some(value), _) => cell(value).into_owned(),
        (None, "id") => row.id.to_owned(),
        (None, "modified") => moment::server(row.modified),
        (None, field) if hidden.is_secret(field) && all.get(field).is_some() => MASK.into(),
        (None, _) => String::new(),
    };
    fields.iter().map(value).collect()
}

fn json_line(out: &mut impl Write, text: &str) -> io::Result<()> {
    // The common case is written unchanged.
    if memchr::memchr2(b'\n', b'\r', text.as_bytes()).is_none() {
        out.write_all(text.as_bytes())?;
        return out.write_all(b"\n");
    }
    // Within a JSON text, line ends occur only between tokens: a space is equivalent.
    let line = text.replace(['\n', '\r'], " ");
    out.write_all(line.as_bytes())?;
    out.write_all(b"\n")
}

/// JSON without control characters that a terminal would interpret: they are escaped, which is equivalent JSON.
fn tame_json(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_bad = |c: char| is_hostile(c) && !matches!(c, '\n' | '\r' | '\t');
    if !text.chars().any(is_bad) {
        return text;
    }
    let mut tame = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_bad(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                tame.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            tame.push(c);
        }
    }
    tame.into()
}

fn titles(out: &mut impl Write, style: &Style, separator: char) -> io::Result<()> {
    let titles: Vec<Cow<'_, str>> = match style.fields.as_deref() {
        None => ["id", "modified", "record"].map(Into::into).into(),
        Some(fields) => fields
            .iter()
            .map(|field| style.cell(field.as_str().into()))
            .collect(),
    };
    write_cells(out, &titles, separator)
}

fn values(
    out: &mut impl Write,
    is_first: bool,
    style: &Style,
    row: Row<'_>,
    separator: char,
) -> io::Result<()> {
    if is_first {
        titles(out, style, separator)?;
    }
    let modified = || Cow::from(moment::server_exact(row.modified));
    let text = style.hidden.without_secrets(row.text);
    let Some(fields) = &style.fields else {
        let cells = [style.cell(row.id.into()), modified(), style.cell(text)];
        return write_cells(out, &cells, separator);
    };
    // A value that is not an object has no fields.
    let members = Fields::parse(&text).unwrap_or_default();
    let cells: Vec<Cow<'_, str>> = fields
        .iter()
        .map(|field| match (members.get(field), field.as_str()) {
            (Some(value), _) => style.cell(cell(value)),
            (None, "id") => style.cell(row.id.into()),
            (None, "modified") => modified(),
            (None, field) if style.hidden.is_secret(field) => MASK.into(),
            (None, _) => "".into(),
        })
        .collect();
    write_cells(out, &cells, separator)
}

/// A text unchanged, nothing for null, anything else as JSON.
pub(super) fn cell(json: &str) -> Cow<'_, str> {
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
    // RFC 4180 ends lines with CRLF; every reader accepts LF, and shells prefer it.
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests;
