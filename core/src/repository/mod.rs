//! Repositories, the sources and destinations of records, and the synchronization of two of them (spec §7).
//!
//! A [`Repository`] exchanges cleartext records. The server's is the [`CryptoRepository`]: the middleware that encrypts
//! and decrypts records between a [`ServerRepository`] and the rest. The device's is the [`LocalRepository`] over the
//! host's store. The [`Synchronizer`] synchronizes any two of them.

mod age;
mod applied;
mod apply_stats;
mod arrival;
mod checkpoint;
mod contract;
mod crypto;
#[cfg(feature = "whole-collections")]
mod effect;
mod flows;
mod incoming;
mod local;
mod outgoing;
mod pair;
mod record;
mod server;
mod synchronizer;
#[cfg(test)]
mod tests;
#[cfg(feature = "whole-collections")]
mod versions;
#[cfg(feature = "whole-collections")]
mod whole;

pub use applied::Applied;
pub(crate) use arrival::index_keys;
pub(crate) use checkpoint::Checkpointed;
pub(crate) use contract::{Repository, Source};
pub(crate) use crypto::CryptoRepository;
pub use flows::{Progress, Pulled, Pushed};
pub(crate) use local::LocalRepository;
pub(crate) use outgoing::has_outgoing;
pub(crate) use pair::Pair;
pub(crate) use record::Record;
pub use record::{Failed, Failure};
pub(crate) use server::{ServerMark, ServerRepository};
pub(crate) use synchronizer::Synchronizer;
#[cfg(feature = "whole-collections")]
pub(crate) use whole::{has_staged, merge as merge_whole};
