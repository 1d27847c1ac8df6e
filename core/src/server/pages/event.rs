//! What comes out of a download.

use crate::bso::{Envelope, RecordError, RecordFault};
use crate::server::query::Position;

/// What comes out of a download.
///
/// ```
/// use selvedge_core::server::PageEvent;
///
/// assert!(matches!(PageEvent::PageEnd { next: None }, PageEvent::PageEnd { .. }));
/// ```
#[derive(Debug)]
pub enum PageEvent<'a> {
    /// A record, or what is wrong with it; others go on. It is valid until the next event.
    Record(Result<Envelope<'a>, RecordError>),
    /// An id, when the query did not ask for whole records; or what is wrong with it.
    Id(Result<&'a str, RecordFault>),
    /// A page is complete. With `next`, and all records so far, in one commit, a killed process loses nothing.
    PageEnd {
        /// Where to go on; `None` when this was the last page.
        next: Option<Position>,
    },
}
