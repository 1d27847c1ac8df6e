//! The settings for push messages. Sync servers with version 1 of the protocol cannot set them (spec §4).

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use selvedge_santa::push::{CommandKey, HmacScheme};
use selvedge_santa::wire::Token;
use toml::Table;

use super::fault::Fault;
use super::keys::{Keys, Problem};
use super::{secret_file, trust};
use selvedge_host::exit::Result;

/// The settings of the NATS server.
#[derive(Debug, Clone)]
pub struct NatsSettings {
    /// Its URL.
    pub server: String,
    /// The file with the JWT and key of a user; `None` for a server without authentication.
    pub credentials_file: Option<PathBuf>,
    /// The content of that file. It is read with the configuration, before privileges are dropped.
    pub credentials: Option<Token>,
    /// The trusted root certificates: those of `roots_file`, else those of the sync server; `None` for those of the
    /// system.
    pub roots: Option<Vec<CertificateDer<'static>>>,
    /// Whether the TLS handshake precedes the server's INFO message.
    pub is_tls_first: bool,
    /// The subjects, without wildcards.
    pub subjects: Vec<String>,
    /// The id in the subject of commands; `None` for the machine id.
    pub device_id: Option<String>,
    /// The HMAC key of commands. Without it, commands are refused.
    pub hmac_key: Option<CommandKey>,
    /// The signed content.
    pub hmac_scheme: HmacScheme,
}

/// The settings of Firebase Cloud Messaging with the protocol of 2018.
#[derive(Debug, Clone)]
pub struct FcmSettings {
    /// The registration token: the content of `token_file`.
    pub token: Token,
    /// The URL of the message stream, if not Google's.
    pub connect_url: Option<String>,
    /// The URL for acknowledgements, if not Google's.
    pub ack_url: Option<String>,
}

/// Parses `[selvedge.push]`.
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
    let mut read_secret = |path: &PathBuf| -> Result<secret_file::NamedFile> {
        let file = secret_file::read(path)?;
        if file.is_world_readable {
            warnings.push(exposed(path));
        }
        Ok(file)
    };
    let credentials = credentials_file
        .as_ref()
        .map(&mut read_secret)
        .transpose()?;
    let credentials = credentials
        .map(|file| {
            let text = std::str::from_utf8(&file.bytes).map(Token::from);
            text.map_err(|_| "selvedge.push.credentials_file is not a text file".to_owned())
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
    let hmac_key = key_file.as_ref().map(&mut read_secret).transpose()?;
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

/// Parses `[selvedge.fcm]`.
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

/// The warning about a world-readable file with a secret.
pub(super) fn exposed(path: &Path) -> String {
    format!(
        "all users of this machine can read the secret in {0}: run `chmod o= {0}`",
        path.display()
    )
}

/// Parses a key in hexadecimal digits. Surrounding white space is ignored.
fn command_key(text: &[u8]) -> Result<CommandKey, Problem> {
    let digits = text.trim_ascii();
    let mut key = Vec::with_capacity(digits.len() / 2);
    for pair in digits.chunks(2) {
        let text = std::str::from_utf8(pair)
            .ok()
            .filter(|text| text.len() == 2);
        let byte = text.and_then(|text| u8::from_str_radix(text, 16).ok());
        key.push(
            byte.ok_or("selvedge.push.hmac_key_file must contain the key in hexadecimal digits")?,
        );
    }
    match key.len() {
        16.. => Ok(CommandKey::new(key)),
        _ => Err("selvedge.push.hmac_key_file must contain a key of at least 16 bytes".into()),
    }
}
