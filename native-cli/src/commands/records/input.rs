//! Records read from the command line, a file or stdin.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::PathBuf;

use selvedge_core::engines::Records;
use selvedge_core::error::Error;
use selvedge_core::host::MemoryStore;
use selvedge_core::ids::{CollectionName, RecordId};
use serde_json::value::RawValue;

use super::Source;
use selvedge_host::byte_order_mark::remove_mark;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::{SystemClock, SystemRandom};

/// Maximum size of the input, in bytes. It is in memory as a whole, so that it is put as a whole or not at all.
const MAX_BYTES: u64 = 1 << 30;

/// The content of a source: JSON texts one after another; an array represents its elements.
pub(super) struct Input {
    text: String,
    path: PathBuf,
}

/// One JSON text of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Given<'a> {
    /// The line in which it begins, counted from 1.
    pub(super) line: usize,
    /// The text itself.
    pub(super) text: &'a str,
}

impl Input {
    /// Reads a source to its end.
    pub(super) fn read(source: &Source) -> Result<Self> {
        let (reader, path): (Box<dyn Read>, PathBuf) = match (&source.record, &source.file) {
            (Some(text), _) => (
                Box::new(io::Cursor::new(text.clone().into_bytes())),
                "--record".into(),
            ),
            (None, Some(path)) if path.as_os_str() != "-" => {
                let file = File::open(path).map_err(HostError::file(path))?;
                (Box::new(file), path.clone())
            }
            (None, file) => {
                if file.is_none() && io::stdin().is_terminal() {
                    return Err(HostError::Usage(
                        "pass the record with --record JSON, with --file FILE, or on stdin".into(),
                    ));
                }
                (Box::new(io::stdin()), "stdin".into())
            }
        };
        let mut bytes = Vec::new();
        reader
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(HostError::file(&path))?;
        let bad = |detail: String| HostError::BadFile {
            path: path.clone(),
            detail,
        };
        if bytes.len() as u64 > MAX_BYTES {
            return Err(bad(
                "the input is larger than the maximum of 1 GiB: split it".into(),
            ));
        }
        remove_mark(&mut bytes);
        let text = String::from_utf8(bytes).map_err(|error| {
            let (before, _) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
            let line = 1 + line_ends(before);
            bad(format!("line {line} is not UTF-8: save the file as UTF-8"))
        })?;
        Ok(Self { text, path })
    }

    /// All JSON texts, each with its line.
    pub(super) fn records(&self) -> Result<Vec<Given<'_>>> {
        let mut found = Vec::new();
        let mut place = Place::default();
        for value in serde_json::Deserializer::from_str(&self.text).into_iter::<&RawValue>() {
            let value = value.map_err(|error| self.bad(&error))?.get();
            if value.starts_with('[') {
                let elements: Vec<&RawValue> =
                    serde_json::from_str(value).map_err(|error| self.bad(&error))?;
                found.extend(
                    elements
                        .into_iter()
                        .map(|element| place.of(&self.text, element.get())),
                );
            } else {
                found.push(place.of(&self.text, value));
            }
        }
        if found.is_empty() {
            return Err(HostError::Usage(
                "the input has no record: pass JSON objects".into(),
            ));
        }
        Ok(found)
    }

    /// The single JSON text of a source.
    pub(super) fn only(&self) -> Result<&str> {
        match self.records()?.as_slice() {
            [one] => Ok(one.text),
            _ => Err(HostError::Usage(
                "the input has more than one record: pass one JSON object".into(),
            )),
        }
    }

    /// The error of a record with its line, and that nothing was put: the error of putting all of them, unless one of
    /// them alone causes it.
    pub(super) async fn locate(
        &self,
        given: &[Given<'_>],
        collection: &CollectionName,
        reason: Error,
    ) -> HostError {
        if !matches!(reason, Error::Input(_)) {
            return reason.into();
        }
        // A tree of bookmarks is valid or invalid as a whole: one record alone cannot be checked.
        let rules = match collection.as_str() {
            "bookmarks" => scratch(),
            _ => collection.clone(),
        };
        let detail = match check(given, &rules).await {
            Err((line, error)) => format!("line {line}: {error}; nothing was written"),
            Ok(_) => format!("{reason}; nothing was written"),
        };
        HostError::BadFile {
            path: self.path.clone(),
            detail,
        }
    }

    /// Checks all records as the core does when they are put, and returns their ids and texts.
    pub(super) async fn checked(
        &self,
        given: &[Given<'_>],
        collection: &CollectionName,
    ) -> Result<Vec<(RecordId, String)>> {
        check(given, collection)
            .await
            .map_err(|(line, error)| HostError::BadFile {
                path: self.path.clone(),
                detail: format!("line {line}: {error}; nothing was written"),
            })
    }

    /// The error with its line; serde's own message may repeat the content.
    fn bad(&self, error: &serde_json::Error) -> HostError {
        let what = match error.classify() {
            serde_json::error::Category::Eof => "the JSON ends too early",
            _ => "this is not JSON",
        };
        let (line, column) = (error.line(), error.column());
        HostError::BadFile {
            path: self.path.clone(),
            detail: format!(
                "{what} (line {line}, column {column}): pass JSON objects, like {{\"title\": \"milk\"}}; nothing was written"
            ),
        }
    }
}

/// A collection that has no rules of its own, for records that are checked elsewhere.
pub(super) fn scratch() -> CollectionName {
    CollectionName::new("scratch").expect("seven letters are a collection's name")
}

/// Checks records one by one, on a temporary store. Returns the first error, with its line.
async fn check(
    given: &[Given<'_>],
    collection: &CollectionName,
) -> Result<Vec<(RecordId, String)>, (usize, Error)> {
    let store = MemoryStore::default();
    let records = Records::new(&store, &SystemClock, &SystemRandom, collection.clone());
    let mut seen = std::collections::HashMap::new();
    let mut checked = Vec::with_capacity(given.len());
    for Given { line, text } in given {
        let failed = |error: Error| (*line, error);
        let id = records.put(None, text).await.map_err(failed)?;
        if let Some(first) = seen.insert(id.clone(), *line) {
            return Err(failed(Error::Input(format!(
                "the id {id} is already used in line {first}: give each record a different id"
            ))));
        }
        let cleartext = records.get(&id).await.map_err(failed)?;
        checked.push((id, cleartext.unwrap_or_default()));
    }
    Ok(checked)
}

/// Counts lines up to ascending positions.
#[derive(Default)]
struct Place {
    at: usize,
    lines: usize,
}

impl Place {
    /// A part of a text, with its line.
    fn of<'a>(&mut self, whole: &str, part: &'a str) -> Given<'a> {
        let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
        let between = whole.as_bytes().get(self.at..start).unwrap_or_default();
        self.lines += line_ends(between);
        self.at = start;
        Given {
            line: self.lines + 1,
            text: part,
        }
    }
}

fn line_ends(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(text: impl Into<Vec<u8>>) -> Result<Input> {
        use std::io::Write as _;

        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&text.into()).unwrap();
        Input::read(&Source {
            record: None,
            file: Some(file.path().to_owned()),
        })
    }

    fn texts(text: &str) -> Result<Vec<(usize, String)>> {
        let input = input(text)?;
        let given = input.records()?;
        Ok(given
            .into_iter()
            .map(|given| (given.line, given.text.to_owned()))
            .collect())
    }

    #[test]
    fn objects_come_one_by_one_in_lines_or_arrays_with_their_lines() {
        for (input, lines) in [
            ("{\"a\":1}\n{\"b\":[2]}\n", [1, 2]),
            ("[{\"a\":1}, {\"b\":[2]}]", [1, 1]),
            ("{\"a\":1}[{\"b\":[2]}]", [1, 1]),
            ("[][{\"a\":1},{\"b\":[2]}]", [1, 1]),
            ("\u{feff}\n{\"a\":1}\n\n\n[\n{\"b\":[2]}\n]", [2, 6]),
            ("[{\"a\":1},\r\n{\"b\":[2]}]", [1, 2]),
        ] {
            let expected = [
                (lines[0], "{\"a\":1}".to_owned()),
                (lines[1], "{\"b\":[2]}".to_owned()),
            ];
            assert_eq!(texts(input).unwrap(), expected, "{input}");
        }
        assert!(matches!(texts(" \n"), Err(HostError::Usage(_))));
    }

    #[test]
    fn broken_json_is_said_with_its_line_and_without_its_content() {
        for (input, line) in [
            ("{\"secret\":", 1),
            ("{\"secret\" 1}", 1),
            ("secret", 1),
            ("{}\n{\"secret\":1]", 2),
            ("{}\n\n{}\n[{\"secret\":1},\n{\"secret\"}]", 5),
        ] {
            let error = texts(input).unwrap_err();
            assert!(matches!(error, HostError::BadFile { .. }));
            assert!(
                error.to_string().contains(&format!("(line {line},")),
                "{error}"
            );
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let error = input(*b"{}\n{}\n{\"a\":\"\xff\"}").err().unwrap();
        assert!(error.to_string().contains("line 3 is not UTF-8"), "{error}");
    }

    #[test]
    fn a_record_that_cannot_be_put_is_named_by_its_line() {
        let notes = CollectionName::new("notes").unwrap();
        for (text, line, words) in [
            ("{}\n{\"id\":7}", 2, "id"),
            ("[{},\n{},\n[1]]", 3, "JSON object"),
            ("{\"id\":\"a\"}\n{}\n{\"id\":\"a\"}", 3, "in line 1"),
            ("{\"deleted\":true}", 1, "deleted"),
        ] {
            let input = input(text).unwrap();
            let given = input.records().unwrap();
            let error = pollster::block_on(input.checked(&given, &notes)).unwrap_err();
            let said = error.to_string();
            assert!(said.contains(&format!("line {line}: ")), "{text}: {said}");
            assert!(said.contains(words), "{text}: {said}");
        }
    }
}
