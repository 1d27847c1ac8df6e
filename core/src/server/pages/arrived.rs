//! The received part of a download, record by record.

use core::fmt;

use super::decoding::{Decoding, broken};
use super::event::PageEvent;
use crate::error::{RequestLine, Result};
use crate::server::by_time::Times;
use crate::server::query::Position;

/// The received part of a download. Events that are not taken out are returned again after the next
/// [`Pages::next`](super::Pages::next).
///
/// ```
/// use selvedge_core::server::{Arrived, PageEvent};
///
/// fn is_page_end(arrived: &mut Arrived<'_>) -> selvedge_core::error::Result<bool> {
///     Ok(matches!(arrived.next()?, Some(PageEvent::PageEnd { .. })))
/// }
/// ```
pub struct Arrived<'p> {
    pub(super) decoder: &'p mut Decoding,
    pub(super) end: &'p mut Option<Option<Position>>,
    pub(super) is_drained: &'p mut bool,
    pub(super) records: &'p mut u64,
    pub(super) times: &'p mut Times,
    pub(super) line: &'p RequestLine,
}

impl fmt::Debug for Arrived<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrived")
            .field("records", &self.records)
            .finish_non_exhaustive()
    }
}

impl Arrived<'_> {
    /// The next event; `None` if more bytes are needed.
    ///
    /// # Errors
    /// When the response is not a list.
    #[allow(
        clippy::should_implement_trait,
        reason = "the returned value borrows from self until the next call"
    )]
    pub fn next(&mut self) -> Result<Option<PageEvent<'_>>> {
        if let Some(next) = self.end.take() {
            return Ok(Some(PageEvent::PageEnd { next }));
        }
        match self.decoder.next() {
            Ok(Some(event)) => {
                *self.records += 1;
                if let PageEvent::Record(Ok(envelope)) = &event {
                    self.times.see(envelope.modified);
                }
                Ok(Some(event))
            }
            Ok(None) => {
                *self.is_drained = true;
                Ok(None)
            }
            Err(error) => Err(broken(error, self.line)),
        }
    }
}
