//! Requests by their method and path.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::error::ApiError;
use super::password::Stretched;
use super::registration::Registration;
use super::signing_keys::SigningKeys;
use super::throttle::Throttle;
use super::token::random;
use crate::model::{EntryKey, EntryKind};
use crate::storage::accounts::Accounts;

/// Maximum number of slow hashes computed concurrently.
const MAX_CONCURRENT: usize = 2;
/// Maximum number of slow hashes being computed or queued.
const QUEUE: usize = 64;

/// The URL that a client signed.
#[derive(Debug, Clone)]
pub(crate) struct SignedUrl {
    /// Its host.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
    /// Its path and query.
    pub(crate) target: String,
}

/// A request.
pub(crate) struct Call<'a> {
    /// `GET` or `POST`.
    pub(crate) method: &'a str,
    /// The path below `/v1/`.
    pub(crate) path: &'a str,
    /// The query.
    pub(crate) query: &'a str,
    /// The body.
    pub(crate) body: &'a [u8],
    /// `Content-Type`.
    pub(crate) content_type: &'a str,
    /// `Authorization`.
    pub(crate) authorization: Option<&'a str>,
    /// The URL under the request's signature.
    pub(crate) url: Option<SignedUrl>,
    /// Where the request comes from.
    pub(crate) address: IpAddr,
    /// Seconds since the epoch.
    pub(crate) now: u64,
}

/// The accounts server.
pub(crate) struct AccountsServer {
    pub(super) storage: Arc<dyn Accounts>,
    pub(super) registration: Registration,
    pub(super) throttle: Throttle,
    pub(super) signing_keys: SigningKeys,
    /// The URL of this server.
    pub(super) issuer: String,
    hashing: Semaphore,
    queue: Semaphore,
}

impl std::fmt::Debug for AccountsServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccountsServer(..)")
    }
}

impl Call<'_> {
    /// The body as JSON; an empty one is an empty object.
    pub(super) fn json(&self) -> Result<Value, ApiError> {
        if self.body.is_empty() {
            return Ok(json!({}));
        }
        serde_json::from_slice(self.body).map_err(|_| ApiError::NotJson)
    }

    /// A parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.query.as_bytes())
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.into_owned())
    }
}

impl AccountsServer {
    /// An accounts server on a storage.
    pub(crate) fn new(
        storage: Arc<dyn Accounts>,
        registration: Registration,
        issuer: String,
        sealing_key: Zeroizing<[u8; 32]>,
    ) -> Self {
        Self {
            storage,
            registration,
            throttle: Throttle::default(),
            signing_keys: SigningKeys::new(sealing_key),
            issuer,
            hashing: Semaphore::new(MAX_CONCURRENT),
            queue: Semaphore::new(QUEUE),
        }
    }

    /// The reply to a request.
    ///
    /// # Errors
    /// When the request is refused.
    pub(crate) async fn answer(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        match (call.method, call.path) {
            ("POST", "account/create") => self.create(call).await,
            ("POST", "account/login") => self.login(call).await,
            ("POST", "account/credentials/status") => self.credentials_status(call).await,
            ("POST", "account/destroy") => self.destroy(call).await,
            ("POST", "password/change/start") => self.change_start(call).await,
            ("POST", "password/change/finish") => self.change_finish(call).await,
            ("GET", "account/status") => self.account_status(call).await,
            ("GET", "account/keys") => self.keys(call).await,
            ("GET", "session/status") => self.session_status(call).await,
            ("POST", "session/destroy") => self.session_destroy(call).await,
            ("GET", "recovery_email/status") => self.email_status(call).await,
            ("POST", "account/scoped-key-data") => self.scoped_key_data(call).await,
            ("POST", "oauth/token" | "token") => self.oauth_token(call).await,
            ("POST", "oauth/destroy" | "destroy") => self.oauth_destroy(call).await,
            ("POST", "verify") => self.oauth_verify(call).await,
            ("POST", "oauth/authorization" | "authorization") => self.authorization(call).await,
            ("POST", "account/device") => self.device(call).await,
            ("GET", "account/devices") => self.devices(call).await,
            ("POST", "account/device/destroy") => self.device_destroy(call).await,
            ("GET", "account/device/commands") => self.device_commands(call).await,
            ("POST", "account/devices/invoke_command") => self.invoke_command(call).await,
            ("POST", "account/devices/notify") => self.notify(call).await,
            ("GET", "account/attached_clients") => self.attached_clients(call).await,
            ("POST", "account/attached_client/destroy") => self.attached_destroy(call).await,
            ("GET", "jwks") => self.jwks(call.now).await,
            ("GET", "profile") => self.profile(call).await,
            ("POST", "get_random_bytes") => {
                Ok(json!({"data": const_hex::encode(*random::<32>()?)}))
            }
            _ => Err(ApiError::NotFound),
        }
    }

    /// Whether an account exists. A uid is random, so this tells nothing to people who do not know it.
    async fn account_status(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let uid = call.parameter("uid").ok_or(ApiError::Missing("uid"))?;
        let found = self.storage.entry(EntryKey::new(EntryKind::Account, uid));
        Ok(json!({"exists": found.await?.is_some()}))
    }

    /// Stretches a password on another thread.
    pub(super) async fn stretch(
        &self,
        auth_pw: Zeroizing<[u8; 32]>,
        salt: Zeroizing<[u8; 32]>,
    ) -> Result<Stretched, ApiError> {
        let Ok(_waiting) = self.queue.try_acquire() else {
            return Err(ApiError::Unavailable);
        };
        let Ok(_hashing) = self.hashing.acquire().await else {
            return Err(ApiError::Unavailable);
        };
        let work = tokio::task::spawn_blocking(move || Stretched::new(&auth_pw, &salt));
        work.await.unwrap_or(Err(ApiError::Unavailable))
    }
}
