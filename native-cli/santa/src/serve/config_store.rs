//! The configuration files on the disk, reloaded when they change.
//!
//! ```text
//! nothing changed                   → the loaded version is used
//! a file changed and is valid       → the new version is used; downloads of an earlier version can continue
//! a file changed and is invalid     → the loaded version is used; the log and the status have the error
//! ```

mod file_stamp;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use self::file_stamp::FileStamp;
use super::configuration::Configuration;
use super::problem::{Problem, Severity};
use super::rule_set::RuleSet;
use selvedge_host::byte_order_mark::remove_mark;

/// The name of the file for machines without a file of their own.
const GLOBAL: &str = "global";

/// Maximum size of a file. A million rules have 150 MB.
const MAX_BYTES: u64 = 512 << 20;

/// How many earlier versions are kept, and how long, for machines that are downloading them.
const MAX_EARLIER: usize = 8;
const EARLIER_LIFETIME: Duration = Duration::from_secs(900);

/// The source of configurations.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file for all machines; or a directory with `global.toml`, and `<id>.toml` for some machines.
    Path(PathBuf),
    /// A configuration for all machines from the program that embeds the server.
    Fixed(Box<Configuration>),
}

/// Why configurations cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigStoreError {
    /// A file cannot be read.
    #[error("{path}: {1}", path = .0.display())]
    File(PathBuf, #[source] io::Error),
    /// A file is not a valid configuration.
    #[error("{0}")]
    Problem(Problem),
}

/// The rule sets of all machines at one time.
#[derive(Debug)]
pub(super) struct RuleSets {
    global: Arc<RuleSet>,
    machines: HashMap<String, Arc<RuleSet>>,
}

impl RuleSets {
    pub(super) fn global(&self) -> &Arc<RuleSet> {
        &self.global
    }

    /// The rule set of a machine.
    pub(super) fn of(&self, machine: &str) -> &Arc<RuleSet> {
        self.machines.get(machine).unwrap_or(&self.global)
    }
}

/// A loaded file.
#[derive(Debug, Clone)]
struct LoadedFile {
    stamp: FileStamp,
    is_settled: bool,
    content: [u8; 32],
    rule_set: Arc<RuleSet>,
}

/// Loaded files by name without `.toml`.
type Files = BTreeMap<String, LoadedFile>;

/// The current rule sets, and earlier versions that some machine may still be downloading.
#[derive(Debug)]
pub(super) struct ConfigStore {
    path: Option<PathBuf>,
    page_size: usize,
    latest: RwLock<Arc<RuleSets>>,
    files: Mutex<Files>,
    earlier: Mutex<VecDeque<(SystemTime, Arc<RuleSet>)>>,
    load_error: Mutex<Option<String>>,
}

impl ConfigStore {
    /// Loads all configurations.
    ///
    /// # Errors
    /// When a configuration is invalid.
    pub(super) fn open(source: Source, page_size: usize) -> Result<Self, ConfigStoreError> {
        let (path, files, rule_sets) = match source {
            Source::Fixed(configuration) => {
                let global = Arc::new(RuleSet::prepare(*configuration, page_size));
                let machines = HashMap::new();
                (None, Files::new(), RuleSets { global, machines })
            }
            Source::Path(path) => {
                let files = read_all(&path, &Files::new(), page_size)?;
                let rule_sets = build_rule_sets(&path, &files)?;
                (Some(path), files, rule_sets)
            }
        };
        Ok(Self {
            path,
            page_size,
            latest: RwLock::new(Arc::new(rule_sets)),
            files: Mutex::new(files),
            earlier: Mutex::default(),
            load_error: Mutex::default(),
        })
    }

    /// The current rule sets. Reloads changed files, so it must not be called in async code.
    pub(super) fn current(&self) -> Arc<RuleSets> {
        if let Some(path) = &self.path {
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            match read_all(path, &files, self.page_size) {
                Ok(read) => {
                    let has_changed = !is_same(&files, &read);
                    *files = read;
                    match has_changed
                        .then(|| build_rule_sets(path, &files))
                        .transpose()
                    {
                        Ok(rule_sets) => {
                            self.set_load_error(None);
                            if let Some(rule_sets) = rule_sets {
                                self.put(rule_sets);
                            }
                        }
                        Err(error) => self.set_load_error(Some(error.to_string())),
                    }
                }
                Err(error) => self.set_load_error(Some(error.to_string())),
            }
        }
        self.latest()
    }

    /// The rule sets as they were last loaded.
    pub(super) fn latest(&self) -> Arc<RuleSets> {
        Arc::clone(&self.latest.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the configuration of machines without a file of their own.
    pub(super) fn replace(&self, configuration: Configuration) {
        let global = Arc::new(RuleSet::prepare(configuration, self.page_size));
        let machines = self.latest().machines.clone();
        self.put(RuleSets { global, machines });
    }

    /// The rule set of a version that a machine is downloading.
    pub(super) fn version(&self, machine: &str, version: &str) -> Option<Arc<RuleSet>> {
        let latest = self.latest();
        if latest.of(machine).about.version == version {
            return Some(Arc::clone(latest.of(machine)));
        }
        let earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        let found = earlier
            .iter()
            .find(|(_, rule_set)| rule_set.about.version == version);
        found.map(|(_, rule_set)| Arc::clone(rule_set))
    }

    /// Why the current files are not used.
    pub(super) fn load_error(&self) -> Option<String> {
        let load_error = self.load_error.lock();
        load_error.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_load_error(&self, now: Option<String>) {
        let load_error = self.load_error.lock();
        let mut load_error = load_error.unwrap_or_else(PoisonError::into_inner);
        if *load_error != now {
            if let Some(now) = &now {
                eprintln!(
                    "selvedge santa serve: the configuration cannot be loaded, and the last valid one stays in use: {now}"
                );
            }
            *load_error = now;
        }
    }

    fn put(&self, rule_sets: RuleSets) {
        let mut latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *latest, Arc::new(rule_sets));
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now();
        for rule_set in std::iter::once(&before.global).chain(before.machines.values()) {
            let is_used = latest.global.about.version == rule_set.about.version
                || latest
                    .machines
                    .values()
                    .any(|used| Arc::ptr_eq(used, rule_set));
            if !is_used {
                earlier.push_back((now, Arc::clone(rule_set)));
            }
        }
        let is_old = |then: &SystemTime| then.elapsed().is_ok_and(|age| age > EARLIER_LIFETIME);
        while earlier.len() > MAX_EARLIER || earlier.front().is_some_and(|(then, _)| is_old(then)) {
            earlier.pop_front();
        }
    }
}

/// Checks the configurations of a path and returns their problems.
///
/// # Errors
/// When a file cannot be read.
pub fn check(path: &Path) -> Result<Vec<Problem>, ConfigStoreError> {
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
    if !has_global(path, &files) {
        problems.push(global_is_missing(path));
    }
    Ok(problems)
}

fn at(path: &Path, problem: Problem) -> Problem {
    Problem {
        path: path.to_owned(),
        ..problem
    }
}

fn global_is_missing(path: &Path) -> Problem {
    Problem {
        path: path.to_owned(),
        line: 0,
        weight: Severity::Error,
        problem: "global.toml is missing: create it; machines without a file of their own need it"
            .into(),
    }
}

fn has_global(path: &Path, files: &[(String, PathBuf)]) -> bool {
    !path.is_dir() || files.iter().any(|(name, _)| name == GLOBAL)
}

/// The files of a path, each with its machine id.
fn list(path: &Path) -> Result<Vec<(String, PathBuf)>, ConfigStoreError> {
    let failed = |error| ConfigStoreError::File(path.to_owned(), error);
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![(GLOBAL.to_owned(), path.to_owned())]);
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

/// The text of a file, or its problem.
fn read(path: &Path) -> Result<Result<String, Problem>, ConfigStoreError> {
    let failed = |error| ConfigStoreError::File(path.to_owned(), error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    let taken = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    taken.map_err(failed)?;
    let problem = |problem: &str| Problem {
        path: path.to_owned(),
        line: 0,
        weight: Severity::Error,
        problem: problem.to_owned(),
    };
    if bytes.len() as u64 > MAX_BYTES {
        return Ok(Err(problem(
            "it is larger than the maximum of 512 MiB: split it into files for machines",
        )));
    }
    remove_mark(&mut bytes);
    Ok(String::from_utf8(bytes).map_err(|_| problem("it is not valid UTF-8: save it as UTF-8")))
}

/// Loads the files of a path. Unchanged files are taken from `known`.
fn read_all(path: &Path, known: &Files, page_size: usize) -> Result<Files, ConfigStoreError> {
    let mut files = Files::new();
    for (name, file) in list(path)? {
        let metadata = match fs::metadata(&file) {
            Ok(metadata) => metadata,
            // It was deleted after the directory was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound && file != path => continue,
            Err(error) => return Err(ConfigStoreError::File(file, error)),
        };
        let stamp = FileStamp::of(&metadata);
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
    stamp: FileStamp,
    before: Option<&LoadedFile>,
    page_size: usize,
) -> Result<LoadedFile, ConfigStoreError> {
    let is_settled = stamp.is_settled();
    let text = read(path)?.map_err(ConfigStoreError::Problem)?;
    let content = Sha256::digest(text.as_bytes()).into();
    let rule_set = match before.filter(|before| before.content == content) {
        Some(before) => Arc::clone(&before.rule_set),
        None => {
            let (configuration, problems) = Configuration::read(&text);
            let error = problems.into_iter().find(|p| p.weight == Severity::Error);
            if let Some(problem) = error {
                return Err(ConfigStoreError::Problem(at(path, problem)));
            }
            Arc::new(RuleSet::prepare(configuration, page_size))
        }
    };
    Ok(LoadedFile {
        stamp,
        is_settled,
        content,
        rule_set,
    })
}

fn is_same(before: &Files, now: &Files) -> bool {
    let books = |files: &Files| -> Vec<(String, *const RuleSet)> {
        let pairs = files.iter();
        pairs
            .map(|(name, known)| (name.clone(), Arc::as_ptr(&known.rule_set)))
            .collect()
    };
    books(before) == books(now)
}

fn build_rule_sets(path: &Path, files: &Files) -> Result<RuleSets, ConfigStoreError> {
    let rule_set = |known: &LoadedFile| Arc::clone(&known.rule_set);
    let global = files.get(GLOBAL).map(rule_set);
    let global = global.ok_or_else(|| ConfigStoreError::Problem(global_is_missing(path)))?;
    let machines = files.iter().filter(|(name, _)| *name != GLOBAL);
    let machines = machines.map(|(name, known)| (name.clone(), rule_set(known)));
    Ok(RuleSets {
        machines: machines.collect(),
        global,
    })
}

#[cfg(test)]
mod tests;
