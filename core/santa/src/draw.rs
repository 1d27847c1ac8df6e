//! Random numbers that distribute the requests of many machines over time.

/// Random bits that distribute the requests of many machines over time: any number.
///
/// ```
/// use selvedge_santa::Draw;
///
/// assert_eq!(Draw(u32::MAX).below(100), 99);
/// assert_eq!(Draw(0).below(0), 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw(pub u32);

impl Draw {
    /// A number from 0 to `limit` - 1; 0 if `limit` is 0.
    #[must_use]
    pub const fn below(self, limit: u64) -> u64 {
        ((limit as u128 * self.0 as u128) >> 32) as u64
    }
}
