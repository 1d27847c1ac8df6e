//! Push messages, as a configuration speaks of them: servers of version 1 of the protocol cannot (spec §4).

use std::path::PathBuf;

use selvedge_core::santa::push::{CommandKey, HmacScheme};
use selvedge_core::santa::wire::Token;
use toml::Table;

use super::Fault;
use super::keys::{Keys, Problem};
use super::secret_file;
use crate::exit::Result;

/// A NATS server that tells this machine when to sync.
#[derive(Debug, Clone)]
pub struct NatsSettings {
    /// Its URL.
    pub server: String,
    /// The file of a user's JWT and key; none for a server that asks for none.
    pub credentials_file: Option<PathBuf>,
    /// What that file holds. It is read with the configuration, while that is permitted.
    pub credentials: Option<Token>,
    /// What is listened to, each written out.
    pub subjects: Vec<String>,
    /// This machine's name in the subjects of commands; its id where there is none.
    pub device_id: Option<String>,
    /// The key of commands' signatures; without one no command is believed.
    pub hmac_key: Option<CommandKey>,
    /// What the signatures are made of.
    pub hmac_scheme: HmacScheme,
}

/// Firebase Cloud Messaging.
#[derive(Debug, Clone)]
pub struct FcmSettings {
    /// `FCMProject`.
    pub project: String,
    /// `FCMEntity`.
    pub entity: String,
    /// `FCMAPIKey`, or what its file holds.
    pub api_key: Token,
    /// The URLs of its services, where they are others than Google's: by name.
    pub endpoints: Vec<(String, String)>,
}

/// Reads `[selvedge.push]`.
pub(super) fn nats(
    table: &Table,
    warnings: &mut Vec<String>,
) -> Result<Option<NatsSettings>, Fault> {
    let mut keys = Keys::new(table, "selvedge.push.");
    let server = keys.text("server")?;
    let credentials_file = keys.path("credentials_file")?;
    let subjects = keys.texts("subjects")?.unwrap_or_default();
    let device_id = keys.text("device_id")?;
    let key_file = keys.path("hmac_key_file")?;
    let scheme = keys.text("hmac_scheme")?;
    warnings.extend(keys.unknown());
    let hmac_scheme = match scheme.as_deref() {
        None | Some("message") => HmacScheme::Message,
        Some("parts") => HmacScheme::Parts,
        Some(_) => {
            return Err("selvedge.push.hmac_scheme must be message or parts"
                .to_owned()
                .into());
        }
    };
    let mut named = |path: &PathBuf| -> Result<secret_file::Named> {
        let named = secret_file::read(path)?;
        if named.is_for_everybody {
            warnings.push(format!(
                "everybody may read {}: `chmod o= ` it",
                path.display()
            ));
        }
        Ok(named)
    };
    let credentials = credentials_file.as_ref().map(&mut named).transpose()?;
    let credentials = credentials
        .map(|file| {
            let text = std::str::from_utf8(&file.bytes).map(Token::from);
            text.map_err(|_| "selvedge.push.credentials_file holds no text".to_owned())
        })
        .transpose()?;
    let hmac_key = key_file.as_ref().map(&mut named).transpose()?;
    let Some(server) = server else {
        return Ok(None);
    };
    Ok(Some(NatsSettings {
        server,
        credentials_file,
        credentials,
        subjects,
        device_id,
        hmac_key: hmac_key.map(|file| command_key(&file.bytes)).transpose()?,
        hmac_scheme,
    }))
}

/// A key in hexadecimal digits; white space around them does not count.
fn command_key(text: &[u8]) -> Result<CommandKey, Problem> {
    let digits = text.trim_ascii();
    let mut key = Vec::with_capacity(digits.len() / 2);
    for pair in digits.chunks(2) {
        let text = std::str::from_utf8(pair)
            .ok()
            .filter(|text| text.len() == 2);
        let byte = text.and_then(|text| u8::from_str_radix(text, 16).ok());
        key.push(
            byte.ok_or("selvedge.push.hmac_key_file must hold the key in hexadecimal digits")?,
        );
    }
    match key.len() {
        16.. => Ok(CommandKey::new(key)),
        _ => Err("selvedge.push.hmac_key_file must hold a key of 16 bytes or more".into()),
    }
}
