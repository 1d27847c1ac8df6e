//! Network access through the package's script: it makes the request, sends it with the program's fetch, and ends it at its
//! timeout or by a signal (`wasm/npm/request.js`).

use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use selvedge_core::http::{Body, FetchError, FetchErrorKind, Headers, Method, Request, Response};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{AbortSignal, ReadableStreamDefaultReader};

use crate::types::member;

/// Sends requests through the function `send` of the package's script, which takes a method, an address, pairs of headers, a
/// body or `undefined`, and signals.
#[derive(Debug)]
pub(super) struct JsFetch {
    send: Function,
    /// Aborted when the client is closed, if the host has AbortSignal.
    closing: Option<AbortSignal>,
}

impl JsFetch {
    pub(super) const fn new(send: Function, closing: Option<AbortSignal>) -> Self {
        Self { send, closing }
    }

    /// Sends a request; aborting `signal` ends it.
    pub(super) async fn fetch(
        &self,
        request: Request,
        signal: &JsValue,
    ) -> Result<Response<JsBody>, FetchError> {
        let called = self
            .send
            .apply(&JsValue::UNDEFINED, &self.arguments(&request, signal));
        let answer = match called {
            Ok(answer) => Promise::resolve(&answer).await,
            Err(thrown) => Err(thrown),
        };
        let answer = answer.map_err(|error| fetch_error(&error, FetchErrorKind::Offline))?;
        incoming(&answer).ok_or_else(|| {
            FetchError::new(
                FetchErrorKind::Offline,
                "the fetch function did not answer with a Response",
            )
        })
    }

    fn arguments(&self, request: &Request, signal: &JsValue) -> Array {
        let headers = Array::new();
        for (name, value) in &request.headers {
            headers.push(&Array::of(&[
                JsValue::from_str(name),
                JsValue::from_str(value),
            ]));
        }
        let has_body =
            !request.body.is_empty() || matches!(request.method, Method::Put | Method::Post);
        let body = has_body.then(|| Uint8Array::from(request.body.as_slice()));
        let signals = Array::of(core::slice::from_ref(signal));
        if let Some(closing) = &self.closing {
            signals.push(closing);
        }
        Array::of(&[
            request.method.as_str().into(),
            request.url.as_str().into(),
            headers.into(),
            body.map_or(JsValue::UNDEFINED, Into::into),
            signals.into(),
        ])
    }
}

/// Reads a response of a fetch; its class may be of any realm or library. `None` if it is not a response.
fn incoming(answer: &JsValue) -> Option<Response<JsBody>> {
    let kind = member(answer, "type").as_string();
    let status = match kind.as_deref() {
        // Browsers hide the status and the target of a redirect.
        Some("opaqueredirect") => 302,
        _ => member(answer, "status")
            .as_f64()
            .filter(|status| (100.0..1000.0).contains(status))? as u16,
    };
    let mut headers = Headers::default();
    for pair in js_sys::try_iter(&member(answer, "headers")).ok()?? {
        let pair = pair.ok()?;
        let text = |index| Reflect::get_u32(&pair, index).ok()?.as_string();
        headers.push(text(0)?, text(1)?);
    }
    // Across origins `Content-Encoding` may be hidden while `Content-Length` is not: then the length of the decoded body is
    // unknown, and only the host can detect a truncated body.
    let is_length_known =
        kind.as_deref() != Some("cors") && headers.get("content-encoding").is_none();
    let left = headers
        .get("content-length")
        .filter(|_| is_length_known)
        .and_then(|text| text.parse().ok());
    let stream = member(answer, "body");
    let reader = if stream.is_null() || stream.is_undefined() {
        None
    } else {
        let reader = member(&stream, "getReader")
            .dyn_into::<Function>()
            .ok()?
            .call0(&stream)
            .ok()?;
        Some(reader.unchecked_into())
    };
    Some(Response {
        status,
        headers,
        body: JsBody { reader, left },
    })
}

/// A body from a `ReadableStream`.
#[derive(Debug)]
pub struct JsBody {
    /// `None` at the end.
    reader: Option<ReadableStreamDefaultReader>,
    /// Remaining bytes, if the length is known.
    left: Option<u64>,
}

impl Body for JsBody {
    type Chunk = Vec<u8>;

    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, FetchError> {
        let Some(reader) = &self.reader else {
            return Ok(None);
        };
        let read = reader
            .read()
            .await
            .map_err(|error| fetch_error(&error, FetchErrorKind::Cut));
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                self.reader = None;
                return Err(error);
            }
        };
        if member(&read, "done").is_truthy() {
            self.reader = None;
            return match self.left {
                Some(left) if left > 0 => Err(FetchError::new(
                    FetchErrorKind::Cut,
                    format!("{left} bytes are missing"),
                )),
                _ => Ok(None),
            };
        }
        let bytes = member(&read, "value").dyn_into::<Uint8Array>();
        let bytes = bytes
            .map_err(|_| {
                FetchError::new(
                    FetchErrorKind::Cut,
                    "the body has chunks that are not bytes",
                )
            })?
            .to_vec();
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(bytes.len() as u64);
        }
        Ok(Some(bytes))
    }
}

impl Drop for JsBody {
    /// Cancels a body that is not read to its end, to free its connection.
    fn drop(&mut self) {
        if let Some(reader) = self.reader.take() {
            // Awaited, because an unhandled rejection ends a Node process.
            js_sys::futures::spawn_local(async move { drop(reader.cancel().await) });
        }
    }
}

/// Classifies an error of a fetch by its name; `default` is the kind for other names.
fn fetch_error(thrown: &JsValue, default: FetchErrorKind) -> FetchError {
    let kind = match member(thrown, "name").as_string().as_deref() {
        Some("AbortError") => FetchErrorKind::Aborted,
        Some("TimeoutError") => FetchErrorKind::Timeout,
        _ => default,
    };
    // Node's message is only "fetch failed"; the reason is in the cause.
    let errors = [member(thrown, "cause"), thrown.clone()];
    let detail = errors.iter().find_map(|error| {
        member(error, "message")
            .as_string()
            .filter(|text| !text.is_empty())
    });
    FetchError::new(
        kind,
        detail.unwrap_or_else(|| "the host gives no reason".into()),
    )
}
