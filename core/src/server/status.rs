//! The meaning of an error status (spec §3.8): the one place that converts it into an [`Error`].

use crate::error::{Error, RequestLine};
use crate::time::LocalTime;

/// The error for an unsuccessful response. `until` is the time until which this response asks clients to wait;
/// `is_genuine` is whether it comes from the storage server itself.
pub(crate) fn refusal(
    status: u16,
    is_genuine: bool,
    body: &[u8],
    until: Option<LocalTime>,
    request: RequestLine,
) -> Error {
    let code = code(body);
    match (status, code) {
        (400 | 403, Some(14)) => Error::OverQuota { request },
        (400, Some(16)) => Error::ClientRefused { request },
        (400, Some(17)) | (413, _) => Error::TooLarge { status, request },
        (401, _) => Error::SignedOut { request },
        (404, _) if is_genuine => Error::NotFound { request },
        (404, _) => Error::NotGenuine { status, request },
        (409 | 412, _) => Error::Conflict { request },
        (513, _) => Error::ServiceClosed,
        // 408 and proxy-specific codes have the same meaning as other temporary failures.
        (408 | 429 | 500..=599, _) => Error::Wait {
            until,
            status,
            request,
        },
        _ => Error::Refused {
            status,
            code,
            request,
        },
    }
}

/// The integer in the body of a 400: plain, or as a JSON string.
fn code(body: &[u8]) -> Option<u32> {
    let text = core::str::from_utf8(body).ok()?.trim();
    let text = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn each_status_maps_to_one_error() {
        let request = || RequestLine::new(Method::Post, "storage/notes");
        let until = Some(LocalTime::from_millis(5));
        let wait = |status| Error::Wait {
            until,
            status,
            request: request(),
        };
        let refused = |status, code| Error::Refused {
            status,
            code,
            request: request(),
        };
        let conflict = || Error::Conflict { request: request() };
        let over_quota = || Error::OverQuota { request: request() };
        let too_large = |status| Error::TooLarge {
            status,
            request: request(),
        };
        let rows = [
            (302, "", refused(302, None)),
            (304, "", refused(304, None)),
            (400, "1", refused(400, Some(1))),
            (400, "6", refused(400, Some(6))),
            (400, "8", refused(400, Some(8))),
            (400, "13", refused(400, Some(13))),
            (400, "14", over_quota()),
            (400, "\"14\"\n", over_quota()),
            (400, "16", Error::ClientRefused { request: request() }),
            (400, "17", too_large(400)),
            (400, "-17", refused(400, None)),
            (400, "<html>", refused(400, None)),
            (401, "\"0\"", Error::SignedOut { request: request() }),
            (403, "14", over_quota()),
            (403, "", refused(403, None)),
            (404, "0", Error::NotFound { request: request() }),
            (405, "", refused(405, None)),
            (408, "", wait(408)),
            (409, "0", conflict()),
            (412, "0", conflict()),
            (413, "", too_large(413)),
            (415, "", refused(415, None)),
            (429, "", wait(429)),
            (500, "\"server issue: x\"", wait(500)),
            (502, "<html>", wait(502)),
            (503, "0", wait(503)),
            (504, "", wait(504)),
            (513, "", Error::ServiceClosed),
            (520, "", wait(520)),
        ];
        for (status, body, error) in rows {
            assert_eq!(
                refusal(status, true, body.as_bytes(), until, request()),
                error,
                "{status} {body:?}"
            );
        }
    }

    #[test]
    fn a_404_of_a_proxy_contains_no_information_about_the_account() {
        let request = || RequestLine::new(Method::Get, "storage/meta/global");
        let error = refusal(404, false, b"<h1>Not Found</h1>", None, request());
        let expected = Error::NotGenuine {
            status: 404,
            request: request(),
        };
        assert_eq!(error, expected);
    }
}
