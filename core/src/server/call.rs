//! One request below a user's endpoint before it is signed, and its response before the body is read.

use alloc::string::String;
use alloc::vec::Vec;

use super::conditions::Condition;
use super::observed::{is_genuine, last_modified};
use crate::error::{Error, RequestLine};
use crate::http::{Method, Response};
use crate::time::ServerTime;

/// A request that is not authorized and sent yet.
#[derive(Clone)]
pub(crate) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) condition: Condition,
    pub(super) body: Vec<u8>,
}

impl Call {
    /// A call of a path below the endpoint, including the query; percent-encoded.
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            condition: Condition::None,
            body: Vec::new(),
        }
    }

    /// Sets the accepted content types.
    pub(crate) fn accept(self, types: &str) -> Self {
        self.header("Accept", types)
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds a condition, if the server's dialect supports it.
    pub(crate) fn when(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }

    /// Sets a JSON body.
    pub(crate) fn json(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self.header("Content-Type", "application/json")
    }

    pub(super) fn line(&self) -> RequestLine {
        let path = self.path.split('?').next().unwrap_or_default();
        RequestLine::new(self.method, path)
    }
}

/// A successful response whose body has not been read yet.
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

    /// Checks that a response comes from the storage server itself.
    pub(crate) fn check_genuine(&self) -> Result<(), Error> {
        if is_genuine(&self.response.headers) {
            Ok(())
        } else {
            Err(Error::NotGenuine {
                status: self.response.status,
                request: self.line.clone(),
            })
        }
    }

    pub(crate) fn unreadable(&self, detail: impl Into<String>) -> Error {
        Error::Answer {
            request: self.line.clone(),
            detail: detail.into(),
        }
    }

    /// The body is not JSON, or not the expected JSON; more details could quote a record.
    pub(crate) fn not_json(&self) -> Error {
        self.unreadable("it is not the JSON that the protocol specifies")
    }
}

/// A write's time in a body: a plain number, in quotes, or as the member `modified`.
pub(super) fn body_time(body: &[u8]) -> Option<ServerTime> {
    #[derive(serde::Deserialize)]
    struct Modified {
        modified: ServerTime,
    }
    if let Ok(object) = crate::json::from_slice::<Modified>(body) {
        return Some(object.modified);
    }
    let text = body.trim_ascii();
    let text = text
        .strip_prefix(b"\"")
        .and_then(|text| text.strip_suffix(b"\""))
        .unwrap_or(text);
    ServerTime::parse_json(text).ok()
}
