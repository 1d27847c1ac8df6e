//! Why a call is not done.

/// Why a call failed.
///
/// ```
/// use selvedge_santa::ipc::Fault;
///
/// assert_eq!(Fault::Forbidden.code(), -32000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The line is not JSON.
    #[error("the line is not JSON")]
    Parse,
    /// The line is not a call, or too long.
    #[error("the line is not a JSON-RPC 2.0 call, or is too long")]
    Request,
    /// The method does not exist.
    #[error("unknown method")]
    Method,
    /// The parameters are invalid.
    #[error("the parameters are invalid")]
    Params,
    /// The caller may not do this.
    #[error("only root and the agent may do this")]
    Forbidden,
    /// No server is set.
    #[error("no server is set: write SyncBaseURL into santa.toml")]
    NotConfigured,
    /// Too many syncs are already waiting.
    #[error("too many syncs are already waiting: try again later")]
    Busy,
    /// The server did not accept the events.
    #[error("the server did not accept the events")]
    UploadFailed,
    /// The local store reported an error: nothing was stored.
    #[error("the local store reported an error, and nothing was stored")]
    Store,
}

impl Fault {
    pub(super) const ALL: [Self; 9] = [
        Self::Parse,
        Self::Request,
        Self::Method,
        Self::Params,
        Self::Forbidden,
        Self::NotConfigured,
        Self::Busy,
        Self::UploadFailed,
        Self::Store,
    ];

    /// Its number.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Parse => -32700,
            Self::Request => -32600,
            Self::Method => -32601,
            Self::Params => -32602,
            Self::Forbidden => -32000,
            Self::NotConfigured => -32001,
            Self::Busy => -32002,
            Self::UploadFailed => -32003,
            // JSON-RPC's number for internal errors.
            Self::Store => -32603,
        }
    }

    /// The fault with a number.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.code() == code)
    }
}
