//! Accounts of dialect 1.1: a name, a password, a Sync Key, and a server that returns the address of the user's storage
//! node (spec §1.13).
//!
//! ```text
//! GET <server>/user/1.0/<username>/node/weave
//! 200 with a URL ─────────────────→ the URL of the node
//! 200 with a URL less secure ─────→ refused: the password would be readable in transit
//! 200 with null, or nothing ──────→ no node at the moment: retry in 10 minutes
//! 200 with anything else ─────────→ a response that cannot be read
//! 404 ────────────────────────────→ the server itself is the node
//! 400 ────────────────────────────→ no such user: signed out
//! 408, 429, 5xx ──────────────────→ wait as long as the server specifies
//! else ───────────────────────────→ the wrong server
//!
//! after a 401: the node as before → the password is wrong;  another → the user has moved
//! ```

use alloc::format;
use alloc::string::{String, ToString};
use core::cell::RefCell;
use core::fmt;

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::exchange::exchange;
use crate::crypto::SyncKey;
use crate::error::{Error, RequestLine, Result};
use crate::host::Clock;
use crate::http::{Fetch, Method, Request};
use crate::server::address::{self, UnsafeAddress};
use crate::server::{Access, Backoff, Observed};

/// If the user has no node at the moment, ask again after this number of seconds.
const NO_NODE_SECONDS: u64 = 600;
/// Maximum length of a password, in bytes.
const MAX_PASSWORD_BYTES: usize = 4096;

/// An account of dialect 1.1. Its `Debug` output contains no secrets, and they are zeroized when it is dropped.
///
/// ```
/// use selvedge_core::account::legacy::Account;
///
/// let account = Account::new("https://auth.example.org/", "JohnDoe", "password", "g-bh7te-qqcgy-zd65s-vjgib-d7tqy")?;
/// assert_eq!((account.server(), account.username()), ("https://auth.example.org", "johndoe"));
/// assert!(!format!("{account:?}").contains("password"));
/// let credentials = account.into_credentials();
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    server: String,
    username: String,
    password: Zeroizing<String>,
    sync_key: SyncKey,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Account {
    /// Creates one from the user's input: the server's address, the name or e-mail address of the account, the
    /// password, and the Sync Key.
    ///
    /// # Errors
    /// [`Error::Input`] with a message that specifies which input is not usable; it never contains a secret.
    pub fn new(server: &str, account: &str, password: &str, sync_key: &str) -> Result<Self> {
        let sync_key = SyncKey::parse(sync_key).map_err(|_| {
            Error::Input(
                "this is not a Sync Key: a Sync Key has 26 letters and digits, without 0, 1, l and o, in groups of 1 and 5".into(),
            )
        })?;
        Self::with_key(server, account, password, sync_key)
    }

    /// As [`Account::new`], with a Sync Key that is already parsed or generated.
    ///
    /// # Errors
    /// As [`Account::new`].
    pub fn with_key(
        server: &str,
        account: &str,
        password: &str,
        sync_key: SyncKey,
    ) -> Result<Self> {
        if password.is_empty() || password.len() > MAX_PASSWORD_BYTES {
            return Err(Error::Input(format!(
                "a password must have 1 to {MAX_PASSWORD_BYTES} bytes"
            )));
        }
        Ok(Self {
            server: address::service(server)?,
            username: username(account)?,
            password: Zeroizing::new(password.to_string()),
            sync_key,
        })
    }

    /// The address of the server that assigns nodes, without a trailing slash.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The user name on servers.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The Sync Key, to be entered on the user's other devices.
    #[must_use]
    pub const fn sync_key(&self) -> &SyncKey {
        &self.sync_key
    }

    pub(super) const fn password(&self) -> &Zeroizing<String> {
        &self.password
    }

    /// Access to the storage on a node.
    ///
    /// # Errors
    /// When the node's URL is not an address of a web server.
    pub fn access(&self, node: &str) -> Result<Access> {
        Access::basic(node, &self.username, &self.password)
    }
}

/// The user name of an account on servers: its lower case, or, if that is not suitable for a URL, a hash of it.
///
/// ```
/// use selvedge_core::account::legacy::username;
///
/// assert_eq!(username("JohnDoe")?, "johndoe");
/// assert_eq!(username("FooBar@Baz.com")?, "xee7ffonluzpdp66l6xgpyh2v2w6ojkc");
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
///
/// # Errors
/// [`Error::Input`] when the name is empty or too long.
pub fn username(account: &str) -> Result<String> {
    let lower = account.trim().to_lowercase();
    // As path segments these two would change the path.
    if lower.is_empty() || lower.len() > 1024 || matches!(lower.as_str(), "." | "..") {
        return Err(Error::Input(
            "the account name must be a word or an e-mail address".into(),
        ));
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if lower.bytes().all(is_plain) {
        return Ok(lower);
    }
    Ok(base32(&Sha1::digest(lower.as_bytes()).into()))
}

/// Lower-case base32 of 20 bytes, which needs no padding.
fn base32(bytes: &[u8; 20]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut text = String::with_capacity(32);
    for five in bytes.chunks(5) {
        let bits = five
            .iter()
            .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for at in (0..8).rev() {
            text.push(char::from(ALPHABET[(bits >> (5 * at) & 31) as usize]));
        }
    }
    text
}

/// A server's response to the request for a user's node.
///
/// ```
/// use selvedge_core::account::legacy::NodeAnswer;
///
/// assert_eq!(NodeAnswer::judge(404, b"", "https://auth.example.org"), NodeAnswer::ServerItself);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeAnswer {
    /// The node's URL.
    Node(String),
    /// The node has no TLS although the server has: the password would be readable in transit.
    Insecure,
    /// The node is in a private network or on this machine, although the server is a public one.
    Private,
    /// The user has no node at the moment.
    NoNode,
    /// The server has no separate nodes: it stores the data itself.
    ServerItself,
    /// The server does not know the user.
    UnknownUser,
    /// The server has a temporary failure.
    Busy,
    /// The response does not have the form that such a server sends.
    Unreadable,
    /// The address is not such a server.
    WrongServer,
}

impl NodeAnswer {
    /// Interprets the response of the server at `server`.
    #[must_use]
    pub fn judge(status: u16, body: &[u8], server: &str) -> Self {
        match status {
            200..=299 => {}
            400 => return Self::UnknownUser,
            404 => return Self::ServerItself,
            408 | 429 | 500..=599 => return Self::Busy,
            _ => return Self::WrongServer,
        }
        let Ok(text) = core::str::from_utf8(body) else {
            return Self::Unreadable;
        };
        // Some servers respond in JSON.
        let text = text.trim();
        let text = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .unwrap_or(text);
        if matches!(text, "" | "null") {
            return Self::NoNode;
        }
        match address::service(text) {
            Ok(node) => match address::check_named(server, &node) {
                Ok(()) => Self::Node(node),
                Err(UnsafeAddress::Downgrade) => Self::Insecure,
                Err(UnsafeAddress::Private) => Self::Private,
            },
            Err(_) => Self::Unreadable,
        }
    }
}

/// A node that is stored between syncs with the account that it belongs to: it is requested again only after a 401.
///
/// ```
/// use selvedge_core::account::legacy::{Account, KnownNode};
///
/// let account = Account::new("https://auth.example.org", "johndoe", "password", "gbh7teqqcgyzd65svjgibd7tqy")?;
/// let node = KnownNode::new(&account, "https://node.example.org");
/// assert_eq!(node.url_for(&account), Some("https://node.example.org"));
/// let elsewhere = Account::new("https://other.example.org", "johndoe", "password", "gbh7teqqcgyzd65svjgibd7tqy")?;
/// assert_eq!(node.url_for(&elsewhere), None, "the password is sent to its own server only");
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownNode {
    server: String,
    username: String,
    url: String,
}

impl KnownNode {
    /// The node of an account.
    #[must_use]
    pub fn new(account: &Account, url: impl Into<String>) -> Self {
        Self {
            server: account.server.clone(),
            username: account.username.clone(),
            url: url.into(),
        }
    }

    /// The node's URL, if it belongs to this account.
    #[must_use]
    pub fn url_for(&self, account: &Account) -> Option<&str> {
        (self.server == account.server && self.username == account.username)
            .then_some(self.url.as_str())
    }
}

/// The server that assigns nodes to users.
///
/// ```
/// use selvedge_core::account::legacy::{Account, NodeServer};
/// use selvedge_core::host::Clock;
/// use selvedge_core::http::Fetch;
/// use selvedge_core::server::Access;
///
/// async fn access<H: Fetch + Clock>(host: &H, account: &Account) -> selvedge_core::error::Result<Access> {
///     let node = NodeServer::new(host, None).node_of(account).await?;
///     account.access(&node)
/// }
/// ```
pub struct NodeServer<'h, H> {
    host: &'h H,
    user_agent: Option<String>,
    observed: RefCell<Observed>,
}

impl<H> fmt::Debug for NodeServer<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeServer").finish_non_exhaustive()
    }
}

impl<'h, H: Fetch + Clock> NodeServer<'h, H> {
    /// Sends requests over `host`. `user_agent` is the product name; in a browser it must be `None`.
    #[must_use]
    pub fn new(host: &'h H, user_agent: Option<String>) -> Self {
        Self {
            host,
            user_agent,
            observed: RefCell::default(),
        }
    }

    /// Server information from the headers of the responses up to now. If the user has no node, it contains the time of
    /// the next attempt.
    #[must_use]
    pub fn observed(&self) -> Observed {
        self.observed.borrow().clone()
    }

    /// The URL of the node that stores the account's data. No password is sent.
    ///
    /// # Errors
    /// [`Error::SignedOut`] when the server does not know the user, [`Error::Wait`] when there is no node at the moment
    /// or the server has a temporary failure, [`Error::Answer`] when the response cannot be read or returns a node
    /// without TLS, [`Error::Input`] when the address is not such a server.
    pub async fn node_of(&self, account: &Account) -> Result<String> {
        let line = RequestLine::new(Method::Get, "node/weave");
        let Account {
            server, username, ..
        } = account;
        let url = format!("{server}/user/1.0/{username}/node/weave");
        let mut request = Request::new(Method::Get, url);
        request.add_header("Accept", "text/plain");
        if let Some(user_agent) = &self.user_agent {
            request.add_header("User-Agent", user_agent);
        }
        let answer = exchange(self.host, request, &self.observed, &line).await?;
        let unreadable = |detail: &str| Error::Answer {
            request: line.clone(),
            detail: detail.into(),
        };
        match NodeAnswer::judge(answer.status, &answer.body, server) {
            NodeAnswer::Node(url) => Ok(url),
            NodeAnswer::ServerItself => Ok(server.clone()),
            NodeAnswer::UnknownUser => Err(Error::SignedOut { request: line }),
            NodeAnswer::Insecure => Err(unreadable(
                "it is a node without TLS, where others on the network could read the password",
            )),
            NodeAnswer::Private => Err(unreadable(UnsafeAddress::Private.detail())),
            NodeAnswer::Unreadable => Err(unreadable("it is not a node URL")),
            NodeAnswer::WrongServer => Err(Error::Input(format!(
                "there is no server that assigns nodes at this address (it answers with status {}): check the address",
                answer.status
            ))),
            NodeAnswer::NoNode => {
                let until = self.host.now().plus_seconds(NO_NODE_SECONDS);
                let later = Backoff {
                    soft: Some(until),
                    hard: None,
                };
                self.observed.borrow_mut().backoff.merge(later);
                Err(Error::Wait {
                    until: Some(until),
                    status: answer.status,
                    request: line,
                })
            }
            NodeAnswer::Busy => {
                let mut backoff = Backoff::default();
                let offset = self.observed.borrow().offset();
                backoff.observe(&answer.headers, self.host.now(), offset);
                Err(Error::Wait {
                    until: backoff.until(),
                    status: answer.status,
                    request: line,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
