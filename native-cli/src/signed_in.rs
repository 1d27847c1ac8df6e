//! The sign-in of this device to an accounts server, and the account's other devices, for several commands.

use selvedge_core::account::mozilla::Kept;
use selvedge_core::account::mozilla::devices::AccountDevice;

use crate::device::Device;
use selvedge_host::exit::{HostError, Result};

/// What a device without a sign-in is told.
const NOT_SIGNED_IN: &str =
    "this profile is not signed in to an accounts server: run `selvedge account login`";

/// The sign-in of this device.
///
/// # Errors
/// When there is none.
pub(crate) fn kept(device: &Device) -> Result<Kept> {
    device
        .kept()?
        .ok_or_else(|| HostError::NotFound(NOT_SIGNED_IN.into()))
}

/// Another device by its id, or by its name if that is unambiguous.
pub(crate) fn find<'a>(list: &'a [AccountDevice], asked: &str) -> Result<&'a AccountDevice> {
    let others = || list.iter().filter(|device| !device.is_current_device);
    if let Some(device) = others().find(|device| device.id == asked) {
        return Ok(device);
    }
    let mut named = others().filter(|device| device.name.as_deref() == Some(asked));
    match (named.next(), named.next()) {
        (Some(device), None) => Ok(device),
        (Some(_), Some(_)) => Err(HostError::Usage(format!(
            "several devices have the name {asked}: use the id of one, which `selvedge account devices` shows"
        ))),
        (None, _) => Err(HostError::NotFound(format!(
            "the account has no other device {asked}: `selvedge account devices` lists all"
        ))),
    }
}
