//! The id that identifies this machine to a server (spec §1.1, §9).
//!
//! ```text
//! MachineID is set ───────────────────────→ its value
//! selvedge.machine_id_file is set ─────────→ the content of the file
//! an id is stored ─────────────────────────→ that id: with a new id the server would see a new machine
//! /etc/machine-id exists ──────────────────→ an id is derived from it and stored
//! else ───────────────────────────────────→ no id, no sync
//! ```

use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::config::Config;
use super::id_file::first_line;
use super::paths::Paths;
use selvedge_host::exit::Result;
use selvedge_host::profile::read_if_there;

/// Separates this id from ids that are derived from the same machine id for other purposes.
const PURPOSE: &[u8] = b"Selvedge: a machine's id for servers of Santa's sync";

/// The machine id, or `None` without one. With `store_derived`, an id that is derived now is stored.
///
/// # Errors
/// When the stored id cannot be read, or a new id cannot be stored.
pub fn machine_id(paths: &Paths, config: &Config, store_derived: bool) -> Result<Option<String>> {
    if let Some(id) = &config.machine_id {
        return Ok(Some(id.clone()));
    }
    let path = paths.machine_id_path();
    let stored = read_if_there(&path)?.and_then(|bytes| first_line(&bytes));
    if stored.is_some() {
        return Ok(stored);
    }
    let system = read_if_there(Path::new("/etc/machine-id"))?;
    let derived = system.and_then(|bytes| derive(&bytes));
    if let Some(id) = derived.as_ref().filter(|_| store_derived) {
        paths.write(&path, format!("{id}\n").as_bytes())?;
    }
    Ok(derived)
}

/// A UUID from a keyed hash, so that it does not reveal the system's own id.
fn derive(system: &[u8]) -> Option<String> {
    let digits = system.trim_ascii();
    let is_id = digits.len() == 32 && digits.iter().all(u8::is_ascii_hexdigit);
    // During installation the file contains "uninitialized". Zeros are not an id either.
    if !is_id || digits.iter().all(|digit| *digit == b'0') {
        return None;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&digits.to_ascii_lowercase()).ok()?;
    mac.update(PURPOSE);
    let hash = mac.finalize().into_bytes();
    let mut bytes: [u8; 16] = hash.get(..16)?.try_into().ok()?;
    // The version and variant bits of a random UUID (version 4).
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

#[cfg(test)]
mod tests {
    use super::*;
    use selvedge_host::profile::Profile;

    #[test]
    fn a_derived_id_is_deterministic_and_does_not_reveal_the_system_id() {
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
    fn a_configured_id_takes_precedence_over_a_stored_id() {
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
}
