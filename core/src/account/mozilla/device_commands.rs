//! Commands between the account's devices: open a page, close pages (`docs/protocol/firefox-sync.md` §1.10).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::auth_server::{Auth, AuthServer};
use super::device::AccountDevice;
pub use super::device::{CLOSE_URI, OPEN_URI};
use super::ece;
use super::kept::Kept;
use super::problem::{AccountError, Problem};
use super::tokens::Kind;
use crate::crypto::{KeyBundle, KeyId, payload};
use crate::error::Error;
use crate::host::{Clock, Random};
use crate::http::Fetch;

/// The maximum number of commands in one reply.
const LIMIT: u32 = 100;
/// The maximum number of replies that one poll reads.
const MAX_PAGES: u32 = 20;
/// Seconds for which an unread command that closes pages is stored.
const CLOSE_TTL: u64 = 172_800;

/// What a device command asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Open a page.
    Open {
        /// Its title, possibly empty.
        title: String,
        /// Its address.
        url: String,
    },
    /// Close the pages with these addresses.
    Close {
        /// Their addresses.
        urls: Vec<String>,
    },
}

/// A command that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its number in this device's queue.
    pub index: u64,
    /// The id of the sending device, if the server says so.
    pub sender: Option<String>,
    /// The command; `None` if it is unknown or cannot be decrypted.
    pub command: Option<Command>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublicKeys {
    public_key: String,
    auth_secret: String,
}

#[derive(Deserialize)]
struct Kid {
    kid: String,
}

#[derive(Serialize, Deserialize)]
struct Encrypted {
    encrypted: String,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    title: Option<String>,
    url: String,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Cleartext {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entries: Vec<Entry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    urls: Vec<String>,
    #[serde(rename = "flowID")]
    flow_id: String,
    #[serde(rename = "streamID")]
    stream_id: String,
}

#[derive(Serialize)]
struct Invocation<'a> {
    target: &'a str,
    command: &'static str,
    payload: Encrypted,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u64>,
}

#[derive(Deserialize)]
struct Invoked {
    enqueued: bool,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    index: u64,
    #[serde(default)]
    last: bool,
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    index: u64,
    data: MessageData,
}

#[derive(Deserialize)]
struct MessageData {
    command: String,
    #[serde(default)]
    payload: Option<Encrypted>,
    #[serde(default)]
    sender: Option<String>,
}

/// The commands that this device takes, with its public keys as the other devices read them. Keys are made if there are
/// none.
pub(super) fn available(
    random: &impl Random,
    kept: &mut Kept,
    sync_key: &KeyBundle,
    kid: &str,
) -> Result<BTreeMap<&'static str, String>, AccountError> {
    let (private_key, auth_secret) = match kept.command_keys() {
        Some(keys) => keys,
        None => {
            let private_key = ece::make_key(random)?;
            let mut auth_secret = Zeroizing::new([0; 16]);
            random.fill(&mut *auth_secret)?;
            kept.set_command_keys(&private_key, &auth_secret);
            (private_key, auth_secret)
        }
    };
    let mut iv = [0; 16];
    random.fill(&mut iv)?;
    let wrapped = wrap(&private_key, &auth_secret, sync_key, kid, &iv)
        .ok_or_else(|| Error::Input("the id of the sync key is invalid: sign in again".into()))?;
    Ok([(OPEN_URI, wrapped.clone()), (CLOSE_URI, wrapped)].into())
}

fn wrap(
    private_key: &[u8; 32],
    auth_secret: &[u8; 16],
    sync_key: &KeyBundle,
    kid: &str,
    iv: &[u8; 16],
) -> Option<String> {
    let keys = PublicKeys {
        public_key: Base64UrlUnpadded::encode_string(&ece::public_key(private_key)?),
        auth_secret: Base64UrlUnpadded::encode_string(auth_secret),
    };
    let json = Zeroizing::new(crate::json::to_string(&keys).ok()?);
    let envelope = payload::encrypt(sync_key, iv, json.as_bytes());
    let kid = KeyId::parse(kid).ok()?.client_state();
    let rest = envelope.strip_prefix('{')?;
    Some(format!("{{\"kid\":\"{kid}\",{rest}"))
}

/// The keys of another device for a command.
fn unwrap(value: &str, sync_key: &KeyBundle, kid: &str) -> Option<(Vec<u8>, Zeroizing<[u8; 16]>)> {
    let own = KeyId::parse(kid).ok()?.client_state();
    let theirs: Kid = crate::json::from_str(value).ok()?;
    if theirs.kid != own {
        return None;
    }
    let json = payload::decrypt(sync_key, value).ok()?;
    let mut keys: PublicKeys = crate::json::from_slice(&json).ok()?;
    let public_key = Base64UrlUnpadded::decode_vec(keys.public_key.trim_end_matches('=')).ok()?;
    let mut auth_secret = Zeroizing::new([0; 16]);
    let length =
        Base64UrlUnpadded::decode(keys.auth_secret.trim_end_matches('='), &mut *auth_secret)
            .ok()?
            .len();
    keys.auth_secret.zeroize();
    (length == 16).then_some((public_key, auth_secret))
}

/// Sends a command to a device.
///
/// # Errors
/// [`Problem::NoSuchCommand`] if the device cannot take it or has another sync key; when the server refuses.
pub async fn send<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    kept: &Kept,
    sync_key: &KeyBundle,
    kid: &str,
    target: &AccountDevice,
    command: &Command,
) -> Result<(), AccountError> {
    let name = match command {
        Command::Open { .. } => OPEN_URI,
        Command::Close { .. } => CLOSE_URI,
    };
    let value = target
        .available_commands
        .get(name)
        .ok_or(Problem::NoSuchCommand)?;
    let (receiver, auth_secret) = unwrap(value, sync_key, kid).ok_or(Problem::NoSuchCommand)?;
    let host = server.host();
    let mut ids = [0; 20];
    host.fill(&mut ids)?;
    let digits = const_hex::encode(ids);
    let (flow_id, stream_id) = digits.split_at(20);
    let mut cleartext = Cleartext {
        flow_id: flow_id.into(),
        stream_id: stream_id.into(),
        ..Cleartext::default()
    };
    match command {
        Command::Open { title, url } => cleartext.entries.push(Entry {
            title: Some(title.clone()),
            url: url.clone(),
        }),
        Command::Close { urls } => cleartext.urls.clone_from(urls),
    }
    let json = crate::json::to_string(&cleartext).expect("strings can be serialized as JSON");
    let mut salt = [0; 16];
    host.fill(&mut salt)?;
    let sender = ece::make_key(host)?;
    let message = ece::seal(&receiver, &auth_secret, &sender, &salt, json.as_bytes())
        .ok_or(Problem::NoSuchCommand)?;
    let invocation = Invocation {
        target: &target.id,
        command: name,
        payload: Encrypted {
            encrypted: Base64UrlUnpadded::encode_string(&message),
        },
        ttl: matches!(command, Command::Close { .. }).then_some(CLOSE_TTL),
    };
    let session = kept.session();
    let auth = Auth::Token(Kind::Session, &session);
    let reply: Invoked = server
        .post("account/devices/invoke_command", auth, &invocation)
        .await?;
    if reply.enqueued {
        Ok(())
    } else {
        Err(Problem::NoSuchCommand.into())
    }
}

/// The commands since the last one that was handled. Call [`Kept::handled`] with each index, and store it, after the
/// command was handled: a command is then never lost, and repeated at most after a crash.
///
/// # Errors
/// When the server refuses.
pub async fn poll<H: Fetch + Clock + Random>(
    server: &AuthServer<'_, H>,
    kept: &Kept,
) -> Result<Vec<Received>, AccountError> {
    let session = kept.session();
    let keys = kept.command_keys();
    let mut from = kept
        .command_index()
        .map_or(0, |index| index.saturating_add(1));
    let mut received = Vec::new();
    for _ in 0..MAX_PAGES {
        let path = format!("account/device/commands?index={from}&limit={LIMIT}");
        let page: Page = server
            .get(&path, Auth::Token(Kind::Session, &session))
            .await?;
        for message in page.messages.iter().filter(|message| message.index >= from) {
            received.push(Received {
                index: message.index,
                sender: message.data.sender.clone(),
                command: keys
                    .as_ref()
                    .and_then(|(private_key, secret)| read(&message.data, private_key, secret)),
            });
        }
        if page.last || page.messages.is_empty() || page.index < from {
            break;
        }
        from = page.index.saturating_add(1);
    }
    received.sort_by_key(|received| received.index);
    received.dedup_by_key(|received| received.index);
    Ok(received)
}

fn read(data: &MessageData, private_key: &[u8; 32], auth_secret: &[u8; 16]) -> Option<Command> {
    let encrypted = &data.payload.as_ref()?.encrypted;
    let message = Base64UrlUnpadded::decode_vec(encrypted.trim_end_matches('=')).ok()?;
    let json = ece::open(private_key, auth_secret, &message)?;
    let cleartext: Cleartext = crate::json::from_slice(&json).ok()?;
    match data.command.as_str() {
        // Firefox opens the last one: the others are where the page came from.
        OPEN_URI => cleartext.entries.last().map(|entry| Command::Open {
            title: entry.title.clone().unwrap_or_default(),
            url: entry.url.to_string(),
        }),
        CLOSE_URI => Some(Command::Close {
            urls: cleartext.urls,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_keys_of_a_command_are_wrapped_and_unwrapped_as_documented() {
        let text = include_str!("../../../../tests/vectors/device_commands.json");
        let vectors: Value = serde_json::from_str(text).unwrap();
        let case = &vectors["available_command"][0];
        let kb = const_hex::decode_to_array::<_, 32>(case["kb"].as_str().unwrap()).unwrap();
        let (bundle, kid) = (KeyBundle::from_kb(&kb), KeyId::of_kb(&kb, 1).to_string());
        let keys: PublicKeys =
            serde_json::from_str(case["public_keys_json"].as_str().unwrap()).unwrap();
        let (public, secret) = unwrap(case["value"].as_str().unwrap(), &bundle, &kid).unwrap();
        assert_eq!(Base64UrlUnpadded::encode_string(&public), keys.public_key);
        assert_eq!(Base64UrlUnpadded::encode_string(&*secret), keys.auth_secret);
        // The same value from the private key, with the members in another order.
        let receiver = vectors["aes128gcm"][0]["receiver_private"]
            .as_str()
            .unwrap();
        let private: [u8; 32] = Base64UrlUnpadded::decode_vec(receiver)
            .unwrap()
            .try_into()
            .unwrap();
        let iv: [u8; 16] = base64ct::Base64::decode_vec(case["IV"].as_str().unwrap())
            .unwrap()
            .try_into()
            .unwrap();
        let wrapped = wrap(&private, &secret, &bundle, &kid, &iv).unwrap();
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(parse(&wrapped), parse(case["value"].as_str().unwrap()));
        // Another sync key is recognised by its id.
        let other = KeyId::of_kb(&[1; 32], 1).to_string();
        assert!(unwrap(&wrapped, &bundle, &other).is_none());
    }

    #[test]
    fn a_documented_command_is_read() {
        let text = include_str!("../../../../tests/vectors/device_commands.json");
        let vectors: Value = serde_json::from_str(text).unwrap();
        let case = &vectors["command_payload"][0];
        let bytes =
            |name: &str| Base64UrlUnpadded::decode_vec(case[name].as_str().unwrap()).unwrap();
        let data = |command: &str| MessageData {
            command: command.into(),
            payload: serde_json::from_value(case["payload"].clone()).unwrap(),
            sender: None,
        };
        let (private, secret): ([u8; 32], [u8; 16]) = (
            bytes("receiver_private").try_into().unwrap(),
            bytes("auth_secret").try_into().unwrap(),
        );
        let open = Command::Open {
            title: "Example".into(),
            url: "https://example.org/".into(),
        };
        assert_eq!(read(&data(OPEN_URI), &private, &secret), Some(open));
        assert_eq!(
            read(&data("https://other.example/cmd"), &private, &secret),
            None
        );
        assert_eq!(read(&data(OPEN_URI), &[1; 32], &secret), None);
    }
}
