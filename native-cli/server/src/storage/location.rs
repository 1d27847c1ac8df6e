//! Where a server keeps its data, and URLs of databases.

use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The database file in a data directory.
pub const DATABASE_FILE: &str = "server.sqlite";

/// Where a server keeps its data: database, master secret, seen requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In this directory; the database is its file `server.sqlite`.
    Directory(PathBuf),
    /// In the memory of the process, and in temporary files without a name, so that nothing remains however it ends.
    Memory,
}

impl Location {
    /// The database of this location.
    #[must_use]
    pub fn database(&self) -> DatabaseUrl {
        match self {
            Self::Directory(directory) => DatabaseUrl::SqliteFile(directory.join(DATABASE_FILE)),
            Self::Memory => DatabaseUrl::SqliteMemory,
        }
    }

    /// The data directory, if there is one.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Self::Directory(directory) => Some(directory),
            Self::Memory => None,
        }
    }
}

/// A database, as a URL names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `sqlite:///absolute/path/to/file` or `sqlite://relative/path`.
    SqliteFile(PathBuf),
    /// `sqlite::memory:`
    SqliteMemory,
}

/// A text that is not the URL of a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the URL of a database: give sqlite:///path/to/file, without `%`, `?` and `#`, or sqlite::memory:"
)]
pub struct InvalidUrl(String);

impl FromStr for DatabaseUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        if text == "sqlite::memory:" {
            return Ok(Self::SqliteMemory);
        }
        match text.strip_prefix("sqlite://") {
            Some(path)
                if !path.is_empty() && !path.ends_with('/') && !path.contains(['%', '?', '#']) =>
            {
                Ok(Self::SqliteFile(path.into()))
            }
            _ => Err(InvalidUrl(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_file_or_memory() {
        let file = |path: &str| Some(DatabaseUrl::SqliteFile(path.into()));
        for (text, expected) in [
            (
                "sqlite:///var/lib/selvedge/server.sqlite",
                file("/var/lib/selvedge/server.sqlite"),
            ),
            ("sqlite://server.sqlite", file("server.sqlite")),
            ("sqlite:///a b/c", file("/a b/c")),
            ("sqlite::memory:", Some(DatabaseUrl::SqliteMemory)),
            ("sqlite://", None),
            ("sqlite:///directory/", None),
            ("sqlite:///a%20b", None),
            ("sqlite:///a?mode=ro", None),
            ("sqlite:///a#b", None),
            ("/var/lib/server.sqlite", None),
            ("mysql://localhost/sync", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
        let error = "mysql://localhost/sync".parse::<DatabaseUrl>().unwrap_err();
        assert!(
            error.to_string().contains("mysql://localhost/sync"),
            "{error}"
        );
    }

    #[test]
    fn a_location_has_its_database() {
        let directory = Location::Directory("/data".into());
        assert_eq!(
            directory.database(),
            DatabaseUrl::SqliteFile("/data/server.sqlite".into())
        );
        assert_eq!(Location::Memory.database(), DatabaseUrl::SqliteMemory);
    }
}
