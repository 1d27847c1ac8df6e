//! The ETags of the page's files, by their content, and whether a file's compressed forms still have that content.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use axum::http::{HeaderMap, HeaderValue, header};
use sha2::{Digest as _, Sha256};

/// How the names of compressed forms end; `cargo xtask pack` writes them beside the files.
const COMPRESSED: [&str; 2] = ["br", "gz"];

/// The files of one directory. ETags are cached until a file changes.
#[derive(Debug)]
pub(super) struct ETags {
    directory: PathBuf,
    known: Mutex<HashMap<PathBuf, Known>>,
}

#[derive(Debug, Clone)]
struct Known {
    modified: SystemTime,
    length: u64,
    tag: HeaderValue,
}

/// The ETag of one file.
#[derive(Debug)]
pub(super) struct Found {
    /// Its ETag: a weak one, for its compressed forms have it too.
    pub(super) tag: HeaderValue,
    /// Whether its compressed forms may be sent: they are not older than the file.
    pub(super) is_compressed: bool,
}

impl ETags {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            known: Mutex::default(),
        }
    }

    /// Looks at the file of a path in the directory; `None` when there is none. Reads from the disk.
    pub(super) fn look(&self, path: &str) -> Option<Found> {
        // The page's own names need no escapes; those of other files are served without an ETag.
        if path.contains(['%', '\\']) {
            return None;
        }
        let file = self.directory.join(path.trim_start_matches('/'));
        let metadata = fs::metadata(&file).ok().filter(Metadata::is_file)?;
        let (modified, length) = (metadata.modified().ok()?, metadata.len());
        let is_compressed = COMPRESSED
            .iter()
            .filter_map(|ending| modified_at(&with_ending(&file, ending)))
            .all(|compressed| compressed >= modified);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&file)
            && (found.modified, found.length) == (modified, length)
        {
            let tag = found.tag.clone();
            return Some(Found { tag, is_compressed });
        }
        let digest = Sha256::digest(fs::read(&file).ok()?);
        let beginning = u128::from_be_bytes(*digest.first_chunk()?);
        let tag = HeaderValue::try_from(format!("W/\"{beginning:032x}\"")).ok()?;
        let fresh = Known {
            modified,
            length,
            tag: tag.clone(),
        };
        known.insert(file, fresh);
        Some(Found { tag, is_compressed })
    }
}

fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn modified_at(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).ok()?.modified().ok()
}

/// Whether a request says that its client has the file with this tag already.
pub(super) fn is_known(request: &HeaderMap, tag: &HeaderValue) -> bool {
    let opaque = |text: &str| text.trim().trim_start_matches("W/").to_owned();
    let Ok(tag) = tag.to_str().map(opaque) else {
        return false;
    };
    let lists = request.get_all(header::IF_NONE_MATCH).iter();
    let mut tags = lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','));
    tags.any(|one| one.trim() == "*" || opaque(one) == tag)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_tag_changes_with_the_content_and_old_compressed_forms_are_not_sent() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("main.js");
        let tags = ETags::new(dir.path().to_owned());
        assert!(tags.look("/main.js").is_none());
        fs::write(&file, "one").unwrap();
        let first = tags.look("/main.js").unwrap();
        assert_eq!(tags.look("/main.js").unwrap().tag, first.tag);
        fs::write(dir.path().join("main.js.gz"), "packed").unwrap();
        let now = modified_at(&file).unwrap();
        let set = |name: &str, time| {
            let file = fs::File::options()
                .write(true)
                .open(dir.path().join(name))
                .unwrap();
            file.set_modified(time).unwrap();
        };
        set("main.js.gz", now);
        assert!(tags.look("/main.js").unwrap().is_compressed);
        fs::write(&file, "two").unwrap();
        set("main.js", now + Duration::from_secs(5));
        let second = tags.look("/main.js").unwrap();
        assert!(!second.is_compressed);
        assert_ne!(second.tag, first.tag);
        assert!(tags.look("/").is_none());
        assert!(tags.look("/%6dain.js").is_none());
    }

    #[test]
    fn a_client_names_the_tags_that_it_has() {
        let tag = HeaderValue::from_static("W/\"ab\"");
        for (asked, known) in [
            ("W/\"ab\"", true),
            ("\"ab\"", true),
            ("\"x\", W/\"ab\"", true),
            ("*", true),
            ("W/\"abc\"", false),
            ("ab", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, asked.parse().unwrap())]);
            assert_eq!(is_known(&headers, &tag), known, "{asked}");
        }
        assert!(!is_known(&HeaderMap::new(), &tag));
    }
}
