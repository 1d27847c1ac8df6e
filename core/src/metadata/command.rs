//! Commands from one client to another, in the format of the protocol (spec §4.8).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use crate::ids::CollectionName;
use crate::json::Value;

/// A command from one client to another.
///
/// ```
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::metadata::Command;
///
/// let command = Command::ResetEngine(CollectionName::new("forms").unwrap());
/// assert_eq!(command.to_json().to_string(), r#"{"args":["forms"],"command":"resetEngine"}"#);
/// assert_eq!(Command::parse(&command.to_json()), Some(command));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Discard the known server state of every collection; records stay and are compared again.
    ResetAll,
    /// The same for one collection.
    ResetEngine(CollectionName),
    /// Delete all records on the device, and take the server's records.
    WipeAll,
    /// The same for one collection.
    WipeEngine(CollectionName),
    /// Stop syncing and sign out.
    Logout,
    /// Show a page to the person at the device.
    DisplayUri(ReceivedTab),
}

/// A page that a person sent from another device. It is untrusted input: the host does nothing with it unless a person
/// requests it.
///
/// ```
/// use selvedge_core::metadata::ReceivedTab;
///
/// let tab = ReceivedTab { uri: "https://example.org/".into(), sender: "npwmPOsO89Am".into(), title: String::new() };
/// assert_eq!(serde_json::to_value(&tab).unwrap()["uri"], "https://example.org/");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ReceivedTab {
    /// Its address.
    pub uri: String,
    /// The id of the client that sent it.
    pub sender: String,
    /// Its title; may be empty.
    pub title: String,
}

impl Command {
    /// Parses a command; `None` if its name or the number of its arguments is unknown, or an argument is not usable.
    #[must_use]
    pub fn parse(json: &Value) -> Option<Self> {
        let args = match json.get("args") {
            None => &[],
            Some(args) => args.as_array()?,
        };
        let engine = |arg: &Value| CollectionName::new(arg.as_str()?).ok();
        match (json.get("command")?.as_str()?, args) {
            ("resetAll", []) => Some(Self::ResetAll),
            ("resetEngine", [name]) => engine(name).map(Self::ResetEngine),
            ("wipeAll", []) => Some(Self::WipeAll),
            ("wipeEngine", [name]) => engine(name).map(Self::WipeEngine),
            ("logout", []) => Some(Self::Logout),
            ("displayURI", [uri, sender, title]) => Some(Self::DisplayUri(ReceivedTab {
                uri: uri.as_str()?.into(),
                sender: sender.as_str().unwrap_or_default().into(),
                title: title.as_str().unwrap_or_default().into(),
            })),
            _ => None,
        }
    }

    /// The command in the format of a record.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let args = match self {
            Self::ResetAll | Self::WipeAll | Self::Logout => Value::Array(Vec::new()),
            Self::ResetEngine(name) | Self::WipeEngine(name) => {
                [name.as_str()].into_iter().collect()
            }
            Self::DisplayUri(ReceivedTab { uri, sender, title }) => [uri, sender, title]
                .into_iter()
                .map(String::as_str)
                .collect(),
        };
        Value::from([("command", self.name().into()), ("args", args)])
    }

    /// The protocol's name of the command.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ResetAll => "resetAll",
            Self::ResetEngine(_) => "resetEngine",
            Self::WipeAll => "wipeAll",
            Self::WipeEngine(_) => "wipeEngine",
            Self::Logout => "logout",
            Self::DisplayUri(_) => "displayURI",
        }
    }

    /// The collection that it applies to, if it applies to one.
    #[must_use]
    pub const fn collection(&self) -> Option<&CollectionName> {
        match self {
            Self::ResetEngine(name) | Self::WipeEngine(name) => Some(name),
            _ => None,
        }
    }
}

/// Whether two commands are equivalent: the same name, and arguments that are deeply equal.
pub(crate) fn is_same(a: &Value, b: &Value) -> bool {
    a.get("command") == b.get("command") && args(a) == args(b)
}

fn args(command: &Value) -> Option<&Value> {
    command
        .get("args")
        .filter(|args| args.as_array().is_none_or(|args| !args.is_empty()))
}

/// A short text that is equal for equivalent commands.
pub(crate) fn digest(command: &Value) -> String {
    // Objects are written in the order of their keys, so that equal objects give equal texts.
    let parts = [command.get("command"), args(command)];
    let parts = parts.map(|part| part.cloned().unwrap_or(Value::Null));
    let text = Value::Array(parts.into()).to_string();
    let digest = Sha256::digest(text.as_bytes());
    digest
        .iter()
        .take(16)
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The name in a command, for reports.
pub(crate) fn name_of(command: &Value) -> String {
    let name = command.get("command").and_then(Value::as_str);
    let short = name.unwrap_or_default().chars().take(64);
    short.collect::<String>().to_string()
}

/// The importance of a command: to save space, the least important one is removed first. An unknown command counts as
/// important.
pub(crate) fn importance(command: &Value) -> u8 {
    match command.get("command").and_then(Value::as_str) {
        Some("displayURI" | "repairRequest" | "repairResponse") => 0,
        Some("resetAll" | "resetEngine") => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn name() -> CollectionName {
        CollectionName::new("forms").unwrap()
    }

    #[test]
    fn every_name_with_its_arguments() {
        let tab = ReceivedTab {
            uri: "https://example.org/".into(),
            sender: "npwmPOsO89Am".into(),
            title: "é".into(),
        };
        let rows = [
            (
                json!({"command": "resetAll", "args": []}),
                Some(Command::ResetAll),
            ),
            (json!({"command": "resetAll"}), Some(Command::ResetAll)),
            (json!({"command": "resetAll", "args": ["x"]}), None),
            (
                json!({"command": "resetEngine", "args": ["forms"], "flowID": "4o4A40nR1wYY"}),
                Some(Command::ResetEngine(name())),
            ),
            (json!({"command": "resetEngine", "args": []}), None),
            (json!({"command": "resetEngine", "args": ["no name"]}), None),
            (
                json!({"command": "wipeAll", "args": []}),
                Some(Command::WipeAll),
            ),
            (
                json!({"command": "wipeEngine", "args": ["forms"]}),
                Some(Command::WipeEngine(name())),
            ),
            (json!({"command": "wipeEngine", "args": [7]}), None),
            (
                json!({"command": "wipeEngine", "args": ["forms", "tabs"]}),
                None,
            ),
            (
                json!({"command": "logout", "args": []}),
                Some(Command::Logout),
            ),
            (json!({"command": "logout", "args": {}}), None),
            (
                json!({"command": "displayURI", "args": ["https://example.org/", "npwmPOsO89Am", "é"]}),
                Some(Command::DisplayUri(tab)),
            ),
            (
                json!({"command": "displayURI", "args": ["https://example.org/"]}),
                None,
            ),
            (json!({"command": "repairRequest", "args": [{}]}), None),
            (json!({"command": "launchRocket", "args": []}), None),
            (json!({"command": 7}), None),
            (json!("wipeAll"), None),
            (json!(null), None),
        ];
        for (json, expected) in rows {
            let parsed = Command::parse(&json);
            assert_eq!(parsed, expected, "{json}");
            if let Some(command) = parsed {
                assert_eq!(Command::parse(&command.to_json()), Some(command), "{json}");
            }
        }
    }

    #[test]
    fn commands_are_the_same_by_name_and_arguments_alone() {
        let same = [
            (
                json!({"command": "a", "args": [{"x": 1, "y": [2]}]}),
                json!({"args": [{"y": [2], "x": 1}], "command": "a", "flowID": "f"}),
            ),
            (json!({"command": "a"}), json!({"command": "a", "args": []})),
        ];
        for (a, b) in same {
            assert!(is_same(&a, &b) && digest(&a) == digest(&b), "{a} {b}");
        }
        let different = [
            (
                json!({"command": "a", "args": [1]}),
                json!({"command": "a", "args": ["1"]}),
            ),
            (
                json!({"command": "a", "args": [1, 2]}),
                json!({"command": "a", "args": [2, 1]}),
            ),
            (json!({"command": "a"}), json!({"command": "b"})),
        ];
        for (a, b) in different {
            assert!(!is_same(&a, &b) && digest(&a) != digest(&b), "{a} {b}");
        }
    }
}
