//! All settings of `santa.toml`. The reader checks that it reads exactly these; `selvedge santa config keys` and the
//! help list them.

mod santa;
mod selvedge;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use serde::Serialize;

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The prefix of its table, with a trailing dot; empty for the top level.
    #[serde(skip)]
    pub(super) table: &'static str,
    /// Its key in the table.
    #[serde(skip)]
    pub(super) key: &'static str,
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

/// The settings of a table. The prefix ends with a dot.
pub(super) fn of_table(prefix: &str) -> impl Iterator<Item = &'static Setting> {
    all().filter(move |setting| setting.table == prefix)
}

const fn setting(
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

const TOP: &str = "";
const PROXY: &str = "SyncProxyConfiguration.";
const OWN: &str = "selvedge.";
const PUSH: &str = "selvedge.push.";
const FCM: &str = "selvedge.fcm.";

const TEXT: &str = "string";
const TEXTS: &str = "list of strings";
const SWITCH: &str = "true or false";
const FILE: &str = "absolute path of a file";
const TABLE: &str = "table";

/// All settings, by table.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    santa::SETTINGS.iter().chain(selvedge::SETTINGS)
}

/// All settings as text, one paragraph each.
#[must_use]
pub fn listing() -> String {
    let mut text = String::new();
    let mut table = TOP;
    for setting in all() {
        if setting.table != table {
            table = setting.table;
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n[{}]", table.trim_end_matches('.'));
        }
        let default = match setting.default {
            "" => String::new(),
            default => format!("; default: {default}"),
        };
        let _ = writeln!(
            text,
            "{} ({}{default})\n    {}",
            setting.name(),
            setting.kind,
            setting.meaning
        );
    }
    text
}

/// The text below the help of the daemon.
#[must_use]
pub fn help(example: &str) -> String {
    format!(
        "Example:\n  {example}\n\nSettings of santa.toml, as `selvedge santa config keys` lists them:\n\n{}",
        listing()
    )
}
