//! One request below a user's endpoint, before it is signed, and its answer, before it is read.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::conditions::Condition;
use super::observed::{last_modified, weave_timestamp};
use crate::error::{Error, RequestLine, Result};
use crate::http::{Method, Response};
use crate::time::ServerTime;

/// A request that is to be signed and sent.
pub(crate) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Call {
    /// A call of a path below the endpoint, with its query, encoded.
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Which answers are understood.
    pub(crate) fn accept(self, types: &str) -> Self {
        self.header("Accept", types)
    }

    /// With a header.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a condition.
    pub(crate) fn when(mut self, condition: Condition) -> Self {
        self.headers.extend(condition.header());
        self
    }

    /// With a JSON body.
    pub(crate) fn json(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self.header("Content-Type", "application/json")
    }

    pub(super) fn line(&self) -> RequestLine {
        let path = self.path.split('?').next().unwrap_or_default();
        RequestLine::new(self.method, path)
    }
}

/// A successful answer whose body is still to be read.
pub(crate) struct Reply<B> {
    pub(crate) response: Response<B>,
    pub(crate) line: RequestLine,
}

impl<B> Reply<B> {
    pub(crate) fn is_unmodified(&self) -> bool {
        self.response.status == 304
    }

    pub(crate) fn last_modified(&self) -> Option<ServerTime> {
        last_modified(&self.response.headers)
    }

    /// The time of a write: from `X-Last-Modified`, then `X-Weave-Timestamp`, then the body (spec §3.2).
    pub(crate) fn write_time(&self, body: &[u8]) -> Result<ServerTime> {
        self.last_modified()
            .or_else(|| weave_timestamp(&self.response.headers))
            .or_else(|| body_time(body))
            .ok_or_else(|| self.unreadable("it does not tell the time of the write"))
    }

    pub(crate) fn unreadable(&self, detail: impl Into<String>) -> Error {
        Error::Answer {
            request: self.line.clone(),
            detail: detail.into(),
        }
    }

    /// The place of a JSON error; its text could quote a record.
    pub(crate) fn no_json(&self, error: &serde_json::Error) -> Error {
        self.unreadable(format!(
            "it is not the JSON that the protocol says (line {}, column {})",
            error.line(),
            error.column()
        ))
    }
}

/// A write's time in a body: bare, in quotes, or as the member `modified`.
fn body_time(body: &[u8]) -> Option<ServerTime> {
    #[derive(serde::Deserialize)]
    struct Modified {
        modified: ServerTime,
    }
    if let Ok(object) = serde_json::from_slice::<Modified>(body) {
        return Some(object.modified);
    }
    let text = body.trim_ascii();
    let text = text
        .strip_prefix(b"\"")
        .and_then(|text| text.strip_suffix(b"\""))
        .unwrap_or(text);
    ServerTime::parse_json(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_write_is_found_wherever_it_is() {
        let time = |headers: &[(&str, &str)], body: &str| {
            let response = Response {
                status: 200,
                headers: headers.iter().copied().collect(),
                body: (),
            };
            let line = RequestLine::new(Method::Put, "x");
            let time = Reply { response, line }.write_time(body.as_bytes());
            time.ok().map(ServerTime::hundredths)
        };
        let both = [("X-Weave-Timestamp", "2.00"), ("X-Last-Modified", "1.00")];
        type Row<'a> = (&'a [(&'a str, &'a str)], &'a str, Option<u64>);
        let rows: [Row<'_>; 8] = [
            (&both, "3", Some(100)),
            (&both[..1], "3", Some(200)),
            (&[], "3.5", Some(350)),
            (&[], "\"3.5\"\n", Some(350)),
            (&[], r#"{"modified":3.5}"#, Some(350)),
            (&[("X-Last-Modified", "-1")], "3", Some(300)),
            (&[], "", None),
            (&[], "true", None),
        ];
        for (headers, body, expected) in rows {
            assert_eq!(time(headers, body), expected, "{headers:?} {body}");
        }
    }
}
