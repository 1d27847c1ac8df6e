//! The events of a download.

use crate::bso::{Envelope, RecordError, RecordFault};
use crate::server::query::Position;

/// An event of a download.
///
/// ```
/// use selvedge_core::server::PageEvent;
///
/// assert!(matches!(PageEvent::PageEnd { next: None }, PageEvent::PageEnd { .. }));
/// ```
#[derive(Debug)]
pub enum PageEvent<'a> {
    /// A record, or its error; the download continues with the next one. It is valid until the next event.
    Record(Result<Envelope<'a>, RecordError>),
    /// An id, if the query did not request whole records; or its error.
    Id(Result<&'a str, RecordFault>),
    /// A page is complete. If `next` and all records so far are stored in one commit, a killed process loses nothing.
    PageEnd {
        /// The position of the next page; `None` if this was the last page.
        next: Option<Position>,
    },
}
