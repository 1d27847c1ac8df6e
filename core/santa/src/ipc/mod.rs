//! The protocol between the daemon and agents or other programs on its socket (spec §5.4): JSON-RPC 2.0, one object per
//! line.
//!
//! ```text
//! lines    splits bytes into lines of at most a mebibyte
//! call     parses a line to a call, or to an error response
//! answer   converts results, errors and notifications to lines, and back
//! ```
//!
//! The socket's peer alone determines who may call what, never the content of a line.

mod answer;
mod call;
mod fault;
mod lines;

pub use answer::{Answer, Progress, answer_line, progress_line, read_answer, refusal_line};
pub use call::{Call, Caller, Id, Incoming, Posted, Refusal, call_line, read_call};
pub use fault::Fault;
pub use lines::{LINE_BYTES, Lines, TooLong};
