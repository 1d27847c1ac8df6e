//! Any place that records come from or go to, and what brings two of them into agreement (spec §7).
//!
//! A [`Repository`] speaks cleartext records. The server's is the [`CryptoRepository`]: the middleware that encrypts and
//! decrypts as records pass between a [`ServerRepository`] and the rest. The device's is the [`LocalRepository`] over
//! the host's store. The [`Synchronizer`] joins any two of them.

mod applied;
mod apply_stats;
mod checkpoint;
mod contract;
mod crypto;
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

pub use applied::Applied;
pub use checkpoint::Checkpointed;
pub use contract::{Batch, Kept, LocalSide, Receipt, Repository, Source};
pub use crypto::CryptoRepository;
pub use flows::{Progress, Pulled, Pushed};
pub use incoming::Incoming;
pub use local::LocalRepository;
pub use outgoing::{Outgoing, has_outgoing};
pub use pair::{Pair, Refusal, Witness};
pub use record::{Failed, Failure, Record};
pub use server::{ServerMark, ServerRepository};
pub use synchronizer::Synchronizer;
