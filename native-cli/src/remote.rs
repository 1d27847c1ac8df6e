//! The account's storage on the server, for commands that speak to it without a sync.

use selvedge_core::account::{Credentials, Source, Token, TokenServer};
use selvedge_core::error::Error;
use selvedge_core::host::Clock as _;
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::life::{CollectionKeys, KeptToken};
use selvedge_core::server::{Client, Record};

use crate::device::{Device, USER_AGENT};
use crate::exit::{CliError, Result};
use crate::host::NativeHost;

/// The account's storage: a client whose credentials the server takes, and the keys of the records.
#[derive(Debug)]
pub struct Remote<'h> {
    /// Speaks to the server.
    pub client: Client<'h, NativeHost<()>>,
    credentials: Credentials,
    keys: Option<Record>,
}

impl<'h> Remote<'h> {
    /// Gets a token if there is none that is good, and `crypto/keys`, which shows whether the server takes it.
    ///
    /// # Errors
    /// When there is no account, no network, or the server refuses.
    pub async fn connect(device: &Device, host: &'h NativeHost<()>) -> Result<Self> {
        let credentials = device.credentials()?;
        let kept = device.token()?;
        let (client, keys, token) = match (&credentials.source, &credentials.kid) {
            (Source::Token(token), _) => {
                let (client, keys) = open(host, token).await?;
                (client, keys, None)
            }
            (Source::TokenServer { url, access_token }, Some(kid)) => {
                let opened = match &kept {
                    Some(kept) => match open(host, &kept.token).await {
                        // It may have been revoked since: one new token, one more try.
                        Err(Error::SignedOut { .. }) => None,
                        opened => Some(opened?),
                    },
                    None => None,
                };
                match opened {
                    Some((client, keys)) => (client, keys, kept.clone()),
                    None => {
                        let server = TokenServer::new(host, url, Some(USER_AGENT.into()))?;
                        let token = server.token(access_token, kid).await?;
                        let (client, keys) = open(host, &token).await?;
                        let received = host.now();
                        (client, keys, Some(KeptToken { token, received }))
                    }
                }
            }
            _ => return Err(CliError::NoAccount),
        };
        device.keep_token(kept.as_ref(), token.as_ref())?;
        Ok(Self {
            client,
            credentials,
            keys,
        })
    }

    /// The keys of the account's records.
    ///
    /// # Errors
    /// [`Error::NotSetUp`] when nobody synced to the account yet, [`Error::WrongKey`] when the sync key does not fit.
    pub fn keys(&self) -> Result<CollectionKeys> {
        let record = self.keys.as_ref().ok_or(Error::NotSetUp)?;
        Ok(CollectionKeys::open(
            &self.credentials.sync_key,
            &record.payload,
        )?)
    }
}

async fn open<'h>(
    host: &'h NativeHost<()>,
    token: &Token,
) -> Result<(Client<'h, NativeHost<()>>, Option<Record>), Error> {
    let client = Client::new(host, token.access()?, Some(USER_AGENT.into()));
    let name = |error: selvedge_core::ids::InvalidId| Error::Input(error.to_string());
    let keys = client
        .get_record(
            &CollectionName::new("crypto").map_err(name)?,
            &RecordId::new("keys").map_err(name)?,
        )
        .await?;
    Ok((client, keys))
}
