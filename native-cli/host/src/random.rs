//! The system's random bytes.

use std::cell::RefCell;

use selvedge_core::host::{Random, RandomError};

/// Bytes drawn from the system at once: a call for 16 bytes costs nearly as much as one for 4,096.
const DRAWN: usize = 4096;

struct Buffer {
    bytes: [u8; DRAWN],
    left: usize,
}

thread_local! {
    static BUFFER: RefCell<Buffer> = const { RefCell::new(Buffer { bytes: [0; DRAWN], left: 0 }) };
}

/// The system's random bytes, drawn a block at a time and handed out once: handed-out bytes are erased here.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        // Long draws, keys among them, come from the system straight.
        if bytes.len() > 16 {
            return getrandom::fill(bytes).map_err(|_| RandomError);
        }
        BUFFER.with_borrow_mut(|buffer| {
            if buffer.left < bytes.len() {
                getrandom::fill(&mut buffer.bytes).map_err(|_| RandomError)?;
                buffer.left = DRAWN;
            }
            let start = buffer.left - bytes.len();
            let drawn = &mut buffer.bytes[start..buffer.left];
            bytes.copy_from_slice(drawn);
            drawn.fill(0);
            buffer.left = start;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_draws_are_alike() {
        let mut seen = HashSet::new();
        for length in [1usize, 9, 12, 16, 32].repeat(400) {
            let mut bytes = vec![0; length];
            SystemRandom.fill(&mut bytes).unwrap();
            if length >= 9 {
                assert!(seen.insert(bytes));
            }
        }
    }
}
