//! What the HTTP servers share: connections with and without TLS, and memory for request bodies.

mod body_memory;
mod listen;
mod tls;

pub use body_memory::{BodyError, BodyMemory, Owner, Received};
pub use listen::{Peer, base_url, run, tls};
pub use tls::Certificate;
