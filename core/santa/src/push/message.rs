//! What a push message asks for.

/// What a message asks for.
///
/// ```
/// use selvedge_santa::push::Message;
///
/// assert_ne!(Message::Full, Message::Tag { max_jitter: Some(0) });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// All stages, now.
    Full,
    /// All stages, within so many seconds; three minutes where it does not say.
    Tag {
        /// The most seconds.
        max_jitter: Option<u32>,
    },
    /// Rules alone.
    Rules {
        /// Whether this machine alone is meant, which then does not wait.
        is_for_us: bool,
    },
}
