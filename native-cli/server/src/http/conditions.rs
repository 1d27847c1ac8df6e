//! Reads `X-If-Modified-Since` and `X-If-Unmodified-Since` from a request (spec §3.4).

use axum::http::HeaderMap;
use selvedge_core::time::ServerTime;

use super::reply::{Refusal, WeaveCode};
use crate::model::Conditions;

/// Reads the conditions of a request.
///
/// # Errors
/// 400 when a value is not a server timestamp, or when both headers are present.
pub(super) fn from_headers(headers: &HeaderMap) -> Result<Conditions, Refusal> {
    let conditions = Conditions {
        if_modified_since: time(headers, "x-if-modified-since")?,
        if_unmodified_since: time(headers, "x-if-unmodified-since")?,
    };
    if conditions.if_modified_since.is_some() && conditions.if_unmodified_since.is_some() {
        return Err(Refusal::BadRequest(WeaveCode::Unknown));
    }
    Ok(conditions)
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

    #[test]
    fn both_at_once_and_malformed_values_are_refused() {
        let parse = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect();
            from_headers(&headers)
        };
        assert!(parse(&[("x-if-modified-since", "1.5")]).is_ok());
        for bad in ["", "-1", "abc", "1e3", "1."] {
            assert!(parse(&[("x-if-modified-since", bad)]).is_err(), "{bad:?}");
            assert!(parse(&[("x-if-unmodified-since", bad)]).is_err(), "{bad:?}");
        }
        assert!(parse(&[("x-if-modified-since", "1"), ("x-if-unmodified-since", "1")]).is_err());
    }
}
