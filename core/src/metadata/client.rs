//! The records of the `clients` collection: the properties of this device, and those of the other devices (spec §4.8).

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::{Guid, RecordId};
use crate::json::{Object, Value};
use crate::reconcile::is_truthy;
use crate::time::ServerTime;

/// Maximum length of texts of other devices, in characters; longer texts are truncated.
const MAX_CHARS: usize = 128;

/// Maximum size of the other members of this device's record, in bytes; larger ones are not kept.
const MAX_OTHER_BYTES: usize = 4096;
/// The members of this device's own record that this program writes: their values in the server's copy are ignored;
/// only `commands` is read.
const OWN_MEMBERS: [&str; 10] = [
    "id",
    "name",
    "type",
    "commands",
    "version",
    "protocols",
    "application",
    "os",
    "formfactor",
    "fxaDeviceId",
];

/// The kind of device that a client runs on.
///
/// ```
/// use selvedge_core::metadata::DeviceType;
///
/// assert_eq!(DeviceType::Mobile.as_str(), "mobile");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceType {
    /// A computer.
    #[default]
    Desktop,
    /// A telephone or a tablet.
    Mobile,
}

impl DeviceType {
    /// The name in the protocol.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Mobile => "mobile",
        }
    }
}

/// The properties of this device that it publishes to the account's other devices. When a property changes, the next
/// sync uploads it.
///
/// ```
/// use selvedge_core::metadata::OwnClient;
///
/// let client = OwnClient { name: "Attic".into(), ..OwnClient::default() };
/// assert_eq!((client.device_type.as_str(), client.application.as_str()), ("desktop", "Selvedge"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnClient {
    /// The device's name, as people see it.
    pub name: String,
    /// The kind of device.
    pub device_type: DeviceType,
    /// The version of the application.
    pub version: String,
    /// The application's name.
    pub application: String,
    /// The operating system, if known.
    pub os: Option<String>,
    /// Its form as a name of the protocol: `desktop`, `laptop`, `phone`, `tablet`, `largetablet`, `smalltablet`, `tv`.
    pub form_factor: Option<String>,
    /// Its id among the devices of the Firefox account, if an accounts server assigned one. Firefox shows the tabs only
    /// of clients that have an id.
    pub fxa_device_id: Option<String>,
}

impl Default for OwnClient {
    fn default() -> Self {
        Self {
            name: "Selvedge".into(),
            device_type: DeviceType::Desktop,
            version: env!("CARGO_PKG_VERSION").into(),
            application: "Selvedge".into(),
            os: None,
            form_factor: None,
            fxa_device_id: None,
        }
    }
}

impl OwnClient {
    /// The cleartext of this device's record, without commands, and with the other members of the server's copy.
    pub(crate) fn to_cleartext(&self, id: &Guid, others: &Object) -> String {
        let mut record = Object::new();
        let mut say = |name: &str, value: Value| drop(record.insert(name.into(), value));
        say("id", id.as_str().into());
        say("name", self.name.as_str().into());
        say("type", self.device_type.as_str().into());
        say("commands", Value::Array(Vec::new()));
        say("version", self.version.as_str().into());
        say("protocols", ["1.5"].into_iter().collect());
        say("application", self.application.as_str().into());
        let optional = [
            ("os", &self.os),
            ("formfactor", &self.form_factor),
            ("fxaDeviceId", &self.fxa_device_id),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                say(name, value.as_str().into());
            }
        }
        record.extend(others.clone());
        Value::Object(record).to_string()
    }
}

/// A client of the account, according to its record on the server.
///
/// ```
/// use selvedge_core::metadata::KnownClient;
///
/// let known: KnownClient = serde_json::from_str(r#"{"id":"npwmPOsO89Am","name":"Attic","modified":1.5}"#).unwrap();
/// assert_eq!((known.name.as_str(), known.commands), ("Attic", 0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownClient {
    /// Its id.
    pub id: RecordId,
    /// Its name, as people see it.
    pub name: String,
    /// When its record was last written, by the client itself or by a client that sent it a command.
    pub modified: ServerTime,
    /// `desktop` or `mobile`, if the record contains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_type: Option<String>,
    /// Its operating system, if the record contains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Its application, if the record contains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The application's version, if the record contains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its id among the devices of the Firefox account, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fxa_device_id: Option<String>,
    /// The number of commands that wait for it.
    #[serde(default)]
    pub commands: usize,
}

/// A complete record of the collection: members that this program does not know are written back unchanged.
#[derive(Debug, Clone)]
pub(crate) struct ClientRecord {
    pub(crate) id: RecordId,
    pub(crate) modified: ServerTime,
    members: Object,
}

impl ClientRecord {
    /// Parses a cleartext; `None` if it is not an object.
    pub(crate) fn parse(id: RecordId, modified: ServerTime, cleartext: &str) -> Option<Self> {
        match cleartext.parse() {
            Ok(Value::Object(members)) => Some(Self {
                id,
                modified,
                members,
            }),
            _ => None,
        }
    }

    /// Whether its writer has deleted it.
    pub(crate) fn is_tombstone(&self) -> bool {
        let deleted = self.members.get("deleted");
        deleted.is_some_and(|value| is_truthy(&value.to_string()))
    }

    /// The commands that wait for this client, in the order in which they were sent.
    pub(crate) fn commands(&self) -> &[Value] {
        self.members
            .get("commands")
            .and_then(Value::as_array)
            .unwrap_or_default()
    }

    pub(crate) fn set_commands(&mut self, commands: Vec<Value>) {
        self.members
            .insert("commands".into(), Value::Array(commands));
    }

    /// The members that this program does not write itself. Another version of it may have written them into this
    /// device's record: they are kept, up to a limit.
    pub(crate) fn other_members(&self) -> Object {
        let members = self.members.iter();
        let others = members.filter(|(name, _)| !OWN_MEMBERS.contains(&name.as_str()));
        let mut kept = Object::new();
        for (name, value) in others {
            kept.insert(name.clone(), value.clone());
        }
        let is_small = Value::Object(kept.clone()).to_string().len() <= MAX_OTHER_BYTES;
        if is_small { kept } else { Object::new() }
    }

    pub(crate) fn to_cleartext(&self) -> String {
        Value::Object(self.members.clone()).to_string()
    }

    /// The client's properties for the user.
    pub(crate) fn known(&self) -> KnownClient {
        let text = |name: &str| {
            let text = self.members.get(name)?.as_str()?;
            (!text.is_empty()).then(|| shortened(text))
        };
        KnownClient {
            id: self.id.clone(),
            name: text("name").unwrap_or_default(),
            modified: self.modified,
            device_type: text("type"),
            os: text("os"),
            application: text("application"),
            version: text("version"),
            fxa_device_id: text("fxaDeviceId"),
            commands: self.commands().len(),
        }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn record(cleartext: &str) -> ClientRecord {
        let id = RecordId::new("npwmPOsO89Am").unwrap();
        ClientRecord::parse(id, ServerTime::from_hundredths(7), cleartext).unwrap()
    }

    #[test]
    fn the_own_record_is_what_the_protocol_says() {
        let client = OwnClient {
            name: "Attic".into(),
            version: "1.2.3".into(),
            os: Some("Linux".into()),
            fxa_device_id: Some("0123456789abcdef0123456789abcdef".into()),
            ..OwnClient::default()
        };
        let id = Guid::new("npwmPOsO89Am").unwrap();
        let cleartext = client.to_cleartext(&id, &Object::new());
        let written: Value = serde_json::from_str(&cleartext).unwrap();
        let expected = json!({
            "id": "npwmPOsO89Am", "name": "Attic", "type": "desktop", "commands": [], "version": "1.2.3",
            "protocols": ["1.5"], "application": "Selvedge", "os": "Linux",
            "fxaDeviceId": "0123456789abcdef0123456789abcdef",
        });
        assert_eq!(written, expected);
    }

    #[test]
    fn what_another_version_said_stays_in_the_own_record_but_not_what_this_one_does_not_say() {
        let there = record(
            r#"{"id":"npwmPOsO89Am","name":"Old","os":"Plan9","formfactor":"tv","spaceships":{"n":1},"commands":[1]}"#,
        );
        let id = Guid::new("npwmPOsO89Am").unwrap();
        let cleartext = OwnClient::default().to_cleartext(&id, &there.other_members());
        let written: Value = serde_json::from_str(&cleartext).unwrap();
        let expected = json!({
            "id": "npwmPOsO89Am", "name": "Selvedge", "type": "desktop", "commands": [], "protocols": ["1.5"],
            "version": env!("CARGO_PKG_VERSION"), "application": "Selvedge", "spaceships": {"n": 1},
        });
        assert_eq!(written, expected);
    }

    #[test]
    fn what_another_version_said_is_kept_up_to_a_bound() {
        let long = "x".repeat(MAX_OTHER_BYTES);
        let there = record(&json!({"id": "npwmPOsO89Am", "spaceships": long}).to_string());
        assert!(there.other_members().is_empty());
    }

    #[test]
    fn members_that_are_not_known_go_back_as_they_came() {
        let mut record =
            record(r#"{"id":"npwmPOsO89Am","name":"x","spaceships":{"n":1},"commands":[1]}"#);
        record.set_commands(alloc::vec![json!({"command": "logout", "args": []}).into()]);
        let written: Value = serde_json::from_str(&record.to_cleartext()).unwrap();
        let expected = json!({
            "id": "npwmPOsO89Am", "name": "x", "spaceships": {"n": 1}, "commands": [{"command": "logout", "args": []}],
        });
        assert_eq!(written, expected);
    }

    #[test]
    fn a_record_without_a_usable_name_or_commands_is_still_a_client() {
        let known = record(r#"{"id":"npwmPOsO89Am","name":7,"commands":{"a":1},"os":""}"#).known();
        assert_eq!(
            (known.name.as_str(), known.commands, known.os),
            ("", 0, None)
        );
    }

    #[test]
    fn texts_of_others_are_kept_up_to_a_bound() {
        let long = "ä".repeat(1000);
        let known = record(&json!({"id": "npwmPOsO89Am", "name": long}).to_string()).known();
        assert_eq!(known.name.chars().count(), MAX_CHARS);
    }

    #[test]
    fn what_firefox_writes_is_read() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../tests/vectors/firefox_records.json"))
                .unwrap();
        let with_command = &vectors["clients with command for another client"][0];
        let known = record(&vectors["clients"]["cleartext"].to_string()).known();
        assert_eq!(
            (
                known.name.as_str(),
                known.application.as_deref(),
                known.commands
            ),
            ("Capture D", Some("Firefox"), 0)
        );
        assert_eq!(
            record(&with_command["cleartext"].to_string())
                .known()
                .commands,
            1
        );
    }
}
