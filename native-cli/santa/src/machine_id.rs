//! By what a server knows this machine (spec §1.1, §9).
//!
//! ```text
//! MachineID is set ───────────────────────→ that
//! selvedge.machine_id_file is set ─────────→ what it holds
//! an id was derived before ────────────────→ that: another one would orphan what the server knows
//! /etc/machine-id is there ────────────────→ an id is derived from it, and kept
//! else ───────────────────────────────────→ none: no sync
//! ```

use std::io::Read as _;
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::config::Config;
use super::paths::Paths;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::profile::read_if_there;

/// Ids made for other purposes from the same machine id are others.
const PURPOSE: &[u8] = b"Selvedge: a machine's id for servers of Santa's sync";

/// No id is longer: it is a part of a URL.
const MAX_CHARACTERS: usize = 256;

/// The machine's id, or `None` when it has none. `keeps` says whether an id that is derived now is kept.
///
/// # Errors
/// When the kept one cannot be read, or a new one cannot be kept.
pub fn machine_id(paths: &Paths, config: &Config, keeps: bool) -> Result<Option<String>> {
    if let Some(id) = &config.machine_id {
        return Ok(Some(id.clone()));
    }
    let path = paths.machine_id_path();
    let kept = read_if_there(&path)?.and_then(|bytes| first_line(&bytes));
    if kept.is_some() {
        return Ok(kept);
    }
    let system = read_if_there(Path::new("/etc/machine-id"))?;
    let derived = system.and_then(|bytes| derive(&bytes));
    if let Some(id) = derived.as_ref().filter(|_| keeps) {
        paths.write(&path, format!("{id}\n").as_bytes())?;
    }
    Ok(derived)
}

/// A UUID by a keyed hash: who sees it does not learn the system's own id.
fn derive(system: &[u8]) -> Option<String> {
    let digits = system.trim_ascii();
    let is_id = digits.len() == 32 && digits.iter().all(u8::is_ascii_hexdigit);
    // A system that is being installed says "uninitialized"; zeros are no id either.
    if !is_id || digits.iter().all(|digit| *digit == b'0') {
        return None;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&digits.to_ascii_lowercase()).ok()?;
    mac.update(PURPOSE);
    let hash = mac.finalize().into_bytes();
    let mut bytes: [u8; 16] = hash.get(..16)?.try_into().ok()?;
    // The bits by which a UUID says that it is a number without further meaning.
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    let parts = [
        hex.get(..8)?,
        hex.get(8..12)?,
        hex.get(12..16)?,
        hex.get(16..20)?,
        hex.get(20..)?,
    ];
    Some(parts.join("-"))
}

/// An id from a file: after `key` and an equals sign, or the first line where there is no key.
pub(super) fn from_file(path: &Path, key: Option<&str>) -> Result<Option<String>> {
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
                Some(key) => format!("it has no line `{key}=…`: mend it, or set MachineID"),
                None => "its first line is no machine id: mend it, or set MachineID".into(),
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

fn first_line(bytes: &[u8]) -> Option<String> {
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
    use selvedge_host::profile::Profile;

    #[test]
    fn an_id_is_derived_alike_each_time_and_does_not_show_the_systems() {
        let system = b"0123456789abcdef0123456789ABCDEF\n";
        let id = derive(system).unwrap();
        assert_eq!(
            derive(b"0123456789ABCDEF0123456789abcdef"),
            Some(id.clone())
        );
        assert_eq!(id.len(), 36);
        assert_eq!((&id[14..15], id.to_uppercase()), ("4", id.clone()));
        assert!(
            !id.replace('-', "")
                .eq_ignore_ascii_case("0123456789abcdef0123456789abcdef")
        );
        for none in [
            "",
            "uninitialized",
            "00000000000000000000000000000000",
            "012345",
        ] {
            assert_eq!(derive(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn what_is_configured_comes_before_what_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths::of(&Profile::find("default", Some(dir.path())).unwrap());
        let mut config = Config::load(&paths, None).unwrap();
        paths.write(&paths.machine_id_path(), b"KEPT\n").unwrap();
        assert_eq!(
            machine_id(&paths, &config, true).unwrap().as_deref(),
            Some("KEPT")
        );
        config.machine_id = Some("SET".into());
        assert_eq!(
            machine_id(&paths, &config, true).unwrap().as_deref(),
            Some("SET")
        );
    }

    #[test]
    fn a_file_may_hold_the_id_under_a_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("asset");
        std::fs::write(&path, "first\nASSET_ID=\"A 1\"\nEMPTY=\n").unwrap();
        assert_eq!(from_file(&path, None).unwrap().as_deref(), Some("first"));
        assert_eq!(
            from_file(&path, Some("ASSET_ID")).unwrap().as_deref(),
            Some("A 1")
        );
        assert!(from_file(&path, Some("EMPTY")).is_err());
        assert!(from_file(&path, Some("ABSENT")).is_err());
    }
}
