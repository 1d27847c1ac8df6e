//! The conditions of a request: `X-If-Modified-Since` and `X-If-Unmodified-Since` (spec §3.4).

use selvedge_core::time::ServerTime;

/// The conditions of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conditions {
    /// Read only if the target changed after this time.
    pub if_modified_since: Option<ServerTime>,
    /// Read or write only if the target did not change after this time.
    pub if_unmodified_since: Option<ServerTime>,
}

/// The result of the conditions for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They hold.
    Proceed,
    /// 304: the target did not change.
    NotModified,
    /// 412: the target changed.
    Changed,
}

impl Conditions {
    /// Evaluates the conditions for a target that was last changed at `modified`, zero if it does not exist.
    ///
    /// A missing target is never "not modified": a server that lost its data must not report that nothing changed.
    #[must_use]
    pub fn judge(self, modified: ServerTime) -> Verdict {
        if self
            .if_unmodified_since
            .is_some_and(|since| modified > since)
        {
            return Verdict::Changed;
        }
        let exists = modified != ServerTime::ZERO;
        if exists
            && self
                .if_modified_since
                .is_some_and(|since| modified <= since)
        {
            return Verdict::NotModified;
        }
        Verdict::Proceed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: fn(u64) -> ServerTime = ServerTime::from_hundredths;

    #[test]
    fn each_condition_means_what_the_protocol_says() {
        let modified_since = |t| Conditions {
            if_modified_since: Some(T(t)),
            ..Conditions::default()
        };
        let unmodified_since = |t| Conditions {
            if_unmodified_since: Some(T(t)),
            ..Conditions::default()
        };
        for (conditions, modified, verdict) in [
            (Conditions::default(), 5, Verdict::Proceed),
            (modified_since(4), 5, Verdict::Proceed),
            (modified_since(5), 5, Verdict::NotModified),
            (modified_since(6), 5, Verdict::NotModified),
            (modified_since(5), 0, Verdict::Proceed),
            (unmodified_since(4), 5, Verdict::Changed),
            (unmodified_since(5), 5, Verdict::Proceed),
            (unmodified_since(0), 0, Verdict::Proceed),
            (unmodified_since(0), 1, Verdict::Changed),
        ] {
            assert_eq!(
                conditions.judge(T(modified)),
                verdict,
                "{conditions:?} {modified}"
            );
        }
    }
}
