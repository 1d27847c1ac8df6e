//! The names by which servers and other devices know this program and this machine.

use selvedge_core::sync::OwnClient;

/// The `User-Agent` of requests: the product without its version, which `account tell-version` reveals at most once a day.
pub const USER_AGENT: &str = "Selvedge";

/// The machine's host name, or a fixed name on a machine without one.
#[must_use]
pub fn machine_name() -> String {
    let name = gethostname::gethostname();
    name.to_str()
        .filter(|name| !name.is_empty())
        .map_or_else(|| OwnClient::default().name, str::to_owned)
}
