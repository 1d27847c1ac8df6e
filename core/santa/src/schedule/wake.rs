//! The daemon's input events, and the jobs that it schedules.

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
    /// The daemon started; earlier knowledge about syncs and push is discarded.
    Started,
    /// A person requests a sync.
    AskedFor(Kind),
    /// A sync that was due has started.
    Began(Job),
    /// Preflight has succeeded.
    Preflighted(Preflighted),
    /// Preflight failed, which ended the sync.
    PreflightFailed,
    /// An upload outside of a sync failed.
    UploadFailed,
    /// The running sync has ended, with any result.
    Ended,
    /// There is a push client: push is in use from now on.
    PushPresent,
    /// The push client is connected.
    PushConnected,
    /// The push client lost its connection, and will retry.
    PushDisconnected,
    /// The push client will not retry, or no longer exists.
    PushGone,
    /// A push message arrived.
    Pushed(Message),
    /// The host reports whether there is a network connection.
    Network {
        /// Whether there is one.
        is_up: bool,
    },
}

/// A job to run.
///
/// ```
/// use selvedge_santa::Job;
///
/// assert_ne!(Job::Rules, Job::Full { kind: None, is_pushed: true });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Job {
    /// A sync with all stages. A kind that a person requested must first be stored as a request.
    Full {
        /// The kind that a person requested; `None` for an automatic sync.
        kind: Option<Kind>,
        /// Whether a push message caused it.
        is_pushed: bool,
    },
    /// A rule download only.
    Rules,
}

/// The next action.
///
/// ```
/// use selvedge_santa::Due;
///
/// assert_ne!(Due::Nothing, Due::Running);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Run this job now.
    Now(Job),
    /// Wait until this time, unless an event occurs.
    At(LocalTime),
    /// A sync is running: call again when it has ended.
    Running,
    /// Nothing: the daemon has not been started.
    Nothing,
}

/// Too many syncs are already waiting.
///
/// ```
/// assert_eq!(selvedge_santa::Full.to_string(), "too many syncs are already waiting: try again later");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many syncs are already waiting: try again later")]
pub struct Full;
