//! The record meta/global: its contents, and changes that keep all other contents.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::json::{Object, Value};
use crate::sorted::Map;
use crate::version::Version;

/// The storage format that this crate reads and writes.
pub(crate) const STORAGE_VERSION: u64 = 5;

/// The record meta/global. Members, engines and declined names that this client does not know are kept.
///
/// ```
/// use selvedge_core::metadata::MetaGlobal;
///
/// let meta = MetaGlobal::new("7vO3Zcdu6V4I", [("notes", 1, "ApPN6v8VY42s")], ["tabs"]);
/// assert_eq!(meta.engine("notes").unwrap().sync_id.as_deref(), Some("ApPN6v8VY42s"));
/// assert!(meta.is_declined("tabs"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MetaGlobal(pub(super) Object);

/// The entry of one engine in meta/global.
///
/// ```
/// use selvedge_core::metadata::EngineEntry;
///
/// let entry = EngineEntry { version: Some(2.into()), sync_id: None };
/// assert_eq!(entry.version.map(|version| version.whole()), Some(2));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEntry {
    /// The version of its records' format, 0 if the entry has no version; `None` if it cannot be read.
    pub version: Option<Version>,
    /// The sync ID of the collection; `None` if the entry has no sync ID.
    pub sync_id: Option<String>,
}

impl MetaGlobal {
    /// The record of a fresh start.
    #[must_use]
    pub fn new<'a>(
        sync_id: &str,
        engines: impl IntoIterator<Item = (&'a str, u64, &'a str)>,
        declined: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut meta = Object::new();
        meta.insert("syncID".into(), sync_id.into());
        meta.insert("storageVersion".into(), STORAGE_VERSION.into());
        meta.insert(
            "declined".into(),
            declined.into_iter().map(Value::from).collect(),
        );
        let mut meta = Self(meta);
        for (name, version, sync_id) in engines {
            meta.set_engine(name, version, sync_id);
        }
        meta
    }

    /// The storage version; `None` if it is missing or cannot be read.
    pub(super) fn storage_version(&self) -> Option<Version> {
        self.0.get("storageVersion").and_then(Version::read)
    }

    /// The global sync ID.
    #[must_use]
    pub fn sync_id(&self) -> Option<&str> {
        self.0
            .get("syncID")?
            .as_str()
            .filter(|text| !text.is_empty())
    }

    /// The entry of an engine; `None` if it is not listed.
    #[must_use]
    pub fn engine(&self, name: &str) -> Option<EngineEntry> {
        let entry = self.0.get("engines")?.as_object()?.get(name)?;
        Some(EngineEntry {
            version: entry
                .get("version")
                .map_or(Some(Version::from(0)), Version::read),
            sync_id: entry
                .get("syncID")
                .and_then(Value::as_str)
                .filter(|sync_id| !sync_id.is_empty())
                .map(ToOwned::to_owned),
        })
    }

    /// The names of all engines with their versions, known here or not.
    #[must_use]
    pub fn engines(&self) -> Map<String, u64> {
        let engines = self.0.get("engines").and_then(Value::as_object);
        let version = |entry: &Value| {
            let version = entry.get("version").and_then(Version::read);
            version.map_or(1, Version::whole)
        };
        engines
            .into_iter()
            .flatten()
            .map(|(name, entry)| (name.clone(), version(entry)))
            .collect()
    }

    /// The names that a client has declined and that are not listed as engines.
    #[must_use]
    pub fn declined(&self) -> Vec<&str> {
        let names = self
            .0
            .get("declined")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        names
            .filter_map(Value::as_str)
            .filter(|name| self.engine(name).is_none())
            .collect()
    }

    /// Whether an engine is declined; if it is also listed, it is not.
    #[must_use]
    pub fn is_declined(&self, name: &str) -> bool {
        self.declined().contains(&name)
    }

    /// Lists an engine, and replaces an earlier entry of the same name; unknown members of the entry are kept.
    pub fn set_engine(&mut self, name: &str, version: u64, sync_id: &str) {
        let engines = self
            .0
            .get_or_insert_with("engines".into(), || Value::Object(Object::new()));
        let engines = object_in(engines);
        let entry = engines.get_or_insert_with(name.into(), || Value::Object(Object::new()));
        let entry = object_in(entry);
        entry.insert("version".into(), version.into());
        entry.insert("syncID".into(), sync_id.into());
    }

    /// Removes an engine from the list and declines it for the whole account.
    pub fn decline(&mut self, name: &str) {
        if let Some(Value::Object(engines)) = self.0.get_mut("engines") {
            engines.remove(name);
        }
        let declined = self
            .0
            .get_or_insert_with("declined".into(), || Value::Array(Vec::new()));
        match declined {
            Value::Array(names) if names.iter().any(|known| known.as_str() == Some(name)) => {}
            Value::Array(names) => names.push(name.into()),
            other => *other = Value::Array(alloc::vec![name.into()]),
        }
    }

    /// Removes a name from the declined ones.
    pub fn undecline(&mut self, name: &str) {
        if let Some(Value::Array(names)) = self.0.get_mut("declined") {
            names.retain(|known| known.as_str() != Some(name));
        }
    }

    /// The payload of the record.
    #[must_use]
    pub fn to_payload(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }
}

/// The object in a value; any other value is replaced with an empty object.
fn object_in(value: &mut Value) -> &mut Object {
    if !matches!(value, Value::Object(_)) {
        *value = Value::Object(Object::new());
    }
    match value {
        Value::Object(members) => members,
        _ => unreachable!("it was made an object"),
    }
}

#[cfg(test)]
mod tests;
