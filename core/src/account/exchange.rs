//! One short request to an account service and its complete response.

use alloc::format;
use alloc::vec::Vec;
use core::cell::RefCell;

use crate::error::{Error, RequestLine, Result};
use crate::host::Clock;
use crate::http::{Body, Fetch, FetchErrorKind, Headers, Method, Request};
use crate::server::{Observed, redirect};
use crate::time::ServerTime;

/// Maximum size of a response, in bytes. Responses of these services are short.
const MAX_RESPONSE_BYTES: usize = 64 << 10;

/// A response with its body.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

/// The server time, if the response contains it.
pub(super) fn timestamp(headers: &Headers) -> Option<ServerTime> {
    ServerTime::parse(headers.get("X-Timestamp")?.trim()).ok()
}

/// Sends a request, reads its response and records the server information in the headers.
pub(super) async fn exchange<H: Fetch + Clock>(
    host: &H,
    request: Request,
    observed: &RefCell<Observed>,
    line: &RequestLine,
) -> Result<Answer> {
    let network = |source| Error::Network {
        source,
        request: line.clone(),
    };
    {
        let traffic = &mut observed.borrow_mut().traffic;
        traffic.requests += 1;
        traffic.bytes_sent += request.body.len() as u64;
    }
    let again = (request.method == Method::Get).then(|| request.clone());
    let mut response = match (host.fetch(request).await, again) {
        // No part of a response arrived: the server had closed a keep-alive connection. Retry once.
        (Err(source), Some(again)) if source.kind == FetchErrorKind::Dropped => {
            host.fetch(again).await
        }
        (response, _) => response,
    }
    .map_err(network)?;
    let now = host.now();
    let server_now = timestamp(&response.headers);
    observed
        .borrow_mut()
        .reply(&response.headers, now, server_now);
    if let Some(to) = redirect(response.status, &response.headers) {
        return Err(Error::Moved {
            to,
            request: line.clone(),
        });
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.body.chunk().await.map_err(network)? {
        let chunk = chunk.as_ref();
        if chunk.len() > MAX_RESPONSE_BYTES - body.len() {
            return Err(Error::Answer {
                request: line.clone(),
                detail: format!("it is larger than {MAX_RESPONSE_BYTES} bytes"),
            });
        }
        body.extend_from_slice(chunk);
    }
    observed.borrow_mut().traffic.bytes_received += body.len() as u64;
    Ok(Answer {
        status: response.status,
        headers: response.headers,
        body,
    })
}
