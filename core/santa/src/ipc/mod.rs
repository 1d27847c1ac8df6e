//! What agents and people's programs say to the daemon over its socket (spec §5.4): JSON-RPC 2.0, one object a line.
//!
//! ```text
//! lines    bytes to lines, which are not longer than a mebibyte
//! call     a line to a call, or to the error that is answered
//! answer   results, errors and notices to lines, and back
//! ```
//!
//! Who may call what is decided by the socket's peer alone, never by what a line says.

mod answer;
mod call;
mod fault;
mod lines;

pub use answer::{Answer, Progress, answer_line, progress_line, read_answer, refusal_line};
pub use call::{Call, Caller, Id, Incoming, Posted, Refusal, call_line, read_call};
pub use fault::Fault;
pub use lines::{LINE_BYTES, Lines, TooLong};
