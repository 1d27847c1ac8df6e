//! The account's storage on the server, for commands that speak to it without a sync.

use selvedge_core::account::legacy::{Account, NodeServer};
use selvedge_core::account::{Credentials, Source, TokenServer};
use selvedge_core::error::{Error, RequestLine};
use selvedge_core::host::Clock as _;
use selvedge_core::http::Method;
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::server::{Access, Client, Record};
use selvedge_core::sync::{CollectionKeys, KeptToken};

use crate::device::{Device, global_state};
use selvedge_host::NativeHost;
use selvedge_host::USER_AGENT;
use selvedge_host::exit::{HostError, Result};

/// The account's storage: a client whose credentials the server takes, and the keys of the records.
#[derive(Debug)]
pub struct Remote<'h> {
    /// Speaks to the server.
    pub client: Client<'h, NativeHost<()>>,
    credentials: Credentials,
    keys: Option<Record>,
}

impl<'h> Remote<'h> {
    /// Gets a token if there is no valid one, and `crypto/keys`, which shows whether the server accepts it.
    ///
    /// # Errors
    /// When there is no account, no network, or the server refuses.
    pub async fn connect(device: &Device, host: &'h NativeHost<()>) -> Result<Self> {
        let (remote, ()) = Self::connect_by(device, host, async |remote| {
            remote.keys = keys_record(&remote.client).await?;
            Ok(())
        })
        .await?;
        Ok(remote)
    }

    /// Gets a token if there is no valid one. `first` is the first request, which shows whether the server accepts it; it
    /// is repeated with a new token if not.
    ///
    /// # Errors
    /// As [`Remote::connect`].
    pub async fn connect_by<T>(
        device: &Device,
        host: &'h NativeHost<()>,
        first: impl AsyncFn(&mut Self) -> Result<T, Error>,
    ) -> Result<(Self, T)> {
        let credentials = device.account(host).await?;
        let kept = device.token()?;
        let open = async |access: Access| -> Result<(Self, T), Error> {
            let mut remote = Self {
                client: Client::new(host, access, Some(USER_AGENT.into())),
                credentials: credentials.clone(),
                keys: None,
            };
            let answer = first(&mut remote).await?;
            Ok((remote, answer))
        };
        let (opened, token) = match (&credentials.source, &credentials.kid) {
            (Source::Token(token), _) => (open(token.access()?).await?, None),
            (Source::Legacy(account), _) => (open_node(device, host, account, open).await?, None),
            (Source::TokenServer { url, access_token }, Some(kid)) => {
                let opened = match &kept {
                    Some(kept) => match open(kept.token.access()?).await {
                        // It may have been revoked since: one new token, one more try.
                        Err(Error::SignedOut { .. }) => None,
                        opened => Some(opened?),
                    },
                    None => None,
                };
                match opened {
                    Some(opened) => (opened, kept.clone()),
                    None => {
                        let server = TokenServer::new(host, url, Some(USER_AGENT.into()))?;
                        let token = server.token(access_token, kid).await?;
                        let opened = open(token.access()?).await?;
                        let received = host.now();
                        (opened, Some(KeptToken { token, received }))
                    }
                }
            }
            _ => return Err(HostError::NoAccount),
        };
        device.keep_token(kept.as_ref(), token.as_ref())?;
        Ok(opened)
    }

    /// Requests the keys if they were not requested yet.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn fetch_keys(&mut self) -> Result<()> {
        if self.keys.is_none() {
            self.keys = keys_record(&self.client).await?;
        }
        Ok(())
    }

    /// The keys of the account's records.
    ///
    /// # Errors
    /// [`Error::NotSetUp`] before the first sync of the account, [`Error::WrongKey`] when the sync key does not match.
    pub fn keys(&self) -> Result<CollectionKeys> {
        let record = self.keys.as_ref().ok_or(Error::NotSetUp)?;
        Ok(CollectionKeys::open(
            &self.credentials.sync_key,
            &record.payload,
        )?)
    }
}

/// The node that the last sync found, or, if it refuses, the one that the server names now.
async fn open_node<T>(
    device: &Device,
    host: &NativeHost<()>,
    account: &Account,
    open: impl AsyncFn(Access) -> Result<T, Error>,
) -> Result<T> {
    let node = match device.store_if_there()? {
        Some(store) => global_state(&store).await?.device.node,
        None => None,
    };
    let kept = node.as_ref().and_then(|node| node.url_for(account));
    if let Some(node) = kept {
        match open(account.access(node)?).await {
            Err(Error::SignedOut { .. }) => {}
            opened => return Ok(opened?),
        }
    }
    let server = NodeServer::new(host, Some(USER_AGENT.into()));
    let found = server.node_of(account).await?;
    if kept == Some(found.as_str()) {
        let request = RequestLine::new(Method::Get, "storage/crypto/keys");
        return Err(Error::SignedOut { request }.into());
    }
    Ok(open(account.access(&found)?).await?)
}

async fn keys_record(client: &Client<'_, NativeHost<()>>) -> Result<Option<Record>, Error> {
    let name = |error: selvedge_core::ids::InvalidId| Error::Input(error.to_string());
    client
        .get_record(
            &CollectionName::new("crypto").map_err(name)?,
            &RecordId::new("keys").map_err(name)?,
        )
        .await
}
