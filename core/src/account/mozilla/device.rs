//! A device of the account, as the accounts server describes it.

use alloc::collections::BTreeMap;
use alloc::string::String;

use serde::Deserialize;

/// The command that opens a page.
pub const OPEN_URI: &str = "https://identity.mozilla.com/cmd/open-uri";
/// The command that closes pages.
pub const CLOSE_URI: &str = "https://identity.mozilla.com/cmd/close-uri/v1";

/// A device of the account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountDevice {
    /// 32 hexadecimal digits.
    pub id: String,
    /// The name that a person gave it.
    #[serde(default)]
    pub name: Option<String>,
    /// `desktop`, `mobile`, `tablet`, …
    #[serde(default, rename = "type")]
    pub device_type: Option<String>,
    /// Whether it is the asking one.
    #[serde(default)]
    pub is_current_device: bool,
    /// When it was last seen, in milliseconds since 1970.
    #[serde(default)]
    pub last_access_time: Option<u64>,
    /// The commands that it takes, with the keys for them.
    #[serde(default)]
    pub available_commands: BTreeMap<String, String>,
}

impl AccountDevice {
    /// Whether pages can be sent to it.
    #[must_use]
    pub fn can_receive_tabs(&self) -> bool {
        self.available_commands.contains_key(OPEN_URI)
    }
}
