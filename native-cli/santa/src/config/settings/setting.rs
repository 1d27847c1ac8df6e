//! One setting, and the words that describe many.

use serde::Serialize;

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The prefix of its table, with a trailing dot; empty for the top level.
    #[serde(skip)]
    pub(in crate::config) table: &'static str,
    /// Its key in the table.
    #[serde(skip)]
    pub(in crate::config) key: &'static str,
    /// The type of its value.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The default; empty for a setting without a default.
    pub default: &'static str,
    /// Its meaning.
    pub meaning: &'static str,
}

impl Setting {
    /// The full name with the table.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}{}", self.table, self.key)
    }
}

pub(super) const fn setting(
    table: &'static str,
    key: &'static str,
    kind: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting {
        table,
        key,
        kind,
        default,
        meaning,
    }
}

pub(super) const TOP: &str = "";
pub(super) const PROXY: &str = "SyncProxyConfiguration.";
pub(super) const OWN: &str = "selvedge.";
pub(super) const PUSH: &str = "selvedge.push.";
pub(super) const FCM: &str = "selvedge.fcm.";

pub(super) const TEXT: &str = "string";
pub(super) const TEXTS: &str = "list of strings";
pub(super) const SWITCH: &str = "true or false";
pub(super) const FILE: &str = "absolute path of a file";
pub(super) const TABLE: &str = "table";
