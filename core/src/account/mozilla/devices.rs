//! The account's devices (`docs/protocol/accounts-api.md` §10).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::auth_server::{Auth, AuthServer};
pub use super::device::AccountDevice;
use super::device_commands;
use super::kept::Kept;
use super::login::Ignored;
use super::problem::{AccountError, Problem};
use super::tokens::Kind;
use crate::crypto::KeyBundle;
use crate::host::{Clock, Random};
use crate::http::Fetch;

/// Devices that were not seen for this time are hidden, as Firefox does.
const IDLE_MILLIS: u64 = 21 * 24 * 3_600 * 1_000;

/// A program that is signed in to the account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachedClient {
    /// Its OAuth client id, if it has one.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Its device, if it has one.
    #[serde(default)]
    pub device_id: Option<String>,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether it is the asking one.
    #[serde(default)]
    pub is_current_session: bool,
    /// When it signed in, in milliseconds since 1970.
    #[serde(default)]
    pub created_time: Option<u64>,
    /// When it was last seen, in milliseconds since 1970.
    #[serde(default)]
    pub last_access_time: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Registration<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    name: &'a str,
    #[serde(rename = "type")]
    device_type: &'static str,
    available_commands: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Id<'a> {
    id: &'a str,
}

#[derive(Deserialize)]
struct Registered {
    id: String,
}

/// Registers this device under a name, or renames it, with the keys of its commands. A registered session does not
/// end by time. Store `kept` afterwards.
///
/// # Errors
/// When the server refuses.
pub async fn register<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    kept: &mut Kept,
    sync_key: &KeyBundle,
    kid: &str,
    name: &str,
) -> Result<(), AccountError> {
    let available_commands = device_commands::available(server.host(), kept, sync_key, kid)?;
    let mut id = kept.device_id().map(String::from);
    // Once more with the id that the server knows: of another entry for this session, or without one that is gone.
    for is_last in [false, true] {
        let wanted = Registration {
            id: id.as_deref(),
            name,
            device_type: "desktop",
            available_commands: available_commands.clone(),
        };
        let session = kept.session();
        let auth = Auth::Token(Kind::Session, &session);
        let reply: Result<Registered, _> = server.post("account/device", auth, &wanted).await;
        id = match reply {
            Ok(reply) => {
                kept.set_device_id(reply.id);
                return Ok(());
            }
            Err(AccountError::Problem(Problem::DeviceConflict { device_id })) if !is_last => {
                Some(device_id)
            }
            Err(AccountError::Problem(Problem::UnknownDevice)) if !is_last => None,
            Err(error) => return Err(error),
        };
    }
    Ok(())
}

/// The account's devices; without `all`, those that were seen in the last 21 days.
///
/// # Errors
/// When the server refuses.
pub async fn list<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    kept: &Kept,
    all: bool,
) -> Result<Vec<AccountDevice>, AccountError> {
    let since = server.host().now().millis().saturating_sub(IDLE_MILLIS);
    let path = if all {
        "account/devices".into()
    } else {
        format!("account/devices?filterIdleDevicesTimestamp={since}")
    };
    let session = kept.session();
    server
        .get(&path, Auth::Token(Kind::Session, &session))
        .await
}

/// Removes a device and signs it out.
///
/// # Errors
/// [`Problem::UnknownDevice`]; when the server refuses.
pub async fn remove<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    kept: &Kept,
    id: &str,
) -> Result<(), AccountError> {
    let session = kept.session();
    let auth = Auth::Token(Kind::Session, &session);
    let reply: Result<Ignored, _> = server
        .post("account/device/destroy", auth, &Id { id })
        .await;
    reply.map(drop)
}

/// The programs that are signed in to the account.
///
/// # Errors
/// When the server refuses.
pub async fn attached_clients<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    kept: &Kept,
) -> Result<Vec<AttachedClient>, AccountError> {
    let session = kept.session();
    server
        .get(
            "account/attached_clients",
            Auth::Token(Kind::Session, &session),
        )
        .await
}
