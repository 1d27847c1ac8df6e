//! A file that contains the id of the machine.

use std::io::Read as _;
use std::path::Path;

use selvedge_host::exit::{HostError, Result};

/// Maximum length of an id, which is a part of a URL.
const MAX_CHARACTERS: usize = 256;

/// Reads an id from a file: the value of the line `key=…`, or the first line without a key.
pub(super) fn read(path: &Path, key: Option<&str>) -> Result<Option<String>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(1 << 20).read_to_end(&mut bytes))
        .map_err(HostError::file(path))?;
    let id = match key {
        None => first_line(&bytes),
        Some(key) => String::from_utf8_lossy(&bytes).lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            (name.trim() == key).then(|| unquoted(value))?
        }),
    };
    match id {
        Some(id) => Ok(Some(id)),
        None => Err(HostError::BadFile {
            path: path.to_owned(),
            detail: match key {
                Some(key) => format!("it has no line `{key}=…`: add the line, or set MachineID"),
                None => "its first line is not a valid machine id (1 to 256 characters): fix the line, or set MachineID".into(),
            },
        }),
    }
}

fn unquoted(value: &str) -> Option<String> {
    let value = value.trim();
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(value);
    usable(inner)
}

pub(super) fn first_line(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    usable(text.lines().next()?.trim())
}

fn usable(id: &str) -> Option<String> {
    let is_usable =
        !id.is_empty() && id.chars().count() <= MAX_CHARACTERS && !id.contains(char::is_control);
    is_usable.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_hold_the_id_under_a_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("asset");
        std::fs::write(&path, "first\nASSET_ID=\"A 1\"\nEMPTY=\n").unwrap();
        assert_eq!(read(&path, None).unwrap().as_deref(), Some("first"));
        assert_eq!(
            read(&path, Some("ASSET_ID")).unwrap().as_deref(),
            Some("A 1")
        );
        assert!(read(&path, Some("EMPTY")).is_err());
        assert!(read(&path, Some("ABSENT")).is_err());
    }
}
