//! Decodes the body of a page as records or as ids, and checks that it is complete.

use alloc::format;

use super::event::PageEvent;
use crate::bso::{Decoder, Format, IdDecoder, StreamError};
use crate::error::{Error, RequestLine};
use crate::http::{FetchError, FetchErrorKind, Headers};
use crate::server::client::network;
use crate::server::query::Query;

pub(super) enum Decoding {
    Records(Decoder),
    Ids(IdDecoder),
}

impl Decoding {
    pub(super) fn new(query: &Query, format: Format) -> Self {
        if query.full {
            Self::Records(Decoder::new(format, query.record_bytes))
        } else {
            Self::Ids(IdDecoder::new(format))
        }
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        match self {
            Self::Records(decoder) => decoder.push(chunk),
            Self::Ids(decoder) => decoder.push(chunk),
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<PageEvent<'_>>, StreamError> {
        Ok(match self {
            Self::Records(decoder) => decoder.next_record()?.map(PageEvent::Record),
            Self::Ids(decoder) => decoder.next_id()?.map(PageEvent::Id),
        })
    }

    pub(super) fn finish(&mut self) -> Result<(), StreamError> {
        match self {
            Self::Records(decoder) => decoder.finish(),
            Self::Ids(decoder) => decoder.finish(),
        }
    }
}

/// The number of received records, compared with the page's headers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// As announced, or nothing was announced.
    Whole,
    /// Fewer: the response was truncated.
    Short,
    /// More: the response contradicts itself.
    Long,
}

/// Compares the records and bytes of a page with its headers.
pub(super) fn length(headers: &Headers, records: u64, received: u64) -> Length {
    let announced = |name| headers.get(name)?.trim().parse::<u64>().ok();
    let is_short = match announced("X-Weave-Records") {
        Some(announced) if records > announced => return Length::Long,
        Some(announced) => records < announced,
        // The length of a compressed body differs from the number of bytes that the host returns.
        None if headers.get("Content-Encoding").is_some() => false,
        None => announced("Content-Length").is_some_and(|announced| received < announced),
    };
    if is_short {
        Length::Short
    } else {
        Length::Whole
    }
}

pub(super) fn broken(error: StreamError, line: &RequestLine) -> Error {
    match error {
        StreamError::Truncated => network(
            FetchError::new(FetchErrorKind::Cut, format!("{error}")),
            line,
        ),
        error => Error::Answer {
            request: line.clone(),
            detail: format!("{error}"),
        },
    }
}
