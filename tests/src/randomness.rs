//! Pseudo-random numbers that a printed seed reproduces.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// The seed of this process: `SELVEDGE_SEED`, or a new one. It is printed, to reproduce a failure.
#[must_use]
#[expect(clippy::print_stdout, reason = "test runners show it with a failure")]
pub fn seed() -> u64 {
    let seed = match std::env::var("SELVEDGE_SEED") {
        Ok(text) => text.parse().expect("SELVEDGE_SEED is a whole number"),
        Err(_) => RandomState::new().build_hasher().finish(),
    };
    println!("repeat with SELVEDGE_SEED={seed}");
    seed
}

/// Numbers that follow from a seed (SplitMix64).
#[derive(Debug, Clone)]
pub struct Randomness(u64);

impl Randomness {
    /// The numbers that follow from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// The next number below `bound`.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
