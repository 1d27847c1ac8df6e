//! What happens to the daemon, and what it then wants to be run.

use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::push::Message;
use crate::timing::Preflighted;
use selvedge_core::time::LocalTime;

/// Something that happened.
///
/// ```
/// use selvedge_santa::{Kind, Wake};
///
/// assert_ne!(Wake::AskedFor(Kind::Normal), Wake::AskedFor(Kind::Clean));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// The daemon started; what it knew of syncs and push is over.
    Started,
    /// A person asks for a sync.
    AskedFor(Kind),
    /// A sync that was due has begun.
    Began(Job),
    /// Preflight was answered.
    Preflighted(Preflighted),
    /// Preflight failed; the sync has ended with that.
    PreflightFailed,
    /// An upload outside of any sync failed.
    UploadFailed,
    /// The sync that ran has ended, in whatever way.
    Ended,
    /// There is a push client: push is in use from now on.
    PushPresent,
    /// The push client has a connection.
    PushConnected,
    /// It lost its connection, and will try again.
    PushDisconnected,
    /// It will not try again, or there is none any more.
    PushGone,
    /// A push message came.
    Pushed(Message),
    /// The host sees whether there is a network.
    Network {
        /// Whether there is.
        is_up: bool,
    },
}

/// What is to be run.
///
/// ```
/// use selvedge_santa::Job;
///
/// assert_ne!(Job::Rules, Job::Full { kind: None, is_pushed: true });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Job {
    /// All stages. A kind that a person asked for is kept as a request first.
    Full {
        /// What a person asked for; `None` when nobody did.
        kind: Option<Kind>,
        /// Whether a push message caused it.
        is_pushed: bool,
    },
    /// Rules alone.
    Rules,
}

/// What is next.
///
/// ```
/// use selvedge_santa::Due;
///
/// assert_ne!(Due::Nothing, Due::Running);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Run this now.
    Now(Job),
    /// Nothing before then, unless something happens.
    At(LocalTime),
    /// A sync runs: ask again when it has ended.
    Running,
    /// Nothing at all: it has not been started.
    Nothing,
}

/// Too many syncs wait already.
///
/// ```
/// assert_eq!(selvedge_santa::Full.to_string(), "too many syncs wait already: try again later");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many syncs wait already: try again later")]
pub struct Full;
