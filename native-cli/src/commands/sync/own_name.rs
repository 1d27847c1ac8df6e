//! The name of this device in the account's list of devices: the name that a person chose, or the machine's, with a
//! number if another device already has that name.

use selvedge_core::sync::{ClientsState, KnownClient, OwnClient, Standing};

use crate::device::{Device, global_state, is_numbered};
use selvedge_host::NativeHost;
use selvedge_host::exit::Result;

/// The properties of this device: with the name that a person chose, or the one that it has on the server, if that is
/// the machine's name with a number, or the machine's name.
///
/// # Errors
/// When the profile cannot be read.
pub(super) async fn own_client(device: &Device, host: &NativeHost) -> Result<OwnClient> {
    let mut client = device.own_client()?;
    let said = global_state(&host.store).await?.device.clients.uploaded;
    if device.profile.settings()?.device_name.is_none()
        && let Some(said) = said.filter(|said| is_numbered(&said.name, &client.name))
    {
        client.name = said.name;
    }
    Ok(client)
}

/// The name that this device should take directly after it entered itself as `name`, the machine's: one with a number,
/// if another current device already has that name.
pub(super) fn numbered(clients: &ClientsState, name: &str) -> Option<String> {
    let own = clients.id.as_ref()?;
    let is_other = |client: &&KnownClient| {
        client.id.as_str() != own.as_str()
            && Standing::judge(client, &clients.known) == Standing::Current
    };
    let others = clients.known.iter().filter(is_other);
    let taken: Vec<String> = others.map(|client| client.name.clone()).collect();
    let free = free_name(name, &taken);
    (free != name).then_some(free)
}

/// The machine's name, or the machine's name with the first free number from 2.
fn free_name(machine: &str, taken: &[String]) -> String {
    let is_free = |name: &String| !taken.contains(name);
    let numbered = (2..).map(|number: u32| format!("{machine} {number}"));
    std::iter::once(machine.to_owned())
        .chain(numbered)
        .find(is_free)
        .unwrap_or_else(|| machine.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_free_number_is_taken() {
        for (taken, expected) in [
            (&[][..], "attic"),
            (&["cellar", "attic 2"], "attic"),
            (&["attic"], "attic 2"),
            (&["attic", "attic 3"], "attic 2"),
            (&["attic 2", "attic", "attic 3"], "attic 4"),
        ] {
            let taken: Vec<String> = taken.iter().map(ToString::to_string).collect();
            assert_eq!(free_name("attic", &taken), expected, "{taken:?}");
        }
    }
}
