//! Reads a configuration file.

use std::path::Path;

use selvedge_host::exit::{HostError, Result};

use super::fault::Fault;
use super::model::Config;
use super::{read, secret_file};
use crate::paths::Paths;

/// Maximum size of a configuration file.
const MAX_BYTES: u64 = 4 << 20;

impl Config {
    /// Reads the configuration of `path`, or the default one of `paths`. A missing default file counts as empty.
    ///
    /// # Errors
    /// When the file cannot be read, when a value is invalid, and when a world-readable file contains a secret.
    pub fn load(paths: &Paths, path: Option<&Path>) -> Result<Self> {
        let is_chosen = path.is_some();
        let path = path.map_or_else(|| paths.config_path(), Path::to_owned);
        let (text, is_world_readable) = match read_text(&path) {
            Ok(read) => read,
            Err(error) if !is_chosen && error.kind() == std::io::ErrorKind::NotFound => {
                (String::new(), false)
            }
            Err(error) => return Err(HostError::file(&path)(error)),
        };
        Self::parse(&path, &text, is_world_readable)
    }

    /// Reads a configuration file, which may belong to another machine.
    ///
    /// # Errors
    /// Like [`Config::load`].
    pub fn read(path: &Path) -> Result<Self> {
        let (text, is_world_readable) = read_text(path).map_err(HostError::file(path))?;
        Self::parse(path, &text, is_world_readable)
    }

    /// Parses the text of a configuration. `path` is for messages.
    ///
    /// # Errors
    /// Like [`Config::load`].
    pub fn parse(path: &Path, text: &str, is_world_readable: bool) -> Result<Self> {
        let bad = |detail: String| HostError::BadFile {
            path: path.to_owned(),
            detail,
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            // The library's `Display` quotes the line, which may contain a secret.
            let at = error.span().map_or(0, |span| span.start);
            let line = text
                .get(..at)
                .map_or(0, |before| before.matches('\n').count())
                + 1;
            bad(format!("invalid TOML in line {line}: {}", error.message()))
        })?;
        read::config(path, &table, is_world_readable).map_err(|fault| match fault {
            Fault::Table(problem) => bad(problem),
            Fault::File(error) => error,
        })
    }
}

fn read_text(path: &Path) -> std::io::Result<(String, bool)> {
    use std::io::Read as _;

    let file = std::fs::File::open(path)?;
    let is_world_readable = secret_file::is_world_readable(&file.metadata()?);
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        Err(std::io::Error::other(
            "it is larger than the maximum of 4 MiB",
        ))
    } else {
        Ok((text, is_world_readable))
    }
}
