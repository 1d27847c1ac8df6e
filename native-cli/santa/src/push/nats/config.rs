//! Which NATS server, and how.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_nats::{ConnectOptions, ServerAddr};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use selvedge_santa::push::{Action, CommandKey, Gate, HmacScheme};
use selvedge_santa::wire::Token;

use crate::push::event::PushError;

/// A NATS server that tells this machine when to sync.
#[derive(Debug, Clone, Default)]
pub struct NatsConfig {
    /// Its URL: `tls://HOST[:PORT]`, or `nats://` for a server on this machine itself.
    pub server: String,
    /// A credentials file's text: a user's JWT and the seed of its key. None for a server that asks for none.
    pub credentials: Option<Token>,
    /// The only certificates that are trusted to vouch for the server; the system's where there are none.
    pub roots: Option<Vec<CertificateDer<'static>>>,
    /// Whether TLS begins before the server says its first word, which the server must be set to as well.
    pub is_tls_first: bool,
    /// The subjects to listen to, each written out. Those without the right form are left out.
    pub subjects: Vec<String>,
    /// This machine's name in the subject of its commands; the machine's id where there is none.
    pub device: Option<String>,
    /// Which commands are believed; where there are none, every command is refused.
    pub commands: Option<Commands>,
}

/// Which commands are believed.
#[derive(Debug, Clone)]
pub struct Commands {
    /// The key of their signatures.
    pub key: CommandKey,
    /// What the signatures are made of.
    pub scheme: HmacScheme,
    /// The only actions that are allowed; all where none are named.
    pub allowed: Option<BTreeSet<Action>>,
}

impl Commands {
    pub(super) fn gate(&self) -> Gate {
        Gate::new(self.key.clone(), self.scheme, self.allowed.clone())
    }
}

impl NatsConfig {
    /// The server's address, if it is one to which it is safe to connect.
    pub(super) fn address(&self) -> Result<ServerAddr, PushError> {
        let refuse = |why: &str| {
            Err(PushError::Configuration(format!(
                "the push server's URL {why}"
            )))
        };
        let address = match self.server.parse::<ServerAddr>() {
            Ok(address) if !address.host().is_empty() => address,
            _ => return refuse("cannot be read: write it as tls://HOST:4222"),
        };
        if address.has_user_pass() {
            return refuse("holds a name or a password: they belong into the credentials file");
        }
        match address.scheme() {
            "tls" => Ok(address),
            "nats" if is_loopback(address.host()) => Ok(address),
            "nats" => refuse(
                "begins with nats://, which is for a server on this machine alone: write tls://",
            ),
            _ => refuse("must begin with tls://"),
        }
    }

    /// What the client needs to know.
    pub(super) fn options(&self) -> Result<ConnectOptions, PushError> {
        let mut options = match &self.credentials {
            Some(text) => ConnectOptions::with_credentials(text.as_str()).map_err(|_| {
                PushError::Configuration(
                    "the push credentials hold no user's JWT and key: name a file as `nsc generate creds` writes it".into(),
                )
            })?,
            None => ConnectOptions::new(),
        };
        if self.is_tls_first {
            options = options.tls_first();
        }
        if let Some(roots) = &self.roots {
            options = options.tls_client_config(trusting(roots)?);
        }
        Ok(options)
    }
}

/// TLS that trusts nobody but these.
fn trusting(roots: &[CertificateDer<'static>]) -> Result<ClientConfig, PushError> {
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
    fn only_safe_servers_are_connected_to() {
        let rows = [
            ("tls://push.example.net:4222", None),
            ("nats://127.0.0.1:4222", None),
            ("nats://localhost:4222", None),
            ("nats://[::1]:4222", None),
            ("nats://push.example.net:4222", Some("write tls://")),
            ("push.example.net:4222", Some("write tls://")),
            ("ws://push.example.net", Some("must begin with tls://")),
            ("tls://me:secret@push.example.net", Some("credentials file")),
            ("", Some("cannot be read")),
            ("tls://", Some("cannot be read")),
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
    fn credentials_that_are_none_are_named_without_being_shown() {
        let config = NatsConfig {
            credentials: Some(Token::from("SUAxyz")),
            ..NatsConfig::default()
        };
        let text = config.options().unwrap_err().to_string();
        assert!(text.contains("nsc generate creds"), "{text}");
        assert!(!text.contains("SUAxyz") && !format!("{config:?}").contains("SUAxyz"));
    }
}
