//! A pseudorandom generator with a seed, so that simulations are reproducible.

use selvedge_santa::Draw;

/// SplitMix64. Not suitable for secrets.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// The generator of one machine.
    pub(super) fn of(seed: u64, machine: u32) -> Self {
        let mut random = Self(seed);
        Self(random.next() ^ mixed(u64::from(machine).wrapping_add(1)))
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// A random number for the schedule.
    pub(super) fn draw(&mut self) -> Draw {
        Draw((self.next() >> 32) as u32)
    }

    /// A number from 0 to below `limit`; 0 if `limit` is 0.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// Milliseconds until the next event of a Poisson process with an average number per hour.
    pub(super) fn until_next(&mut self, per_hour: u32) -> u64 {
        // In (0, 1], so that the logarithm is finite.
        let part = ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        let mean = 3_600_000.0 / f64::from(per_hour.max(1));
        (-part.ln() * mean) as u64
    }
}

const fn mixed(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_reproducible_and_differ_by_machine() {
        let numbers = |seed, machine| {
            let mut random = Random::of(seed, machine);
            [random.next(), random.next()]
        };
        assert_eq!(numbers(1, 0), numbers(1, 0));
        assert_ne!(numbers(1, 0), numbers(1, 1));
        assert_ne!(numbers(1, 0), numbers(2, 0));
        assert_ne!(numbers(1, 1), numbers(2, 0));
    }

    #[test]
    fn the_average_interval_matches_the_rate() {
        let mut random = Random::of(7, 7);
        let sum: u64 = (0..10_000).map(|_| random.until_next(60)).sum();
        let mean = sum / 10_000;
        assert!((55_000..65_000).contains(&mean), "{mean}");
    }

    #[test]
    fn numbers_stay_below_their_limit() {
        let mut random = Random::of(7, 7);
        assert_eq!(random.below(0), 0);
        assert!((0..1000).all(|_| random.below(10) < 10));
    }
}
