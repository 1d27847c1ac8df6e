//! Why a call is not done.

/// Why a call is not done.
///
/// ```
/// use selvedge_santa::ipc::Fault;
///
/// assert_eq!(Fault::Forbidden.code(), -32000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The line is no JSON.
    #[error("the line is no JSON")]
    Parse,
    /// The line is no call, or too long.
    #[error("the line is no call of JSON-RPC 2.0, or too long")]
    Request,
    /// There is no such method.
    #[error("there is no such method")]
    Method,
    /// The parameters are not what they should be.
    #[error("the parameters are not what they should be")]
    Params,
    /// The caller may not do this.
    #[error("only root and the agent may do this")]
    Forbidden,
    /// No server is set.
    #[error("no server is set: write SyncBaseURL into santa.toml")]
    NotConfigured,
    /// Too many syncs wait already.
    #[error("too many syncs wait already: try again later")]
    Busy,
    /// The server did not take the events.
    #[error("the server did not take the events")]
    UploadFailed,
    /// The local store did not do its work: nothing was kept.
    #[error("the local store did not do its work, and nothing was kept")]
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
            // JSON-RPC's own number for what is wrong within.
            Self::Store => -32603,
        }
    }

    /// The fault of a number.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.code() == code)
    }
}
