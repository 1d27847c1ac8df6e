//! Devices and other attached clients (`docs/protocol/accounts-api.md` §10). A device belongs to a session or to a refresh
//! token, and ends with it. Nothing is pushed to devices: they ask for their commands.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::body::{optional, text};
use super::codes::{RefreshToken, refresh_key};
use super::error::ApiError;
use super::rows::{Session, decode_row, encode};
use super::server::{AccountsServer, Call};
use super::token::random;
use crate::model::{EntryChange, EntryKey, EntryKind, Expected, StoredEntry};

/// Maximum number of devices of an account.
const MAX_DEVICES: usize = 100;
/// Maximum number of commands that a device announces.
const MAX_COMMANDS: usize = 32;
/// How often the time of a device's last access is stored, in milliseconds.
const ACCESS_STEP: u64 = 24 * 3600 * 1000;
/// How often a change is tried again that another request came before.
pub(super) const TRIES: usize = 8;

/// A device.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Device {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(rename = "type")]
    kind: String,
    /// The key of its session's or refresh token's entry.
    holder: Holder,
    /// The members `pushCallback`, `pushPublicKey` and `pushAuthKey`, for other devices.
    push: Map<String, Value>,
    pub(super) commands: Map<String, Value>,
    /// Milliseconds.
    created: u64,
    /// Milliseconds.
    accessed: u64,
    /// The index of the last command that was sent to it.
    #[serde(default)]
    pub(super) last_command: u64,
}

/// What a request is authenticated with: the name of a session's or of a refresh token's entry.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Holder {
    Session(String),
    RefreshToken(String),
}

impl Holder {
    fn key(&self) -> EntryKey {
        match self {
            Self::Session(name) => EntryKey::new(EntryKind::Session, name.as_str()),
            Self::RefreshToken(name) => EntryKey::new(EntryKind::RefreshToken, name.as_str()),
        }
    }
}

/// The key of a device's entry.
pub(super) fn device_key(uid: &str, id: &str) -> EntryKey {
    EntryKey::new(EntryKind::Device, format!("{uid}/{id}"))
}

impl Device {
    /// As other devices see it.
    fn shown(&self, caller: &Holder) -> Value {
        let mut shown = self.registered();
        shown["isCurrentDevice"] = (self.holder == *caller).into();
        shown["lastAccessTime"] = self.accessed.into();
        shown["location"] = json!({});
        shown
    }

    /// As the device itself sees it.
    fn registered(&self) -> Value {
        let mut shown = json!({
            "id": self.id, "name": self.name, "type": self.kind, "availableCommands": self.commands,
            "createdAt": self.created, "pushEndpointExpired": self.push.is_empty(),
        });
        for (name, value) in &self.push {
            shown[name.as_str()] = value.clone();
        }
        shown
    }

    /// Takes over the members that a request has.
    fn update(&mut self, body: &Value) -> Result<(), ApiError> {
        if let Some(name) = optional(body, "name")? {
            if name.chars().count() > 255 || name.chars().any(char::is_control) {
                return Err(ApiError::Invalid("name"));
            }
            self.name = name.into();
        }
        if let Some(kind) = optional(body, "type")? {
            if kind.len() > 16 {
                return Err(ApiError::Invalid("type"));
            }
            self.kind = kind.into();
        }
        for (name, max) in [
            ("pushCallback", 255),
            ("pushPublicKey", 88),
            ("pushAuthKey", 24),
        ] {
            if let Some(value) = optional(body, name)? {
                if value.len() > max {
                    return Err(ApiError::Invalid(name));
                }
                self.push.insert(name.into(), value.into());
            }
        }
        match body.get("availableCommands") {
            None | Some(Value::Null) => {}
            Some(Value::Object(commands)) => {
                let is_valid = |(name, value): (&String, &Value)| {
                    name.len() <= 100 && value.as_str().is_some_and(|value| value.len() <= 2048)
                };
                if commands.len() > MAX_COMMANDS || !commands.iter().all(is_valid) {
                    return Err(ApiError::Invalid("availableCommands"));
                }
                self.commands.clone_from(commands);
            }
            Some(_) => return Err(ApiError::Invalid("availableCommands")),
        }
        Ok(())
    }
}

impl AccountsServer {
    /// Registers the caller's device, or changes it.
    pub(super) async fn device(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let (uid, holder) = self.holder_of(call).await?;
        let body = call.json()?;
        for _ in 0..TRIES {
            let all = self.devices_of(&uid).await?;
            let own = all.iter().find(|(_, device)| device.holder == holder);
            let (mut device, expected) = match (optional(&body, "id")?, own) {
                (Some(id), Some((_, own))) if id != own.id => return Err(ApiError::OtherDevice),
                (Some(id), None) => {
                    let known = all.iter().find(|(_, device)| device.id == id);
                    let (entry, device) = known.ok_or(ApiError::Device)?;
                    // A new session of the same device.
                    (device.clone(), Expected::Revision(entry.revision))
                }
                (_, Some((entry, own))) => (own.clone(), Expected::Revision(entry.revision)),
                (None, None) if all.len() >= MAX_DEVICES => {
                    return Err(ApiError::Invalid("id"));
                }
                (None, None) => {
                    let id = random::<32>()?;
                    let id = id.get(..16).unwrap_or_default();
                    let device = Device {
                        id: const_hex::encode(id),
                        name: String::new(),
                        kind: "desktop".into(),
                        holder: holder.clone(),
                        push: Map::new(),
                        commands: Map::new(),
                        created: call.now * 1000,
                        accessed: 0,
                        last_command: 0,
                    };
                    (device, Expected::Absent)
                }
            };
            device.holder = holder.clone();
            device.accessed = call.now * 1000;
            device.update(&body)?;
            if self.store_device(&uid, &device, expected).await? {
                return Ok(device.registered());
            }
        }
        Err(ApiError::Concurrent)
    }

    /// The devices of the account.
    pub(super) async fn devices(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let (uid, holder) = self.holder_of(call).await?;
        let since = call.parameter("filterIdleDevicesTimestamp");
        let since = since.and_then(|text| text.parse().ok()).unwrap_or(0_u64);
        let now = call.now * 1000;
        let mut shown = Vec::new();
        for (entry, mut device) in self.devices_of(&uid).await? {
            let is_own = device.holder == holder;
            if is_own && now.saturating_sub(device.accessed) > ACCESS_STEP {
                device.accessed = now;
                // Another request may have stored a later time.
                let _done = self
                    .store_device(&uid, &device, Expected::Revision(entry.revision))
                    .await?;
            }
            if is_own || device.accessed >= since {
                shown.push(device.shown(&holder));
            }
        }
        Ok(Value::Array(shown))
    }

    /// Ends a device with its session or refresh token.
    pub(super) async fn device_destroy(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let (uid, _) = self.holder_of(call).await?;
        let body = call.json()?;
        let all = self.devices_of(&uid).await?;
        let id = text(&body, "id")?;
        let found = all.iter().find(|(_, device)| device.id == id);
        let (_, device) = found.ok_or(ApiError::Device)?;
        self.end_device(&uid, device).await?;
        Ok(json!({}))
    }

    /// Devices, and sessions and refresh tokens without one.
    pub(super) async fn attached_clients(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let (own, session) = self.session(call).await?;
        let uid = &session.uid;
        let devices = self.devices_of(uid).await?;
        let device_of = |holder: &Holder| {
            let found = devices.iter().find(|(_, device)| device.holder == *holder);
            found.map(|(_, device)| device)
        };
        let client = |holder: Holder, is_current: bool, made: u64| {
            let device = device_of(&holder);
            let (session, refresh) = match &holder {
                Holder::Session(name) => (Some(name), None),
                Holder::RefreshToken(name) => (None, Some(name)),
            };
            json!({
                "clientId": null, "deviceId": device.map(|device| &device.id), "sessionTokenId": session,
                "refreshTokenId": refresh, "isCurrentSession": is_current,
                "deviceType": device.map(|device| &device.kind), "name": device.map(|device| &device.name),
                "createdTime": made * 1000, "lastAccessTime": device.map_or(made * 1000, |device| device.accessed),
                "scope": null, "location": {}, "userAgent": "", "os": null,
            })
        };
        let mut shown = Vec::new();
        for entry in self
            .storage
            .entries(uid.clone(), EntryKind::Session)
            .await?
        {
            let row: Session = decode_row(&entry.value)?;
            let is_current = entry.name == own.name;
            shown.push(client(Holder::Session(entry.name), is_current, row.auth_at));
        }
        let tokens = self.storage.entries(uid.clone(), EntryKind::RefreshToken);
        for entry in tokens.await? {
            let row: RefreshToken = decode_row(&entry.value)?;
            let mut one = client(Holder::RefreshToken(entry.name), false, row.auth_at);
            one["clientId"] = row.client_id.into();
            one["scope"] = row.scope.split_ascii_whitespace().collect();
            shown.push(one);
        }
        Ok(Value::Array(shown))
    }

    /// Ends a device, a session or a refresh token of the account.
    pub(super) async fn attached_destroy(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let (_, session) = self.session(call).await?;
        let (uid, body) = (&session.uid, call.json()?);
        if let Some(id) = optional(&body, "deviceId")? {
            let all = self.devices_of(uid).await?;
            if let Some((_, device)) = all.iter().find(|(_, device)| device.id == id) {
                self.end_device(uid, device).await?;
            }
        }
        if let Some(name) = optional(&body, "sessionTokenId")? {
            let entry = self.storage.entry(EntryKey::new(EntryKind::Session, name));
            if entry.await?.is_some_and(|entry| entry.owner == *uid) {
                self.end_session(uid, name).await?;
            }
        }
        if let Some(name) = optional(&body, "refreshTokenId")? {
            let key = EntryKey::new(EntryKind::RefreshToken, name);
            let entry = self.storage.entry(key.clone()).await?;
            if entry.is_some_and(|entry| entry.owner == *uid) {
                self.end_refresh_token(key).await?;
            }
        }
        Ok(json!({}))
    }

    /// The account of a request, and what it is authenticated with.
    pub(super) async fn holder_of(&self, call: &Call<'_>) -> Result<(String, Holder), ApiError> {
        let bearer = call
            .authorization
            .and_then(|value| value.strip_prefix("Bearer "));
        if let Some(token) = bearer.filter(|token| !token.starts_with("fxs_")) {
            let key = refresh_key(token);
            let entry = self.storage.entry(key).await?.ok_or(ApiError::Token)?;
            return Ok((entry.owner, Holder::RefreshToken(entry.name)));
        }
        let (entry, session) = self.session(call).await?;
        Ok((session.uid.clone(), Holder::Session(entry.name)))
    }

    /// The caller's own device.
    pub(super) async fn own_device(
        &self,
        call: &Call<'_>,
    ) -> Result<(String, Option<Device>), ApiError> {
        let (uid, holder) = self.holder_of(call).await?;
        let mut all = self.devices_of(&uid).await?.into_iter();
        let own = all.find(|(_, device)| device.holder == holder);
        Ok((uid, own.map(|(_, device)| device)))
    }

    pub(super) async fn devices_of(
        &self,
        uid: &str,
    ) -> Result<Vec<(StoredEntry, Device)>, ApiError> {
        let entries = self.storage.entries(uid.to_owned(), EntryKind::Device);
        let rows = entries.await?.into_iter();
        rows.map(|entry| Ok((entry.clone(), decode_row(&entry.value)?)))
            .collect()
    }

    async fn store_device(
        &self,
        uid: &str,
        device: &Device,
        expected: Expected,
    ) -> Result<bool, ApiError> {
        let put = EntryChange::Put {
            key: device_key(uid, &device.id),
            expected,
            owner: uid.to_owned(),
            expires: None,
            value: encode(device)?,
        };
        Ok(self.storage.change_entries(vec![put]).await?)
    }

    async fn end_device(&self, uid: &str, device: &Device) -> Result<(), ApiError> {
        let keys = [device.holder.key(), device_key(uid, &device.id)];
        self.delete_all(keys).await
    }

    /// Ends a session, and the device that belongs to it.
    pub(super) async fn end_session(&self, uid: &str, name: &str) -> Result<(), ApiError> {
        self.end_holder(uid, &Holder::Session(name.to_owned()))
            .await
    }

    /// Ends a refresh token, and the device that belongs to it. An unknown one is a success.
    pub(super) async fn end_refresh_token(&self, key: EntryKey) -> Result<(), ApiError> {
        let Some(entry) = self.storage.entry(key).await? else {
            return Ok(());
        };
        self.end_holder(&entry.owner, &Holder::RefreshToken(entry.name))
            .await
    }

    async fn end_holder(&self, uid: &str, holder: &Holder) -> Result<(), ApiError> {
        let devices = self.devices_of(uid).await?.into_iter();
        let own = devices.filter(|(_, device)| device.holder == *holder);
        let keys = own.map(|(_, device)| device_key(uid, &device.id));
        self.delete_all(keys.chain([holder.key()])).await
    }

    async fn delete_all(&self, keys: impl IntoIterator<Item = EntryKey>) -> Result<(), ApiError> {
        let delete = |key| EntryChange::Delete {
            key,
            expected: Expected::Any,
        };
        let changes = keys.into_iter().map(delete).collect();
        self.storage.change_entries(changes).await?;
        Ok(())
    }
}
