//! `X-If-Modified-Since` and `X-If-Unmodified-Since` (spec §3.4).

use axum::http::HeaderMap;
use selvedge_core::time::ServerTime;

use super::reply::{Refusal, WeaveCode};

/// The conditions of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conditions {
    /// Answer only if the target changed after this time.
    pub if_modified_since: Option<ServerTime>,
    /// Do it only if the target did not change after this time.
    pub if_unmodified_since: Option<ServerTime>,
}

/// What the conditions mean for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They hold.
    Proceed,
    /// 304: the reader has it already.
    NotModified,
    /// 412: somebody changed it.
    Changed,
}

impl Conditions {
    /// Reads them from a request's headers.
    ///
    /// # Errors
    /// 400 when a value is no server timestamp or when both are there.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, Refusal> {
        let conditions = Self {
            if_modified_since: time(headers, "x-if-modified-since")?,
            if_unmodified_since: time(headers, "x-if-unmodified-since")?,
        };
        if conditions.if_modified_since.is_some() && conditions.if_unmodified_since.is_some() {
            return Err(Refusal::BadRequest(WeaveCode::Unknown));
        }
        Ok(conditions)
    }

    /// Judges a target that was last changed at `modified`, zero if it does not exist.
    ///
    /// What does not exist is never "not modified": a server that lost everything must not tell a reader that all is
    /// as it was.
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

fn time(headers: &HeaderMap, name: &str) -> Result<Option<ServerTime>, Refusal> {
    let malformed = Refusal::BadRequest(WeaveCode::Unknown);
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| malformed.clone())?;
    ServerTime::parse(text).map(Some).map_err(|_| malformed)
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

    #[test]
    fn both_at_once_and_malformed_values_are_refused() {
        let parse = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect();
            Conditions::from_headers(&headers)
        };
        assert!(parse(&[("x-if-modified-since", "1.5")]).is_ok());
        for bad in ["", "-1", "abc", "1e3", "1."] {
            assert!(parse(&[("x-if-modified-since", bad)]).is_err(), "{bad:?}");
            assert!(parse(&[("x-if-unmodified-since", bad)]).is_err(), "{bad:?}");
        }
        assert!(parse(&[("x-if-modified-since", "1"), ("x-if-unmodified-since", "1")]).is_err());
    }
}
