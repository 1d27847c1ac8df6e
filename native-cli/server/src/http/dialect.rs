//! The differences of the dialect 1.1 of the storage API from 1.5, for the server (spec §3.10).
//!
//! | | 1.5 | 1.1 |
//! |---|---|---|
//! | authentication | Hawk, by uid | a name and a password |
//! | conditions | both, on reads too | `X-If-Unmodified-Since` on writes, by the collection's time |
//! | `offset` | a token of the server's | a number of records to skip, with `limit` |
//! | batches, `info/configuration` | yes | no |
//! | `X-Last-Modified`, `X-Weave-Next-Offset` | yes | no: `X-Weave-Timestamp` is the time of a write |
//! | `DELETE storage` | deletes | deletes with `X-Confirm-Delete` |
//! | over quota; busy | 403; 409 or 503 | 400; 503 with `X-Weave-Backoff` |
//! | reasons of a failure | a text | a list of texts |

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use selvedge_core::server::Dialect;
use selvedge_core::time::ServerTime;

use super::conditions::from_headers;
use super::reply::{LastModified, Refusal, WeaveCode, set};
use crate::model::{Conditions, Target};

/// The challenge of a 401.
const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"Sync\"");

/// The conditions of a read.
pub(super) fn read_conditions(
    dialect: Dialect,
    headers: &HeaderMap,
) -> Result<Conditions, Refusal> {
    match dialect {
        Dialect::V1_5 => from_headers(headers),
        Dialect::V1_1 => Ok(Conditions::default()),
    }
}

/// The conditions of a write.
pub(super) fn write_conditions(
    dialect: Dialect,
    headers: &HeaderMap,
) -> Result<Conditions, Refusal> {
    let conditions = from_headers(headers)?;
    Ok(match dialect {
        Dialect::V1_5 => conditions,
        Dialect::V1_1 => Conditions {
            if_modified_since: None,
            ..conditions
        },
    })
}

/// The target whose time the condition of a write of one record is compared with.
pub(super) const fn target_of_record(dialect: Dialect) -> Target {
    match dialect {
        Dialect::V1_5 => Target::Record,
        Dialect::V1_1 => Target::Collection,
    }
}

/// Whether everything may be deleted.
pub(super) fn check_confirmed(dialect: Dialect, headers: &HeaderMap) -> Result<(), Refusal> {
    match dialect {
        Dialect::V1_1 if !headers.contains_key("x-confirm-delete") => {
            Err(Refusal::BadRequest(WeaveCode::IllegalMethod))
        }
        Dialect::V1_5 | Dialect::V1_1 => Ok(()),
    }
}

/// Sets a reply's time and converts it to the dialect. `arrived` is the time at which the request arrived; the time of a
/// write is never before it, so that a write's reply has the time of the write in both dialects.
pub(super) fn set_time(dialect: Dialect, reply: &mut Response, arrived: ServerTime) {
    let modified = reply.extensions().get::<LastModified>().copied();
    let time = modified.map_or(arrived, |LastModified(modified)| arrived.max(modified));
    set(reply, "x-weave-timestamp", &time.to_string());
    if dialect == Dialect::V1_5 {
        return;
    }
    reply.headers_mut().remove("x-last-modified");
    match reply.status() {
        StatusCode::UNAUTHORIZED => {
            let headers = reply.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, BASIC);
        }
        StatusCode::FORBIDDEN => *reply.status_mut() = StatusCode::BAD_REQUEST,
        StatusCode::CONFLICT => *reply.status_mut() = StatusCode::SERVICE_UNAVAILABLE,
        _ => {}
    }
    if reply.status() == StatusCode::SERVICE_UNAVAILABLE
        && let Some(wait) = reply.headers().get(header::RETRY_AFTER).cloned()
    {
        reply.headers_mut().insert("x-weave-backoff", wait);
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::super::auth_error::AuthError;
    use super::super::reply::json;
    use super::*;

    const fn time(hundredths: u64) -> ServerTime {
        ServerTime::from_hundredths(hundredths)
    }

    fn converted(dialect: Dialect, mut reply: Response) -> Response {
        set_time(dialect, &mut reply, time(900));
        reply
    }

    fn header<'r>(reply: &'r Response, name: &str) -> Option<&'r str> {
        Some(reply.headers().get(name)?.to_str().unwrap())
    }

    #[test]
    fn a_write_has_its_time_in_the_one_header_that_the_dialect_has() {
        for (dialect, modified, timestamp, last_modified) in [
            (Dialect::V1_5, 901, "9.01", Some("9.01")),
            (Dialect::V1_1, 901, "9.01", None),
            // A read of what was written earlier.
            (Dialect::V1_5, 100, "9.00", Some("1.00")),
            (Dialect::V1_1, 100, "9.00", None),
        ] {
            let reply = converted(dialect, json("1.00", time(modified)));
            assert_eq!(header(&reply, "x-weave-timestamp"), Some(timestamp));
            assert_eq!(header(&reply, "x-last-modified"), last_modified);
        }
        let reply = converted(Dialect::V1_1, Refusal::Changed(time(100)).into_response());
        assert_eq!(header(&reply, "x-weave-timestamp"), Some("9.00"));
    }

    #[test]
    fn each_refusal_has_the_status_of_the_dialect() {
        for (refusal, status, name, value) in [
            (
                Refusal::Unauthorized(AuthError::WrongPassword),
                401,
                "www-authenticate",
                Some("Basic realm=\"Sync\""),
            ),
            (Refusal::OverQuota, 400, "x-weave-backoff", None),
            (Refusal::Conflict, 503, "x-weave-backoff", Some("5")),
            (Refusal::Unavailable, 503, "x-weave-backoff", Some("5")),
            (Refusal::NotFound, 404, "x-weave-backoff", None),
            (Refusal::Changed(time(1)), 412, "x-last-modified", None),
        ] {
            let reply = converted(Dialect::V1_1, refusal.clone().into_response());
            assert_eq!(reply.status(), status, "{refusal:?}");
            assert_eq!(header(&reply, name), value, "{refusal:?}");
        }
    }

    #[test]
    fn reads_have_no_conditions_and_writes_have_one() {
        let headers = |name: &'static str| {
            [(name.parse().unwrap(), HeaderValue::from_static("1.5"))]
                .into_iter()
                .collect::<HeaderMap>()
        };
        let unmodified = headers("x-if-unmodified-since");
        let of = |dialect, headers: &HeaderMap| {
            let has = |found: Conditions| {
                (
                    found.if_modified_since.is_some(),
                    found.if_unmodified_since.is_some(),
                )
            };
            let read = has(read_conditions(dialect, headers).unwrap());
            let write = has(write_conditions(dialect, headers).unwrap());
            (read, write)
        };
        let (yes, no) = ((false, true), (false, false));
        assert_eq!(of(Dialect::V1_5, &unmodified), (yes, yes));
        assert_eq!(of(Dialect::V1_1, &unmodified), (no, yes));
        let modified = headers("x-if-modified-since");
        assert_eq!(of(Dialect::V1_1, &modified), (no, no));
    }
}
