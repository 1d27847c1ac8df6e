//! The events of a backup: collections, records, and its manifest at the end; one line is in memory.
//!
//! A backup in one file has the same lines as one in a directory, with a line before each collection and the manifest as
//! its last line:
//!
//! ```text
//! {"selvedgeBackup":1}
//! {"collection":"notes"}
//! {"id":"milk","modified":1796122244.12,"payload":{"id":"milk","done":true}}
//! {"manifest":{"format":1,…}}
//! ```

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use selvedge_core::ids::CollectionName;
use serde::Deserialize;

use super::line::MAX_BYTES;
use super::manifest::{BadManifest, FORMAT, Manifest, file_of};
use crate::exit::{HostError, Result};

/// Maximum length of a manifest: it has a few lines for each collection and each damaged record that it names.
const MAX_MANIFEST_BYTES: u64 = 64 << 20;

/// What comes next.
#[derive(Debug)]
pub enum Event<'a> {
    /// The records of a collection follow.
    Collection(CollectionName),
    /// A line with its end.
    Record(&'a str),
    /// The end of the backup.
    End(Box<Manifest>),
}

/// Reads a backup.
///
/// ```
/// use selvedge_host::backup::manifest::Manifest;
/// use selvedge_host::backup::read::{Event, Reader};
///
/// let manifest = Manifest::new("https://sync.example", 0);
/// let mut reader = Reader::of_folder(std::path::Path::new("B"), manifest, None);
/// assert!(matches!(reader.next()?, Some(Event::End(_))));
/// assert!(reader.next()?.is_none());
/// # Ok::<(), selvedge_host::exit::HostError>(())
/// ```
pub struct Reader {
    source: Source,
    /// The collections that are wanted; `None` for all.
    wanted: Option<BTreeSet<CollectionName>>,
    path: PathBuf,
    line: Vec<u8>,
}

enum Source {
    Folder {
        left: VecDeque<CollectionName>,
        lines: Option<BufReader<File>>,
        manifest: Box<Manifest>,
    },
    Stream {
        lines: Box<dyn BufRead + Send>,
        has_begun: bool,
        /// Whether the records of the current collection are wanted.
        is_wanted: bool,
    },
    Done,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A line of a stream that is not a record.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mark<'a> {
    selvedge_backup: Option<u32>,
    collection: Option<CollectionName>,
    #[serde(borrow)]
    manifest: Option<&'a serde_json::value::RawValue>,
}

/// The first line of a backup in one file.
#[must_use]
pub fn first_line() -> String {
    format!("{{\"selvedgeBackup\":{FORMAT}}}\n")
}

/// The line before the records of a collection.
#[must_use]
pub fn collection_line(name: &CollectionName) -> String {
    format!("{{\"collection\":\"{name}\"}}\n")
}

/// The last line.
#[must_use]
pub fn last_line(manifest: &Manifest) -> String {
    format!("{{\"manifest\":{}}}\n", manifest.to_json())
}

impl Reader {
    /// Reads a backup in a directory.
    #[must_use]
    pub fn of_folder(
        dir: &Path,
        manifest: Manifest,
        wanted: Option<BTreeSet<CollectionName>>,
    ) -> Self {
        let names = manifest.collections.iter().map(|entry| entry.name.clone());
        let is_wanted =
            |name: &CollectionName| wanted.as_ref().is_none_or(|wanted| wanted.contains(name));
        Self {
            source: Source::Folder {
                left: names.filter(is_wanted).collect(),
                lines: None,
                manifest: Box::new(manifest),
            },
            wanted: None,
            path: dir.to_owned(),
            line: Vec::new(),
        }
    }

    /// Reads a backup in one file, which is already decrypted. `path` is for errors.
    #[must_use]
    pub fn of_stream(
        path: &Path,
        lines: Box<dyn BufRead + Send>,
        wanted: Option<BTreeSet<CollectionName>>,
    ) -> Self {
        Self {
            source: Source::Stream {
                lines,
                has_begun: false,
                is_wanted: false,
            },
            wanted,
            path: path.to_owned(),
            line: Vec::new(),
        }
    }

    /// The next event; `None` after the end.
    ///
    /// # Errors
    /// When a file cannot be read, and when one file is not a whole backup.
    #[allow(
        clippy::should_implement_trait,
        reason = "the returned value borrows from self until the next call"
    )]
    pub fn next(&mut self) -> Result<Option<Event<'_>>> {
        match &mut self.source {
            Source::Done => Ok(None),
            Source::Folder { .. } => self.next_of_folder(),
            Source::Stream { .. } => self.next_of_stream(),
        }
    }

    fn next_of_folder(&mut self) -> Result<Option<Event<'_>>> {
        let Source::Folder {
            left,
            lines,
            manifest,
        } = &mut self.source
        else {
            return Ok(None);
        };
        if let Some(reader) = lines {
            let file = left.front().map(file_of).unwrap_or_default();
            let path = self.path.join(file);
            if read_line(reader, &mut self.line, &path)? {
                return Ok(Some(Event::Record(text(&self.line, &path)?)));
            }
            *lines = None;
            left.pop_front();
        }
        let Some(name) = left.front() else {
            let manifest = manifest.clone();
            self.source = Source::Done;
            return Ok(Some(Event::End(manifest)));
        };
        let path = self.path.join(file_of(name));
        let file = File::open(&path).map_err(HostError::file(&path))?;
        *lines = Some(BufReader::with_capacity(1 << 16, file));
        Ok(Some(Event::Collection(name.clone())))
    }

    fn next_of_stream(&mut self) -> Result<Option<Event<'_>>> {
        loop {
            let Source::Stream {
                lines,
                has_begun,
                is_wanted,
            } = &mut self.source
            else {
                return Ok(None);
            };
            if !read_line(lines, &mut self.line, &self.path)? {
                return Err(bad(&self.path, "the backup is cut off: use another one"));
            }
            let is_record = *has_begun && self.line.starts_with(b"{\"id\":");
            if is_record && !*is_wanted {
                continue;
            }
            if is_record {
                break;
            }
            let line = text(&self.line, &self.path)?;
            let mark: Mark<'_> =
                serde_json::from_str(line).map_err(|_| not_a_backup(&self.path))?;
            if !*has_begun {
                match mark.selvedge_backup {
                    Some(FORMAT) => *has_begun = true,
                    Some(newer) => {
                        return Err(bad(&self.path, BadManifest::Newer(newer)));
                    }
                    None => return Err(not_a_backup(&self.path)),
                }
                continue;
            }
            if let Some(name) = mark.collection {
                *is_wanted = self
                    .wanted
                    .as_ref()
                    .is_none_or(|wanted| wanted.contains(&name));
                if *is_wanted {
                    return Ok(Some(Event::Collection(name)));
                }
                continue;
            }
            let json = mark.manifest.ok_or_else(|| not_a_backup(&self.path))?;
            let manifest = Manifest::parse(json.get()).map_err(|detail| bad(&self.path, detail))?;
            // The last part of an encrypted file is only authentic if the end of the file is found.
            let mut rest = [0; 1];
            if lines.read(&mut rest).map_err(HostError::file(&self.path))? != 0 {
                return Err(not_a_backup(&self.path));
            }
            self.source = Source::Done;
            return Ok(Some(Event::End(Box::new(manifest))));
        }
        Ok(Some(Event::Record(text(&self.line, &self.path)?)))
    }
}

fn not_a_backup(path: &Path) -> HostError {
    bad(
        path,
        "this is not a backup of `selvedge backup`, or it is damaged: use another one",
    )
}

fn bad(path: &Path, detail: impl ToString) -> HostError {
    HostError::BadFile {
        path: path.to_owned(),
        detail: detail.to_string(),
    }
}

fn text<'a>(line: &'a [u8], path: &Path) -> Result<&'a str> {
    std::str::from_utf8(line).map_err(|_| {
        bad(
            path,
            "a line is not UTF-8: the file is damaged, use another backup",
        )
    })
}

/// Reads a line with its end; false at the end of the file.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>, path: &Path) -> Result<bool> {
    line.clear();
    let limit = MAX_MANIFEST_BYTES.max(MAX_BYTES as u64);
    let length = reader.take(limit).read_until(b'\n', line);
    let length = length.map_err(HostError::file(path))?;
    if length as u64 == limit {
        return Err(bad(
            path,
            "a line is too long: the file is damaged, use another backup",
        ));
    }
    Ok(length > 0)
}

/// Reads the manifest of a backup in a directory.
///
/// # Errors
/// When it is missing, damaged or newer than this program.
pub fn manifest(dir: &Path) -> Result<Manifest> {
    let path = dir.join(super::folder::MANIFEST);
    let read = || -> io::Result<String> {
        let mut json = String::new();
        File::open(&path)?
            .take(MAX_MANIFEST_BYTES)
            .read_to_string(&mut json)?;
        Ok(json)
    };
    let json = match read() {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(bad(&path, BadManifest::Unreadable));
        }
        json => json.map_err(HostError::file(&path))?,
    };
    Manifest::parse(&json).map_err(|detail| bad(&path, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(text: &str, wanted: Option<&str>) -> std::result::Result<Vec<String>, String> {
        let wanted = wanted.map(|name| BTreeSet::from([CollectionName::new(name).unwrap()]));
        let lines = Box::new(io::Cursor::new(text.to_owned().into_bytes()));
        let mut reader = Reader::of_stream(Path::new("f"), lines, wanted);
        let mut events = Vec::new();
        while let Some(event) = reader.next().map_err(|error| error.to_string())? {
            events.push(match event {
                Event::Collection(name) => name.to_string(),
                Event::Record(line) => line.trim_end().into(),
                Event::End(manifest) => format!("end {}", manifest.created),
            });
        }
        Ok(events)
    }

    #[test]
    fn a_whole_stream_is_read_and_another_is_refused() {
        let names = ["a", "b"].map(|name| CollectionName::new(name).unwrap());
        let (first, last) = (first_line(), last_line(&Manifest::new("", 7)));
        let [a, b] = names.map(|name| collection_line(&name));
        let record = "{\"id\":\"x\"}\n";
        let whole = [&first, &a, record, &b, record, &last].concat();
        assert_eq!(
            stream(&whole, None).unwrap(),
            ["a", record.trim_end(), "b", record.trim_end(), "end 7"]
        );
        assert_eq!(
            stream(&whole, Some("b")).unwrap(),
            ["b", record.trim_end(), "end 7"]
        );
        for (text, words) in [
            (String::new(), "cut off"),
            ([&first, &a, record].concat(), "cut off"),
            ("x\n".into(), "not a backup"),
            (last.clone(), "not a backup"),
            (record.into(), "not a backup"),
            (format!("{whole}{record}"), "not a backup"),
            ([&first, "{}\n"].concat(), "not a backup"),
            (first.replace('1', "2"), "format 2"),
        ] {
            let said = stream(&text, None).unwrap_err();
            assert!(said.contains(words), "{text}: {said}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_no_backup() {
        let mut bytes = first_line().into_bytes();
        bytes.extend_from_slice(b"{\"id\":\xff}\n");
        let mut reader = Reader::of_stream(Path::new("f"), Box::new(io::Cursor::new(bytes)), None);
        // A record outside of any collection is not wanted.
        assert!(reader.next().is_err());
    }

    #[test]
    fn a_folder_is_read_in_the_order_of_its_manifest() {
        use super::super::manifest::Entry;
        use selvedge_core::time::ServerTime;

        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("records")).unwrap();
        let mut written = Manifest::new("", 3);
        for name in ["a", "b"] {
            let name = CollectionName::new(name).unwrap();
            std::fs::write(dir.path().join(file_of(&name)), "1\n2\n").unwrap();
            written.collections.push(Entry::new(name, ServerTime::ZERO));
        }
        std::fs::write(dir.path().join("manifest.json"), written.to_json()).unwrap();
        assert_eq!(manifest(dir.path()).unwrap(), written);
        let mut reader = Reader::of_folder(dir.path(), written, None);
        let mut seen = String::new();
        while let Some(event) = reader.next().unwrap() {
            match event {
                Event::Collection(name) => seen.push_str(name.as_str()),
                Event::Record(line) => seen.push_str(line.trim_end()),
                Event::End(_) => seen.push('.'),
            }
        }
        assert_eq!(seen, "a12b12.");
        std::fs::write(dir.path().join("manifest.json"), [0xff]).unwrap();
        assert!(
            manifest(dir.path())
                .unwrap_err()
                .to_string()
                .contains("damaged")
        );
    }
}
