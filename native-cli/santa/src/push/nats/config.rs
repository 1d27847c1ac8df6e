//! The configuration of a NATS server.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_nats::{ConnectOptions, ServerAddr};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use selvedge_santa::push::{Action, CommandKey, Gate, HmacScheme};
use selvedge_santa::wire::Token;

use crate::push::event::PushError;

/// The NATS server that sends push messages to this machine.
#[derive(Debug, Clone, Default)]
pub struct NatsConfig {
    /// Its URL: `tls://HOST[:PORT]`, or `nats://` for a server on this machine.
    pub server: String,
    /// The text of a credentials file: the JWT of a user and the seed of its key. `None` for a server without
    /// authentication.
    pub credentials: Option<Token>,
    /// The trusted root certificates; `None` for those of the system.
    pub roots: Option<Vec<CertificateDer<'static>>>,
    /// Whether the TLS handshake precedes the server's INFO message. The server must have the same setting.
    pub is_tls_first: bool,
    /// The subjects to subscribe to, without wildcards. Invalid ones are ignored.
    pub subjects: Vec<String>,
    /// The name of this machine in the subject of its commands; `None` for the machine id.
    pub device: Option<String>,
    /// Which commands are accepted; `None` refuses every command.
    pub commands: Option<Commands>,
}

/// Which commands are accepted.
#[derive(Debug, Clone)]
pub struct Commands {
    /// The HMAC key of the signatures.
    pub key: CommandKey,
    /// The signed content.
    pub scheme: HmacScheme,
    /// The allowed actions; `None` allows all.
    pub allowed: Option<BTreeSet<Action>>,
}

impl Commands {
    pub(super) fn gate(&self) -> Gate {
        Gate::new(self.key.clone(), self.scheme, self.allowed.clone())
    }
}

impl NatsConfig {
    /// The server's address, if it is secure.
    pub(super) fn address(&self) -> Result<ServerAddr, PushError> {
        let refuse = |why: &str| {
            Err(PushError::Configuration(format!(
                "the push server's URL {why}"
            )))
        };
        let address = match self.server.parse::<ServerAddr>() {
            Ok(address) if !address.host().is_empty() => address,
            _ => return refuse("is invalid: use the form tls://HOST:4222"),
        };
        if address.has_user_pass() {
            return refuse("contains a user name or password: put them into the credentials file");
        }
        match address.scheme() {
            "tls" => Ok(address),
            "nats" if is_loopback(address.host()) => Ok(address),
            "nats" => refuse(
                "starts with nats://, which is allowed only for a server on this machine: use tls://",
            ),
            _ => refuse("must start with tls://"),
        }
    }

    /// The options of the NATS client.
    pub(super) fn options(&self) -> Result<ConnectOptions, PushError> {
        let mut options = match &self.credentials {
            Some(text) => ConnectOptions::with_credentials(text.as_str()).map_err(|_| {
                PushError::Configuration(
                    "the push credentials do not contain a user JWT and a key: use a file that `nsc generate creds` created".into(),
                )
            })?,
            None => ConnectOptions::new(),
        };
        if self.is_tls_first {
            options = options.tls_first();
        }
        if let Some(roots) = &self.roots {
            options = options.tls_client_config(tls_config(roots)?);
        }
        Ok(options)
    }
}

/// A TLS configuration that trusts only these roots.
fn tls_config(roots: &[CertificateDer<'static>]) -> Result<ClientConfig, PushError> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store
            .add(root.clone())
            .map_err(|error| PushError::Tls(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| PushError::Tls(error.to_string()))?;
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insecure_server_urls_are_refused() {
        let rows = [
            ("tls://push.example.net:4222", None),
            ("nats://127.0.0.1:4222", None),
            ("nats://localhost:4222", None),
            ("nats://[::1]:4222", None),
            ("nats://push.example.net:4222", Some("tls://")),
            ("push.example.net:4222", Some("tls://")),
            ("ws://push.example.net", Some("must start with tls://")),
            ("tls://me:secret@push.example.net", Some("credentials file")),
            ("", Some("is invalid")),
            ("tls://", Some("is invalid")),
        ];
        for (server, expected) in rows {
            let config = NatsConfig {
                server: server.into(),
                ..NatsConfig::default()
            };
            match (config.address(), expected) {
                (Ok(_), None) => {}
                (Err(error), Some(words)) => {
                    let text = error.to_string();
                    assert!(text.contains(words), "{server}: {text}");
                    assert!(!text.contains("secret"), "{text}");
                }
                (other, _) => panic!("{server}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_error_of_invalid_credentials_does_not_contain_them() {
        let config = NatsConfig {
            credentials: Some(Token::from("SUAxyz")),
            ..NatsConfig::default()
        };
        let text = config.options().unwrap_err().to_string();
        assert!(text.contains("nsc generate creds"), "{text}");
        assert!(!text.contains("SUAxyz") && !format!("{config:?}").contains("SUAxyz"));
    }
}
