//! Push messages, as a configuration speaks of them: servers of version 1 of the protocol cannot (spec §4).

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use selvedge_santa::push::{CommandKey, HmacScheme};
use selvedge_santa::wire::Token;
use toml::Table;

use super::Fault;
use super::keys::{Keys, Problem};
use super::{secret_file, trust};
use selvedge_host::exit::Result;

/// A NATS server that tells this machine when to sync.
#[derive(Debug, Clone)]
pub struct NatsSettings {
    /// Its URL.
    pub server: String,
    /// The file of a user's JWT and key; none for a server that asks for none.
    pub credentials_file: Option<PathBuf>,
    /// What that file holds. It is read with the configuration, while that is permitted.
    pub credentials: Option<Token>,
    /// The only certificates that are trusted to vouch for it: those of `roots_file`, else those that vouch for the sync
    /// server; the system's where there are none.
    pub roots: Option<Vec<CertificateDer<'static>>>,
    /// Whether TLS begins before the server says its first word.
    pub is_tls_first: bool,
    /// What is listened to, each written out.
    pub subjects: Vec<String>,
    /// This machine's name in the subjects of commands; its id where there is none.
    pub device_id: Option<String>,
    /// The key of commands' signatures; without one no command is believed.
    pub hmac_key: Option<CommandKey>,
    /// What the signatures are made of.
    pub hmac_scheme: HmacScheme,
}

/// Firebase Cloud Messaging, as it was in 2018: messages come for a token that was handed out elsewhere.
#[derive(Debug, Clone)]
pub struct FcmSettings {
    /// By which this machine is known there: what `token_file` holds.
    pub token: Token,
    /// Where messages come from, if not from Google.
    pub connect_url: Option<String>,
    /// Where they are acknowledged, if not at Google's.
    pub ack_url: Option<String>,
}

/// Reads `[selvedge.push]`.
pub(super) fn nats(
    table: &Table,
    warnings: &mut Vec<String>,
) -> Result<Option<NatsSettings>, Fault> {
    let mut keys = Keys::new(table, "selvedge.push.");
    let server = keys.text("server")?;
    let credentials_file = keys.path("credentials_file")?;
    let roots_file = keys.path("roots_file")?;
    let is_tls_first = keys.boolean("tls_first")?.unwrap_or(false);
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
            warnings.push(exposed(path));
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
    let roots = roots_file
        .map(|path| {
            let file = secret_file::read(&path)?;
            let problem = |detail| {
                Fault::Table(format!(
                    "selvedge.push.roots_file ({}): {detail}",
                    path.display()
                ))
            };
            trust::certificates(&file.bytes).map_err(problem)
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
        roots,
        is_tls_first,
        subjects,
        device_id,
        hmac_key: hmac_key.map(|file| command_key(&file.bytes)).transpose()?,
        hmac_scheme,
    }))
}

/// Reads `[selvedge.fcm]`.
pub(super) fn fcm(table: &Table, warnings: &mut Vec<String>) -> Result<Option<FcmSettings>, Fault> {
    let mut keys = Keys::new(table, "selvedge.fcm.");
    let token_file = keys.path("token_file")?;
    let connect_url = keys.text("connect_url")?;
    let ack_url = keys.text("ack_url")?;
    warnings.extend(keys.unknown());
    let Some(path) = token_file else {
        return Ok(None);
    };
    let (token, is_exposed) = secret_file::read_line(&path)?;
    if is_exposed {
        warnings.push(exposed(&path));
    }
    Ok(Some(FcmSettings {
        token: Token::from(token.as_str()),
        connect_url,
        ack_url,
    }))
}

/// What is to be said of a secret that is none.
pub(super) fn exposed(path: &Path) -> String {
    format!(
        "everybody on this machine may read {}: `chmod o= ` it",
        path.display()
    )
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
