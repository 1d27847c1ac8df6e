//! What a push message asks for.

/// The action that a message requests.
///
/// ```
/// use selvedge_santa::push::Message;
///
/// assert_ne!(Message::Full, Message::Tag { max_jitter: Some(0) });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// A sync with all stages, now.
    Full,
    /// A sync with all stages, after a random delay; the maximum delay is three minutes if not specified.
    Tag {
        /// Maximum delay in seconds.
        max_jitter: Option<u32>,
    },
    /// A rule download only.
    Rules {
        /// Whether the message is for this machine only, which then does not wait.
        is_for_us: bool,
    },
}
