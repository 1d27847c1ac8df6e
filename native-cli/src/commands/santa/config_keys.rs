//! `selvedge santa config keys`: lists the settings of `santa.toml`.

use std::fmt;

use serde::Serialize;

use crate::output::Output;
use selvedge_host::exit::Result;
use selvedge_santa_host::config::settings::{self, Setting, listing};

#[derive(Serialize)]
struct NamedSetting {
    name: String,
    #[serde(flatten)]
    setting: Setting,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Listing(Vec<NamedSetting>);

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&listing())
    }
}

/// Prints all settings.
pub(super) fn run(output: Output) -> Result<()> {
    let settings = settings::all().map(|setting| NamedSetting {
        name: setting.name(),
        setting: *setting,
    });
    output.answer(&Listing(settings.collect()))
}
