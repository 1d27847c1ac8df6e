//! Any body, in chunks of any size: the chunk sizes must make no difference, and nothing may panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_core::bso::{Decoder, Format, IdDecoder, StreamError};

const LIMIT: usize = 1 << 20;

/// Every record as text, and the result at the end of the body.
fn decode(format: Format, body: &[u8], size: usize) -> (Vec<String>, Result<(), StreamError>) {
    let mut decoder = Decoder::new(format, LIMIT);
    let mut seen = Vec::new();
    for chunk in body.chunks(size) {
        decoder.push(chunk);
        loop {
            match decoder.next_record() {
                Ok(None) => break,
                Ok(Some(record)) => seen.push(format!(
                    "{:?}",
                    record.map(|envelope| (envelope, envelope.payload.unescaped()))
                )),
                Err(error) => return (seen, Err(error)),
            }
        }
    }
    (seen, decoder.finish())
}

fuzz_target!(|input: (u8, bool, &[u8])| {
    let (size, is_array, body) = input;
    let format = if is_array {
        Format::Array
    } else {
        Format::Newlines
    };
    assert_eq!(
        decode(format, body, usize::from(size) + 1),
        decode(format, body, LIMIT)
    );
    let mut small = Decoder::new(format, usize::from(size));
    let mut ids = IdDecoder::new(format);
    for chunk in body.chunks(usize::from(size) + 1) {
        small.push(chunk);
        while let Ok(Some(_)) = small.next_record() {}
        ids.push(chunk);
        while let Ok(Some(_)) = ids.next_id() {}
    }
});
