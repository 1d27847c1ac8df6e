//! Where records and accounts are stored. A backend implements [`records::Records`] and [`accounts::Accounts`]; it moves rows
//! and commits transactions. What does not depend on the database is decided here, once for all backends: the times of
//! writes (`clock`), conditions, quotas and batch limits (`transaction`), and the course of a page (`page`).
//!
//! Every backend keeps three promises (spec §3.9), and [`conformance`] tests them: the times of one user's writes increase
//! strictly, over all collections; a write is answered only when it is durable; a read returns the state of one moment.

pub mod accounts;
pub mod batches;
pub mod clock;
#[doc(hidden)]
pub mod conformance;
pub mod error;
pub mod location;
pub mod open;
pub mod page;
pub mod records;
pub mod sqlite;
pub mod transaction;
pub mod wall_clock;

pub use self::location::{DatabaseUrl, InvalidUrl, Location};
pub use self::open::{Storage, open};
