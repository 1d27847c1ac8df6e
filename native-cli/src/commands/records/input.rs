//! Records that come in: from the command line, a file or stdin.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _, Read, Write as _};
use std::path::PathBuf;

use serde_json::value::RawValue;

use super::Source;
use crate::exit::{CliError, Result};

/// The JSON texts of a source, one after another; an array stands for its elements.
pub(super) struct Input {
    values: Box<dyn Iterator<Item = serde_json::Result<Box<RawValue>>>>,
    /// The elements of an array that are still to come, last first.
    elements: Vec<Box<RawValue>>,
    path: PathBuf,
}

impl Input {
    /// Opens a source.
    pub(super) fn open(source: &Source) -> Result<Self> {
        let (reader, path): (Box<dyn Read>, PathBuf) = match (&source.record, &source.file) {
            (Some(text), _) => (
                Box::new(io::Cursor::new(text.clone().into_bytes())),
                "--record".into(),
            ),
            (None, Some(path)) if path.as_os_str() != "-" => {
                let file = File::open(path).map_err(CliError::file(path))?;
                (Box::new(BufReader::new(file)), path.clone())
            }
            (None, file) => {
                if file.is_none() && io::stdin().is_terminal() {
                    return Err(CliError::Usage(
                        "give the record by --record JSON, by --file FILE, or on stdin".into(),
                    ));
                }
                (Box::new(BufReader::new(io::stdin())), "stdin".into())
            }
        };
        Ok(Self {
            values: Box::new(serde_json::Deserializer::from_reader(reader).into_iter()),
            elements: Vec::new(),
            path,
        })
    }

    /// The next JSON text.
    pub(super) fn next(&mut self) -> Result<Option<Box<RawValue>>> {
        loop {
            if let Some(element) = self.elements.pop() {
                return Ok(Some(element));
            }
            let Some(value) = self.values.next() else {
                return Ok(None);
            };
            let value = value.map_err(|error| self.bad(&error))?;
            if !value.get().starts_with('[') {
                return Ok(Some(value));
            }
            self.elements = serde_json::from_str(value.get()).map_err(|error| self.bad(&error))?;
            self.elements.reverse();
        }
    }

    /// The one JSON text that a source must have.
    pub(super) fn only(mut self) -> Result<Box<RawValue>> {
        let one = self.next()?;
        let more = self.next()?;
        match (one, more) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(CliError::Usage(
                "there is no record: give one JSON object".into(),
            )),
            (Some(_), Some(_)) => Err(CliError::Usage(
                "these are many records: give one JSON object".into(),
            )),
        }
    }

    /// What is wrong, and where; serde's own words may repeat the content.
    fn bad(&self, error: &serde_json::Error) -> CliError {
        if let Some(kind) = error.io_error_kind() {
            return CliError::file(&self.path)(kind.into());
        }
        let what = match error.classify() {
            serde_json::error::Category::Eof => "the JSON ends too early",
            _ => "this is no JSON",
        };
        let (line, column) = (error.line(), error.column());
        CliError::BadFile {
            path: self.path.clone(),
            detail: format!(
                "{what} (line {line}, column {column}): give JSON objects, like {{\"title\": \"milk\"}}"
            ),
        }
    }
}

/// Writes one JSON text and a line end to stdout.
pub(super) fn print_line(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .map_err(CliError::Output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(input: &str) -> Result<Vec<String>> {
        let source = Source {
            record: Some(input.into()),
            file: None,
        };
        let mut input = Input::open(&source)?;
        let mut texts = Vec::new();
        while let Some(text) = input.next()? {
            texts.push(text.get().to_owned());
        }
        Ok(texts)
    }

    #[test]
    fn objects_come_one_by_one_in_lines_or_arrays() {
        for input in [
            "{\"a\":1}\n{\"b\":[2]}\n",
            "[{\"a\":1}, {\"b\":[2]}]",
            "{\"a\":1}[{\"b\":[2]}]",
            "[][{\"a\":1},{\"b\":[2]}]",
        ] {
            assert_eq!(
                texts(input).unwrap(),
                ["{\"a\":1}", "{\"b\":[2]}"],
                "{input}"
            );
        }
        assert_eq!(texts(" \n").unwrap(), [""; 0]);
    }

    #[test]
    fn broken_json_is_said_with_its_place_and_without_its_content() {
        for input in [
            "{\"secret\":",
            "{\"secret\" 1}",
            "secret",
            "{}\n{\"secret\":1]",
        ] {
            let error = texts(input).unwrap_err();
            assert!(matches!(error, CliError::BadFile { .. }));
            assert!(error.to_string().contains("line"), "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
