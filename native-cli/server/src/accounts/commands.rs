//! Commands from one device of an account to another (`docs/protocol/accounts-api.md` §10), for example a page to open. The
//! server keeps them, encrypted for the target, until it asks for them or they expire.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::body::text;
use super::devices::{TRIES, device_key};
use super::error::ApiError;
use super::rows::{decode_row, encode, seconds};
use super::server::{AccountsServer, Call};
use crate::model::{EntryChange, EntryKey, EntryKind, Expected};

/// Maximum lifetime of a command in seconds.
const MAX_TTL: u64 = 30 * 24 * 3600;
/// Maximum number of commands that wait for one device: older ones are dropped.
const MAX_WAITING: u64 = 1000;
/// Maximum number of commands in a reply.
const MAX_LIMIT: usize = 100;

/// A command.
#[derive(Serialize, Deserialize)]
struct Command {
    command: String,
    payload: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sender: Option<String>,
}

/// The key of a command's entry: names sort by index.
fn command_key(device: &str, index: u64) -> EntryKey {
    EntryKey::new(EntryKind::Command, format!("{device}/{index:020}"))
}

impl AccountsServer {
    /// Sends a command to another device of the account.
    pub(super) async fn invoke_command(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let (uid, own) = self.own_device(call).await?;
        let body = call.json()?;
        let (target, command) = (text(&body, "target")?, text(&body, "command")?);
        let payload = body.get("payload").ok_or(ApiError::Missing("payload"))?;
        if !payload.is_object() {
            return Err(ApiError::Invalid("payload"));
        }
        let ttl = body.get("ttl").and_then(Value::as_u64);
        let row = Command {
            command: command.into(),
            payload: payload.clone(),
            sender: own.map(|device| device.id),
        };
        for _ in 0..TRIES {
            let all = self.devices_of(&uid).await?.into_iter();
            let found = all.into_iter().find(|(_, device)| device.id == target);
            let (entry, mut device) = found.ok_or(ApiError::Device)?;
            if !device.commands.contains_key(command) {
                return Err(ApiError::Command);
            }
            device.last_command += 1;
            let index = device.last_command;
            let mut changes = vec![
                EntryChange::Put {
                    key: device_key(&uid, target),
                    expected: Expected::Revision(entry.revision),
                    owner: uid.clone(),
                    expires: None,
                    value: encode(&device)?,
                },
                EntryChange::Put {
                    key: command_key(target, index),
                    expected: Expected::Absent,
                    owner: uid.clone(),
                    expires: Some(seconds(call.now + ttl.unwrap_or(MAX_TTL).min(MAX_TTL))),
                    value: encode(&row)?,
                },
            ];
            if let Some(old) = index.checked_sub(MAX_WAITING) {
                changes.push(EntryChange::Delete {
                    key: command_key(target, old),
                    expected: Expected::Any,
                });
            }
            if self.storage.change_entries(changes).await? {
                return Ok(json!({"enqueued": true, "notified": false, "notifyError": "no push"}));
            }
        }
        Err(ApiError::Concurrent)
    }

    /// The commands for the caller's device from an index on.
    pub(super) async fn device_commands(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let (uid, own) = self.own_device(call).await?;
        let own = own.ok_or(ApiError::Device)?;
        let number = |name| call.parameter(name).and_then(|text| text.parse().ok());
        let from: u64 = number("index").unwrap_or(0);
        let limit = number("limit").and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.unwrap_or(MAX_LIMIT).clamp(1, MAX_LIMIT);
        let entries = self.storage.entries(uid, EntryKind::Command).await?;
        let index_of = |name: &str| {
            let (device, index) = name.split_once('/')?;
            let index = index.parse().ok()?;
            (device == own.id && index >= from).then_some(index)
        };
        let mut waiting: Vec<(u64, &[u8])> = entries
            .iter()
            .filter_map(|entry| Some((index_of(&entry.name)?, entry.value.as_slice())))
            .collect();
        waiting.sort_unstable_by_key(|(index, _)| *index);
        let is_last = waiting.len() <= limit;
        waiting.truncate(limit);
        let last = waiting.last().map_or(own.last_command, |(index, _)| *index);
        let messages = waiting.into_iter().map(|(index, value)| {
            let row: Command = decode_row(value)?;
            Ok(json!({"index": index, "data": row}))
        });
        let messages = messages.collect::<Result<Vec<_>, ApiError>>()?;
        Ok(json!({"index": last, "last": is_last, "messages": messages}))
    }

    /// Accepts a message to other devices. They are not notified: they ask by themselves.
    pub(super) async fn notify(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        self.holder_of(call).await?;
        let body = call.json()?;
        match body.get("to") {
            Some(Value::String(all)) if all == "all" => Ok(json!({})),
            Some(Value::Array(_)) => Ok(json!({})),
            Some(_) => Err(ApiError::Invalid("to")),
            None => Err(ApiError::Missing("to")),
        }
    }
}
