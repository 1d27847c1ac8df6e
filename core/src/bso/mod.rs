//! Basic storage objects: the form of records in the bodies of requests and responses (spec §3.1, §3.3).

mod decoder;
mod encoder;
mod envelope;
mod fields;
mod found;
mod opener;
mod sealer;
mod splitter;

pub use decoder::{Decoder, IdDecoder};
pub use encoder::Outgoing;
pub use envelope::{Envelope, PayloadText, RecordError, RecordFault};
pub use opener::{Opened, OpenedRecord, Opener};
pub use sealer::{SealError, Sealed, SealedRecord, Sealer};
pub use splitter::{Format, StreamError};

#[cfg(test)]
mod tests;
