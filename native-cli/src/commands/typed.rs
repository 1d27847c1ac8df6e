//! What the commands of Firefox's collections have in common.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use clap::Args;
use selvedge_core::host::{Clock as _, Random as _};
use selvedge_core::ids::{CollectionName, Guid, RecordId};
use selvedge_host::exit::{Exit, HostError, Result};
use selvedge_host::{SystemClock, SystemRandom};
use serde_json::Value;
use zeroize::Zeroizing;

use super::records::{self, Loaded};
use crate::device::Device;

/// Maximum size of a file to import, in bytes.
const MAX_FILE: u64 = 1 << 28;

/// Where a change is made.
#[derive(Debug, Clone, Copy, Args)]
pub struct Change {
    /// Change directly on the server instead of this device's store.
    #[arg(long)]
    pub remote: bool,
    /// Check everything and print what would be done, but write nothing.
    #[arg(long)]
    pub dry_run: bool,
}

impl Change {
    /// As the functions of `records` take it.
    pub(super) const fn parts(self) -> (bool, bool) {
        (self.remote, self.dry_run)
    }
}

/// One of Firefox's collections.
pub(super) fn collection(name: &str) -> CollectionName {
    CollectionName::new(name).expect("the names of Firefox's collections are valid")
}

/// All records of a collection; none if this device has no such collection yet.
pub(super) async fn load_or_empty(
    device: &Device,
    collection: &CollectionName,
    remote: bool,
) -> Result<Vec<Loaded>> {
    match records::load(device, collection, remote).await {
        Err(error) if error.exit() == Exit::NotFound => Ok(Vec::new()),
        loaded => loaded,
    }
}

/// A member that is a string; empty if it is not.
pub(super) fn text<'a>(record: &'a Value, name: &str) -> &'a str {
    record[name].as_str().unwrap_or_default()
}

/// The id of a record that was read.
pub(super) fn id_of(record: &Loaded) -> Result<RecordId> {
    RecordId::new(&record.id).map_err(|error| HostError::Failed(error.to_string()))
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    SystemClock.now().millis()
}

/// Random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom
        .fill(&mut bytes)
        .map_err(|error| HostError::Failed(error.to_string()))?;
    Ok(bytes)
}

/// A new id as Firefox makes them.
pub(super) fn new_id() -> Result<RecordId> {
    let id = Guid::make(&SystemRandom).map_err(|error| HostError::Failed(error.to_string()))?;
    RecordId::new(id.as_str()).map_err(|error| HostError::Failed(error.to_string()))
}

/// Whether a text contains another, whatever the case of their letters.
pub(super) fn contains(text: &str, wanted: &str) -> bool {
    text.to_lowercase().contains(&wanted.to_lowercase())
}

/// A file, or stdin if it is `-`. It may contain secrets.
pub(super) fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = if path.as_os_str() == "-" {
        io::stdin().take(MAX_FILE + 1).read_to_end(&mut bytes)
    } else {
        let file = File::open(path).map_err(HostError::file(path))?;
        file.take(MAX_FILE + 1).read_to_end(&mut bytes)
    };
    read.map_err(HostError::file(path))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(HostError::Usage(format!(
            "{} is larger than 256 MiB, the maximum of an import: split it",
            path.display()
        )));
    }
    Ok(bytes)
}

/// Writes text to stdout.
pub(super) fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(HostError::Output)
}

/// A time in milliseconds as people read it; empty for 0.
pub(super) fn time(millis: u64) -> String {
    match millis {
        0 => String::new(),
        _ => selvedge_host::moment::local(selvedge_core::time::LocalTime::from_millis(millis)),
    }
}

/// A length of time like `30m`, `12h`, `3d`, `2w` before now, or a date like 2026-11-21; in milliseconds since 1970.
pub(super) fn since(text: &str) -> std::result::Result<u64, String> {
    let unit = |unit: char| match unit {
        'm' => Some(60),
        'h' => Some(3600),
        'd' => Some(86_400),
        'w' => Some(7 * 86_400),
        'y' => Some(365 * 86_400),
        _ => None,
    };
    let relative = || {
        let last = text.chars().last()?;
        let count: u64 = text.strip_suffix(last)?.parse().ok()?;
        Some(now().saturating_sub(count.checked_mul(unit(last)?)?.checked_mul(1000)?))
    };
    let date = || {
        let time = selvedge_host::moment::parse(text)?;
        Some(time.millis())
    };
    relative().or_else(date).ok_or_else(|| {
        "pass a length of time like 30m, 12h, 3d or 2w, or a date like 2026-11-21".to_owned()
    })
}

/// The fields of CSV, line by line; quoted fields may contain separators and line ends.
pub(super) fn read_csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut is_quoted, mut is_begun) = (false, false);
    let mut letters = text.trim_start_matches('\u{FEFF}').chars().peekable();
    while let Some(letter) = letters.next() {
        is_begun = true;
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' if is_quoted || field.is_empty() => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(std::mem::take(&mut field)),
            '\r' if !is_quoted && letters.peek() == Some(&'\n') => {}
            '\n' if !is_quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
                is_begun = false;
            }
            _ => field.push(letter),
        }
    }
    if is_begun {
        row.push(field);
        rows.push(row);
    }
    rows
}

/// A line of CSV, every field quoted.
pub(super) fn csv_line(fields: &[&str]) -> String {
    let quoted: Vec<String> = fields
        .iter()
        .map(|field| format!("\"{}\"", field.replace('"', "\"\"")))
        .collect();
    quoted.join(",") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_read_as_it_was_written() {
        for (text, expected) in [
            ("a,b\n1,2\n", vec![vec!["a", "b"], vec!["1", "2"]]),
            (
                "a,b\r\n1,\"x\r\ny\"",
                vec![vec!["a", "b"], vec!["1", "x\r\ny"]],
            ),
            ("\u{FEFF}\"a \"\"b\"\"\",\n", vec![vec!["a \"b\"", ""]]),
            ("", vec![]),
        ] {
            assert_eq!(read_csv(text), expected, "{text:?}");
        }
        let fields = ["a,b", "say \"x\"", "two\nlines", ""];
        assert_eq!(read_csv(&csv_line(&fields)), [fields]);
    }

    #[test]
    fn times_before_now() {
        let now = now();
        for (text, seconds) in [
            ("30m", 1800),
            ("2h", 7200),
            ("1d", 86_400),
            ("2w", 1_209_600),
        ] {
            let ago = now - since(text).unwrap();
            assert!(ago.abs_diff(seconds * 1000) < 60_000, "{text} {ago}");
        }
        assert_eq!(since("1970-01-02"), Ok(86_400_000));
        assert!(since("soon").is_err() && since("9999999999999999w").is_err());
    }
}
