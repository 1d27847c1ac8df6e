//! The rules of Firefox's collections other than bookmarks: which records are valid, which are duplicates, and how two
//! versions of one record are merged.
//!
//! ```text
//! collection         duplicates                        merge of two versions
//! passwords          origin, action or realm, user     by member; of two passwords the later one; uses are added
//! history            URL                               visits are a set
//! forms              name and value                    never: a changed entry is another entry
//! addresses, cards   equal members                     by member of `entry`; a conflict makes two records
//! extension-storage  extension                         by key of `data`
//! tabs               -                                 the own record is this device's, the others are the server's
//! addons             add-on                            the server's, unless the user asked to write
//! prefs              -                                 the server's, unless the user asked to write; then by preference
//! ```
//!
//! Everything here is a pure function of JSON values; [`decide`] applies them to the states of a record.

pub mod addons;
pub mod addresses;
mod autofill;
pub mod credit_cards;
mod decision;
mod engine;
pub mod extension_storage;
pub mod forms;
pub mod history;
mod members;
pub mod passwords;
pub mod prefs;
pub mod tabs;
mod versions;

pub use self::decision::{Decision, decide, decide_growing};
pub use self::engine::{Owned, engine_for};
pub use self::versions::{Merged, Versions};

/// Whether a downloaded record can be used.
///
/// ```
/// use selvedge_core::firefox::{Judgement, forms};
///
/// let record = r#"{"id":"Qm9Xc2VwbHVz","name":"city","value":""}"#.parse()?;
/// assert_eq!(forms::validate(&record), Judgement::Replace);
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It can.
    Valid,
    /// It can after this correction, which other devices need as well.
    Reupload(Corrected),
    /// It cannot, and it harms other devices: this device's version replaces it on the server, or else a tombstone.
    Replace,
    /// It cannot, for this reason. It is not applied, and stays on the server as it is.
    Refuse(&'static str),
}

/// The text of a corrected record. It may contain secrets, so it is not printed.
///
/// ```
/// use selvedge_core::firefox::{Judgement, credit_cards};
///
/// let old = r#"{"id":"211443f8e100","entry":{"version":1,"cc-number":"4111111111111111"}}"#.parse()?;
/// let Judgement::Reupload(corrected) = credit_cards::validate(&old) else { panic!("it has an old version") };
/// assert!(corrected.as_str().contains(r#""version":3"#));
/// assert!(!format!("{corrected:?}").contains("4111"));
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Corrected(zeroize::Zeroizing<alloc::string::String>);

impl Corrected {
    fn new(record: &crate::json::Value) -> Self {
        Self(zeroize::Zeroizing::new(alloc::string::ToString::to_string(
            record,
        )))
    }

    /// The JSON object.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Debug for Corrected {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Corrected(..)")
    }
}

#[cfg(test)]
mod tests;
