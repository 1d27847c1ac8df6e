//! Which server, with which credentials? (spec §1.9, §4.3)
//!
//! ```text
//! the kept token is still good ─────────────────→ use it
//! else request one from the token server ───────→ use the new one
//!
//! by name and password: the kept node ──────────→ use it
//! no kept node, or it refused the password ─────→ request the node
//!   the one that refused it ────────────────────→ signed out: the password is wrong
//!   another ────────────────────────────────────→ use it
//!
//! endpoint or key id as last time, or first time → continue
//! another endpoint or key id ───────────────────→ node reassignment: discard the server's state, never wipe
//! ```

use super::options::{Options, Stage};
use super::session::Session;
use super::state::{GlobalState, ServerView};
use crate::account::legacy::{self, KnownNode, NodeServer};
use crate::account::{Credentials, Source, Token, TokenServer};
use crate::error::{Error, RequestLine, Result};
use crate::host::Host;
use crate::http::Method;
use crate::server::{Access, Traffic};
use crate::time::LocalTime;

/// A storage token that the host keeps between syncs, with its other secrets.
///
/// ```
/// use selvedge_core::account::Token;
/// use selvedge_core::sync::KeptToken;
/// use selvedge_core::time::LocalTime;
///
/// let json = br#"{"api_endpoint":"https://sync.example.org/1.5/1","id":"i","key":"k","uid":1,"duration":3600}"#;
/// let kept = KeptToken { token: Token::from_json(json)?, received: LocalTime::from_millis(0) };
/// assert!(kept.is_fresh(LocalTime::from_millis(2_879_999)), "80 % of an hour");
/// assert!(!kept.is_fresh(LocalTime::from_millis(2_880_000)));
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptToken {
    /// The token.
    pub token: Token,
    /// When it was received, by the local clock.
    pub received: LocalTime,
}

impl KeptToken {
    /// Whether it may be used at `now`: up to 80 % of its lifetime, and not before it was received.
    #[must_use]
    pub const fn is_fresh(&self, now: LocalTime) -> bool {
        self.received.millis() <= now.millis()
            && now.millis() < self.token.renew_at(self.received).millis()
    }
}

/// Whether the server is the one of the last sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    /// The same server, or the first one ever.
    Known,
    /// Another server, or another key: it is empty, or another copy.
    Reassigned,
}

fn judge_parts(known: [Option<&str>; 2], found: [&str; 2]) -> Node {
    let differs = |(known, found): (Option<&str>, &str)| known.is_some_and(|known| known != found);
    if known.into_iter().zip(found).any(differs) {
        Node::Reassigned
    } else {
        Node::Known
    }
}

fn key_id(credentials: &Credentials) -> &str {
    credentials.kid.as_deref().unwrap_or_default()
}

/// Compares the server with the one of the last sync.
pub(super) fn judge(state: &GlobalState, access: &Access, credentials: &Credentials) -> Node {
    judge_parts(
        [
            state.server.endpoint.as_deref(),
            state.server.key_id.as_deref(),
        ],
        [access.endpoint(), key_id(credentials)],
    )
}

/// The number of requests for access in this sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// For the first time.
    First,
    /// Again, because the server refused the first credentials.
    AfterRefusal,
}

/// The meaning of the node that a server returns.
#[derive(Debug, PartialEq, Eq)]
enum NodeVerdict {
    /// It is used.
    Use,
    /// It has already refused the password.
    WrongPassword,
}

fn judge_node(known: Option<&str>, found: &str, attempt: Attempt) -> NodeVerdict {
    match attempt {
        Attempt::AfterRefusal if known == Some(found) => NodeVerdict::WrongPassword,
        Attempt::First | Attempt::AfterRefusal => NodeVerdict::Use,
    }
}

/// Access to the node of an account by name and password.
async fn node<H: Host>(
    host: &H,
    account: &legacy::Account,
    attempt: Attempt,
    options: &Options<'_>,
    state: &mut GlobalState,
    traffic: &mut Traffic,
) -> Result<Access> {
    let kept = state
        .device
        .node
        .as_ref()
        .and_then(|node| node.url_for(account));
    if let (Some(node), Attempt::First) = (kept, attempt) {
        return account.access(node);
    }
    let server = NodeServer::new(host, options.user_agent.clone());
    let answer = server.node_of(account).await;
    let observed = server.observed();
    state.device.backoff.merge(observed.backoff);
    traffic.add(observed.traffic);
    let found = answer?;
    if judge_node(kept, &found, attempt) == NodeVerdict::WrongPassword {
        return Err(Error::SignedOut {
            request: RequestLine::new(Method::Get, "info/collections"),
        });
    }
    let access = account.access(&found)?;
    state.device.node = Some(KnownNode::new(account, found));
    Ok(access)
}

/// Uses the credentials' own token, or the kept one while it is fresh, or requests a new one. Pauses that the token
/// server requests are stored in the state.
pub(super) async fn step<H: Host>(
    host: &H,
    credentials: &Credentials,
    kept: &mut Option<KeptToken>,
    attempt: Attempt,
    options: &Options<'_>,
    state: &mut GlobalState,
    traffic: &mut Traffic,
) -> Result<Access> {
    (options.progress)(Stage::Token);
    let (url, access_token) = match &credentials.source {
        Source::Token(token) => return token.access(),
        Source::Legacy(account) => {
            return node(host, account, attempt, options, state, traffic).await;
        }
        Source::TokenServer { url, access_token } => (url, access_token),
    };
    if let Some(kept) = kept.as_ref().filter(|kept| kept.is_fresh(host.now())) {
        return kept.token.access();
    }
    let kid = credentials.kid.as_deref().unwrap_or_default();
    let server = TokenServer::new(host, url, options.user_agent.clone())?;
    let answer = server.token(access_token, kid).await;
    let observed = server.observed();
    state.device.backoff.merge(observed.backoff);
    traffic.add(observed.traffic);
    let token = answer?;
    let access = token.access()?;
    *kept = Some(KeptToken {
        token,
        received: host.now(),
    });
    Ok(access)
}

/// Whether a new token can be requested when the server refuses the current one.
pub(super) const fn can_renew(credentials: &Credentials) -> bool {
    matches!(
        credentials.source,
        Source::TokenServer { .. } | Source::Legacy(_)
    )
}

/// Adopts the server; after a node reassignment the stored state of the former server is discarded first.
pub(super) async fn adopt<H: Host>(
    session: &mut Session<'_, H>,
    credentials: &Credentials,
    access: &Access,
) -> Result<()> {
    let node = judge(&session.state, access, credentials);
    let known_key = session.state.server.key_id.as_deref();
    let is_rekeyed = known_key.is_some_and(|known| known != key_id(credentials));
    if node == Node::Reassigned {
        session.state.replace_keys(None);
        session.state.server = ServerView::default();
        // A pending first sync was decided for another server, and the refusal came from another server.
        session.state.device.first_sync = None;
        session.state.device.refused_until = None;
    }
    session.state.server.is_rekeyed |= is_rekeyed;
    session.state.server.endpoint = Some(access.endpoint().into());
    session.state.server.key_id = Some(key_id(credentials).into());
    match node {
        Node::Known => Ok(()),
        Node::Reassigned => session.reset_all().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_node_that_refuses_and_is_named_again_says_that_the_password_is_wrong() {
        use Attempt::{AfterRefusal, First};
        let rows = [
            ("first time", None, First, NodeVerdict::Use),
            (
                "kept by another account",
                None,
                AfterRefusal,
                NodeVerdict::Use,
            ),
            ("same, not refused", Some("a"), First, NodeVerdict::Use),
            (
                "same, refused",
                Some("a"),
                AfterRefusal,
                NodeVerdict::WrongPassword,
            ),
            ("moved", Some("b"), AfterRefusal, NodeVerdict::Use),
        ];
        for (name, known, attempt, expected) in rows {
            assert_eq!(judge_node(known, "a", attempt), expected, "{name}");
        }
    }

    #[test]
    fn every_row() {
        let rows = [
            ("first time", [None, None], Node::Known),
            ("same", [Some("https://a/1.5/1"), Some("k1")], Node::Known),
            (
                "other node",
                [Some("https://b/1.5/1"), Some("k1")],
                Node::Reassigned,
            ),
            (
                "other user",
                [Some("https://a/1.5/2"), Some("k1")],
                Node::Reassigned,
            ),
            (
                "other key",
                [Some("https://a/1.5/1"), Some("k2")],
                Node::Reassigned,
            ),
        ];
        for (name, known, expected) in rows {
            assert_eq!(
                judge_parts(known, ["https://a/1.5/1", "k1"]),
                expected,
                "{name}"
            );
        }
    }
}
