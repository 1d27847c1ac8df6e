//! What a host provides to the core: record storage, the clock and random bytes. ([`Fetch`] is the fourth trait.) A
//! host whose AES is faster than the Rust implementation provides that too.

mod aes;
mod memory;
mod store;

pub use aes::{Aes, Cbc, CbcError};
pub use memory::MemoryStore;
pub use store::{
    Base, BulkChange, Commit, Committed, Counts, Item, Key, PageLimit, Part, Pending, Revision,
    Selection, Store, StoreError, StoreErrorKind, Stored, Uploaded, Write,
};

use crate::http::Fetch;
pub use crate::random::{Random, RandomError};
use crate::time::LocalTime;

/// The device's clock.
///
/// ```
/// use selvedge_core::host::Clock;
/// use selvedge_core::time::LocalTime;
///
/// struct Stopped;
/// impl Clock for Stopped {
///     fn now(&self) -> LocalTime { LocalTime::from_millis(1_700_000_000_000) }
/// }
/// assert_eq!(Stopped.now().millis(), 1_700_000_000_000);
/// ```
pub trait Clock {
    /// The current time.
    fn now(&self) -> LocalTime;
}

/// All of it together, for what needs it all.
pub trait Host: Fetch + Store + Clock + Random + Aes {}
impl<T: Fetch + Store + Clock + Random + Aes> Host for T {}
