//! A host for tests: the requests that it expects, in order, and the responses it returns. It replaces the network, the
//! clock and the system's random number generator; the test specifies its responses.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use crate::host::{Clock, Random, RandomError};
use crate::http::{Body, Fetch, FetchError, FetchErrorKind, Headers, Method, Request, Response};
use crate::time::LocalTime;

/// The endpoint below which scripted requests are compared by their path alone.
pub const ENDPOINT: &str = "https://sync.example.org/1.5/777";

/// The initial time of a script's clock.
pub const START: LocalTime = LocalTime::from_millis(1_700_000_000_000);

/// The properties that a request must have.
#[derive(Debug, Clone)]
pub struct Expected {
    method: Method,
    target: String,
    headers: Vec<(&'static str, Option<String>)>,
    body: Option<String>,
}

/// A GET of `target`: a path with query below [`ENDPOINT`], or a complete URL.
pub fn get(target: &str) -> Expected {
    Expected::new(Method::Get, target)
}

/// A PUT to `target`.
pub fn put(target: &str) -> Expected {
    Expected::new(Method::Put, target)
}

/// A POST to `target`.
pub fn post(target: &str) -> Expected {
    Expected::new(Method::Post, target)
}

/// A DELETE of `target`.
pub fn delete(target: &str) -> Expected {
    Expected::new(Method::Delete, target)
}

impl Expected {
    fn new(method: Method, target: &str) -> Self {
        Self {
            method,
            target: target.to_string(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// Requires this header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, Some(value.into())));
        self
    }

    /// Requires that this header is absent.
    pub fn without(mut self, name: &'static str) -> Self {
        self.headers.push((name, None));
        self
    }

    /// Requires exactly this body.
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    fn check(&self, request: &Request) {
        let target = request
            .url
            .strip_prefix(ENDPOINT)
            .map_or(request.url.as_str(), |path| path.trim_start_matches('/'));
        assert_eq!(
            (request.method.as_str(), target),
            (self.method.as_str(), self.target.as_str()),
            "request {request:?}"
        );
        for (name, value) in &self.headers {
            assert_eq!(
                request.header(name),
                value.as_deref(),
                "header {name} of {} {target}",
                self.method.as_str()
            );
        }
        if let Some(body) = &self.body {
            assert_eq!(
                &String::from_utf8_lossy(&request.body),
                body,
                "body of {} {target}",
                self.method.as_str()
            );
        }
    }
}

/// The server's response.
#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    headers: Headers,
    chunks: VecDeque<Vec<u8>>,
    fails: Option<FetchErrorKind>,
    cut: bool,
}

/// An empty response with this status.
pub fn status(status: u16) -> Answer {
    Answer {
        status,
        headers: Headers::default(),
        chunks: VecDeque::new(),
        fails: None,
        cut: false,
    }
}

/// Status 200 with a JSON body.
pub fn json(body: impl Into<String>) -> Answer {
    status(200)
        .header("Content-Type", "application/json")
        .body(body)
}

/// Status 200 with a body of JSON values, one per line.
pub fn newlines(body: impl Into<String>) -> Answer {
    status(200)
        .header("Content-Type", "application/newlines")
        .body(body)
}

/// No response: the request fails.
pub fn fails(kind: FetchErrorKind) -> Answer {
    Answer {
        fails: Some(kind),
        ..status(0)
    }
}

impl Answer {
    /// Sets another status.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Adds the server time that a storage server sends in each of its own responses.
    pub fn genuine(self) -> Self {
        self.header("X-Weave-Timestamp", "1700000000.00")
    }

    /// Removes all headers except the content type.
    pub fn bare(mut self) -> Self {
        let name = "Content-Type";
        let kept = self.headers.get(name).map(ToString::to_string);
        self.headers = kept.into_iter().map(|value| (name, value)).collect();
        self
    }

    /// Sets the body, sent in one chunk.
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.chunks = [body.into().into_bytes()].into();
        self
    }

    /// Sends the same body in chunks of the given sizes; the sizes are repeated until the body ends.
    pub fn in_chunks(mut self, sizes: &[usize]) -> Self {
        let whole: Vec<u8> = self.chunks.into_iter().flatten().collect();
        let mut rest = whole.as_slice();
        self.chunks = VecDeque::new();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, behind) = rest.split_at((*size).max(1).min(rest.len()));
            self.chunks.push_back(chunk.to_vec());
            rest = behind;
        }
        self
    }

    /// Loses the connection after the body's bytes.
    pub fn cut(mut self) -> Self {
        self.cut = true;
        self
    }
}

type Serve = Box<dyn FnMut(&Request) -> Answer>;

/// The scripted host.
pub struct Script {
    steps: RefCell<VecDeque<(Expected, Answer)>>,
    serve: RefCell<Option<Serve>>,
    seen: RefCell<Vec<Request>>,
    now: Cell<LocalTime>,
    seed: Cell<u64>,
}

impl Script {
    /// A script without steps: any request is unexpected.
    #[allow(
        clippy::new_without_default,
        reason = "a script is created explicitly, never by default"
    )]
    pub fn new() -> Self {
        Self {
            steps: RefCell::default(),
            serve: RefCell::new(None),
            seen: RefCell::default(),
            now: Cell::new(START),
            seed: Cell::new(0x9E37_79B9_7F4A_7C15),
        }
    }

    /// A host whose server is a function from requests to responses.
    pub fn serving(serve: impl FnMut(&Request) -> Answer + 'static) -> Self {
        let script = Self::new();
        *script.serve.borrow_mut() = Some(Box::new(serve));
        script
    }

    /// Appends a step: expects this request and returns this response.
    pub fn expect(self, expected: Expected, answer: Answer) -> Self {
        self.steps.borrow_mut().push_back((expected, answer));
        self
    }

    /// Sets the clock.
    pub fn set_now(&self, now: LocalTime) {
        self.now.set(now);
    }

    /// The requests up to now.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.borrow().clone()
    }

    /// Asserts that every expected request was sent.
    pub fn done(&self) {
        let steps = self.steps.borrow();
        let missing: Vec<String> = steps
            .iter()
            .map(|(e, _)| format!("{} {}", e.method.as_str(), e.target))
            .collect();
        assert!(
            missing.is_empty(),
            "expected requests that were not sent: {missing:?}"
        );
    }
}

impl Fetch for Script {
    type Body = ScriptedBody;

    async fn fetch(&self, request: Request) -> Result<Response<ScriptedBody>, FetchError> {
        self.seen.borrow_mut().push(request.clone());
        let answer = match self.serve.borrow_mut().as_mut() {
            Some(serve) => serve(&request),
            None => {
                let step = self.steps.borrow_mut().pop_front();
                let Some((expected, answer)) = step else {
                    panic!(
                        "unexpected request: {} {}",
                        request.method.as_str(),
                        request.url
                    );
                };
                expected.check(&request);
                answer
            }
        };
        match answer.fails {
            Some(kind) => Err(FetchError::new(kind, "scripted")),
            None => Ok(Response {
                status: answer.status,
                headers: answer.headers,
                body: ScriptedBody {
                    chunks: answer.chunks,
                    cut: answer.cut,
                },
            }),
        }
    }
}

impl Clock for Script {
    fn now(&self) -> LocalTime {
        self.now.get()
    }
}

impl Random for Script {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        for byte in bytes {
            let mut state = self.seed.get();
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            self.seed.set(state);
            *byte = state.to_le_bytes()[3];
        }
        Ok(())
    }
}

/// The chunks of a response.
#[derive(Debug)]
pub struct ScriptedBody {
    chunks: VecDeque<Vec<u8>>,
    cut: bool,
}

impl Body for ScriptedBody {
    type Chunk = Vec<u8>;

    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, FetchError> {
        match self.chunks.pop_front() {
            Some(chunk) => Ok(Some(chunk)),
            None if self.cut => Err(FetchError::new(FetchErrorKind::Cut, "scripted")),
            None => Ok(None),
        }
    }
}
