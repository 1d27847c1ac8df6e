//! The host against real sockets and real SQLite files.

#![allow(missing_docs, reason = "the names of tests are their claims")]
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod fetch;
mod store_conformance;
