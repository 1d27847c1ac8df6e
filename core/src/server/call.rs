//! One request below a user's endpoint, before it is signed, and its answer, before it is read.

use alloc::string::String;
use alloc::vec::Vec;

use super::conditions::Condition;
use super::observed::{is_genuine, last_modified};
use crate::error::{Error, RequestLine};
use crate::http::{Method, Response};
use crate::time::ServerTime;

/// A request that is to be authorised and sent.
#[derive(Clone)]
pub(crate) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) condition: Condition,
    pub(super) body: Vec<u8>,
}

impl Call {
    /// A call of a path below the endpoint, with its query, encoded.
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            condition: Condition::None,
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

    /// With a condition, as far as the server's dialect has it.
    pub(crate) fn when(mut self, condition: Condition) -> Self {
        self.condition = condition;
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

    /// Passes a reply on if it is the storage server's own.
    pub(crate) fn check_genuine(&self) -> Result<(), Error> {
        match is_genuine(&self.response.headers) {
            true => Ok(()),
            false => Err(Error::NotGenuine {
                status: self.response.status,
                request: self.line.clone(),
            }),
        }
    }

    pub(crate) fn unreadable(&self, detail: impl Into<String>) -> Error {
        Error::Answer {
            request: self.line.clone(),
            detail: detail.into(),
        }
    }

    /// The answer is no JSON, or other JSON; a closer look could quote a record.
    pub(crate) fn no_json(&self) -> Error {
        self.unreadable("it is not the JSON that the protocol says")
    }
}

/// A write's time in a body: bare, in quotes, or as the member `modified`.
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
