//! The configurations on the disk, read again when they change.
//!
//! ```text
//! nothing changed                       → what is here is used
//! a file changed, and all is well       → the new version is used; walks over an earlier one go on
//! a file changed, and cannot be used    → what is here is used on, and the log and the status say why
//! ```

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use super::configuration::Configuration;
use super::problem::{Problem, Weight};
use super::rulebook::Rulebook;
use selvedge_host::byte_order_mark::remove_mark;

/// The file for machines that have none of their own.
const EVERYONE: &str = "global";

/// No configuration is larger: a million rules have 150 MB.
const MAX_BYTES: u64 = 512 << 20;

/// So many earlier versions stay for walks over them, and for so long.
const MAX_EARLIER: usize = 8;
const EARLIER_STAYS: Duration = Duration::from_secs(900);

/// Within this time a file may change again without another time of change.
const SETTLED: Duration = Duration::from_secs(1);

/// Where configurations come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file for every machine; or a directory with `global.toml`, and `<id>.toml` for some machines.
    Path(PathBuf),
    /// One for every machine, by whoever embeds the server.
    Fixed(Box<Configuration>),
}

/// Why configurations cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// A file cannot be read.
    #[error("{path}: {1}", path = .0.display())]
    File(PathBuf, #[source] io::Error),
    /// A file does not hold a configuration.
    #[error("{0}")]
    Problem(Problem),
}

/// The rulebooks of all machines at a moment.
#[derive(Debug)]
pub(super) struct Shelf {
    everyone: Arc<Rulebook>,
    machines: HashMap<String, Arc<Rulebook>>,
}

impl Shelf {
    pub(super) fn everyone(&self) -> &Arc<Rulebook> {
        &self.everyone
    }

    /// The rulebook of a machine.
    pub(super) fn of(&self, machine: &str) -> &Arc<Rulebook> {
        self.machines.get(machine).unwrap_or(&self.everyone)
    }
}

/// What tells whether a file changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    file: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let file = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let file = 0;
        Self {
            modified: metadata.modified().ok(),
            bytes: metadata.len(),
            file,
        }
    }

    /// Whether a later change would show.
    fn is_settled(&self) -> bool {
        let age = self.modified.and_then(|modified| modified.elapsed().ok());
        age.is_some_and(|age| age > SETTLED)
    }
}

/// A file that was read.
#[derive(Debug, Clone)]
struct Known {
    stamp: Stamp,
    is_settled: bool,
    content: [u8; 32],
    book: Arc<Rulebook>,
}

/// Files that were read, by what they are called without `.toml`.
type Files = BTreeMap<String, Known>;

/// The configurations, and the versions that some machine may still be walking over.
#[derive(Debug)]
pub(super) struct Library {
    path: Option<PathBuf>,
    page_size: usize,
    shelf: RwLock<Arc<Shelf>>,
    files: Mutex<Files>,
    earlier: Mutex<VecDeque<(SystemTime, Arc<Rulebook>)>>,
    trouble: Mutex<Option<String>>,
}

impl Library {
    /// Reads everything for the first time.
    ///
    /// # Errors
    /// When a configuration cannot be used.
    pub(super) fn open(source: Source, page_size: usize) -> Result<Self, LibraryError> {
        let (path, files, shelf) = match source {
            Source::Fixed(configuration) => {
                let everyone = Arc::new(Rulebook::prepare(*configuration, page_size));
                let machines = HashMap::new();
                (None, Files::new(), Shelf { everyone, machines })
            }
            Source::Path(path) => {
                let files = read_all(&path, &Files::new(), page_size)?;
                let shelf = shelve(&path, &files)?;
                (Some(path), files, shelf)
            }
        };
        Ok(Self {
            path,
            page_size,
            shelf: RwLock::new(Arc::new(shelf)),
            files: Mutex::new(files),
            earlier: Mutex::default(),
            trouble: Mutex::default(),
        })
    }

    /// The configurations as they are on the disk now. It may read files: not to be called where nothing may block.
    pub(super) fn current(&self) -> Arc<Shelf> {
        if let Some(path) = &self.path {
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            match read_all(path, &files, self.page_size) {
                Ok(read) => {
                    let is_other = !is_same(&files, &read);
                    *files = read;
                    match is_other.then(|| shelve(path, &files)).transpose() {
                        Ok(shelf) => {
                            self.has_trouble(None);
                            if let Some(shelf) = shelf {
                                self.put(shelf);
                            }
                        }
                        Err(error) => self.has_trouble(Some(error.to_string())),
                    }
                }
                Err(error) => self.has_trouble(Some(error.to_string())),
            }
        }
        self.shelf()
    }

    /// The configurations as they were last read.
    pub(super) fn shelf(&self) -> Arc<Shelf> {
        Arc::clone(&self.shelf.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes another configuration for every machine that has none of its own.
    pub(super) fn replace(&self, configuration: Configuration) {
        let everyone = Arc::new(Rulebook::prepare(configuration, self.page_size));
        let machines = self.shelf().machines.clone();
        self.put(Shelf { everyone, machines });
    }

    /// The rulebook of a version that a machine walks over.
    pub(super) fn version(&self, machine: &str, version: &str) -> Option<Arc<Rulebook>> {
        let shelf = self.shelf();
        if shelf.of(machine).about.version == version {
            return Some(Arc::clone(shelf.of(machine)));
        }
        let earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        let found = earlier
            .iter()
            .find(|(_, book)| book.about.version == version);
        found.map(|(_, book)| Arc::clone(book))
    }

    /// Why the files as they are now are not used.
    pub(super) fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.clone()
    }

    fn has_trouble(&self, now: Option<String>) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if *trouble != now {
            if let Some(now) = &now {
                eprintln!("selvedge santa serve: the last good configuration is used on: {now}");
            }
            *trouble = now;
        }
    }

    fn put(&self, shelf: Shelf) {
        let mut paths = self.shelf.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *paths, Arc::new(shelf));
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now();
        for book in std::iter::once(&before.everyone).chain(before.machines.values()) {
            let is_used = paths.everyone.about.version == book.about.version
                || paths.machines.values().any(|used| Arc::ptr_eq(used, book));
            if !is_used {
                earlier.push_back((now, Arc::clone(book)));
            }
        }
        let is_old = |then: &SystemTime| then.elapsed().is_ok_and(|age| age > EARLIER_STAYS);
        while earlier.len() > MAX_EARLIER || earlier.front().is_some_and(|(then, _)| is_old(then)) {
            earlier.pop_front();
        }
    }
}

/// Says what is wrong in the configurations of a path.
///
/// # Errors
/// When a file cannot be read.
pub fn check(path: &Path) -> Result<Vec<Problem>, LibraryError> {
    let mut problems = Vec::new();
    let files = list(path)?;
    for (_, file) in &files {
        let text = match read(file)? {
            Ok(text) => text,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        let (_, found) = Configuration::read(&text);
        problems.extend(found.into_iter().map(|problem| at(file, problem)));
    }
    if !has_everyone(path, &files) {
        problems.push(without_everyone(path));
    }
    Ok(problems)
}

fn at(path: &Path, problem: Problem) -> Problem {
    Problem {
        path: path.to_owned(),
        ..problem
    }
}

fn without_everyone(path: &Path) -> Problem {
    Problem {
        path: path.to_owned(),
        line: 0,
        weight: Weight::Error,
        problem: "there is no global.toml, which every machine without a file of its own needs"
            .into(),
    }
}

fn has_everyone(path: &Path, files: &[(String, PathBuf)]) -> bool {
    !path.is_dir() || files.iter().any(|(name, _)| name == EVERYONE)
}

/// The files of a path, each with the id of its machine.
fn list(path: &Path) -> Result<Vec<(String, PathBuf)>, LibraryError> {
    let failed = |error| LibraryError::File(path.to_owned(), error);
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![(EVERYONE.to_owned(), path.to_owned())]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "toml")
            && let Some(name) = file.file_stem().and_then(|name| name.to_str())
        {
            files.push((name.to_owned(), file));
        }
    }
    files.sort();
    Ok(files)
}

/// The text of a file, or what is wrong with it.
fn read(path: &Path) -> Result<Result<String, Problem>, LibraryError> {
    let failed = |error| LibraryError::File(path.to_owned(), error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    let taken = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    taken.map_err(failed)?;
    let problem = |problem: &str| Problem {
        path: path.to_owned(),
        line: 0,
        weight: Weight::Error,
        problem: problem.to_owned(),
    };
    if bytes.len() as u64 > MAX_BYTES {
        return Ok(Err(problem(
            "it is larger than 512 MiB: divide it by machine",
        )));
    }
    remove_mark(&mut bytes);
    Ok(String::from_utf8(bytes).map_err(|_| problem("it is not in UTF-8: save it as UTF-8")))
}

/// The files of a path, of which those that did not change since are taken over.
fn read_all(path: &Path, known: &Files, page_size: usize) -> Result<Files, LibraryError> {
    let mut files = Files::new();
    for (name, file) in list(path)? {
        let metadata = match fs::metadata(&file) {
            Ok(metadata) => metadata,
            // It went away since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound && file != path => continue,
            Err(error) => return Err(LibraryError::File(file, error)),
        };
        let stamp = Stamp::of(&metadata);
        let before = known.get(&name);
        let taken = match before {
            Some(before) if before.stamp == stamp && before.is_settled => before.clone(),
            _ => read_one(&file, stamp, before, page_size)?,
        };
        files.insert(name, taken);
    }
    Ok(files)
}

fn read_one(
    path: &Path,
    stamp: Stamp,
    before: Option<&Known>,
    page_size: usize,
) -> Result<Known, LibraryError> {
    let is_settled = stamp.is_settled();
    let text = read(path)?.map_err(LibraryError::Problem)?;
    let content = Sha256::digest(text.as_bytes()).into();
    let book = match before.filter(|before| before.content == content) {
        Some(before) => Arc::clone(&before.book),
        None => {
            let (configuration, problems) = Configuration::read(&text);
            let error = problems.into_iter().find(|p| p.weight == Weight::Error);
            if let Some(problem) = error {
                return Err(LibraryError::Problem(at(path, problem)));
            }
            Arc::new(Rulebook::prepare(configuration, page_size))
        }
    };
    Ok(Known {
        stamp,
        is_settled,
        content,
        book,
    })
}

fn is_same(before: &Files, now: &Files) -> bool {
    let books = |files: &Files| -> Vec<(String, *const Rulebook)> {
        let pairs = files.iter();
        pairs
            .map(|(name, known)| (name.clone(), Arc::as_ptr(&known.book)))
            .collect()
    };
    books(before) == books(now)
}

fn shelve(path: &Path, files: &Files) -> Result<Shelf, LibraryError> {
    let book = |known: &Known| Arc::clone(&known.book);
    let everyone = files.get(EVERYONE).map(book);
    let everyone = everyone.ok_or_else(|| LibraryError::Problem(without_everyone(path)))?;
    let machines = files.iter().filter(|(name, _)| *name != EVERYONE);
    let machines = machines.map(|(name, known)| (name.clone(), book(known)));
    Ok(Shelf {
        machines: machines.collect(),
        everyone,
    })
}

#[cfg(test)]
mod tests;
