//! The two sides that meet.

/// One of the two sides.
///
/// ```
/// use selvedge_core::reconcile::Side;
///
/// assert_ne!(Side::Ours, Side::Theirs);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// This device.
    Ours,
    /// The server.
    Theirs,
}
