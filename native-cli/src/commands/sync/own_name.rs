//! What this device is called in the account's list of devices: the name that a person chose, or the machine's, with a
//! number where another device has that already.

use selvedge_core::sync::{ClientsState, KnownClient, OwnClient, Standing};

use crate::device::{Device, global_state, is_numbered};
use selvedge_host::NativeHost;
use selvedge_host::exit::Result;

/// What this device says of itself: by the name that a person chose, or by the one that it has on the server, if that is
/// the machine's with a number, or by the machine's.
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

/// The name that this device should take right after it entered itself as `name`, the machine's: one with a number, if
/// another device that still counts has that already.
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

/// The machine's name, or that with the first number from 2 on that is free.
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
