//! All settings of `santa.toml`. The reader checks that it reads exactly these; `selvedge santa config keys` and the
//! help list them.

mod santa;
mod selvedge;
mod setting;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

pub use self::setting::Setting;
use self::setting::TOP;

/// The settings of a table. The prefix ends with a dot.
pub(super) fn of_table(prefix: &str) -> impl Iterator<Item = &'static Setting> {
    all().filter(move |setting| setting.table == prefix)
}

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
