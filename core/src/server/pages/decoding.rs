//! The body of a page, as records or as ids, and whether it came whole.

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

/// How many records came, compared with what the page's headers say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// As many as announced, or nothing was announced.
    Whole,
    /// Fewer: the answer was cut.
    Short,
    /// More: the answer contradicts itself.
    Long,
}

/// Compares the records and bytes of a page with its headers.
pub(super) fn length(headers: &Headers, records: u64, received: u64) -> Length {
    let announced = |name| headers.get(name)?.trim().parse::<u64>().ok();
    let is_short = match announced("X-Weave-Records") {
        Some(announced) if records > announced => return Length::Long,
        Some(announced) => records < announced,
        // The length of a compressed body says nothing about the bytes that the host hands out.
        None if headers.get("Content-Encoding").is_some() => false,
        None => announced("Content-Length").is_some_and(|announced| received < announced),
    };
    match is_short {
        true => Length::Short,
        false => Length::Whole,
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
