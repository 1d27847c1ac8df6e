//! How long things took, in little memory: a value is known to 3 %, whatever its size.

use serde::Serialize;

/// Each power of two is cut into so many parts, so that a value is known to 3 %.
const PARTS: u64 = 32;

/// Values beyond are counted as this one: more than an hour in microseconds.
const MOST: u64 = 1 << 32;

/// Counts of durations in microseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Histogram {
    counts: Vec<u32>,
    count: u64,
    sum: u64,
    max: u64,
}

/// What a histogram says, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Latency {
    /// Half took no longer.
    pub p50: f64,
    /// Nine of ten took no longer.
    pub p90: f64,
    /// 95 of 100 took no longer.
    pub p95: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
    /// On average.
    pub mean: f64,
}

impl Histogram {
    /// Counts one.
    pub(super) fn add(&mut self, micros: u64) {
        let place = place(micros);
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(place) {
            *count = count.saturating_add(1);
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(micros);
        self.max = self.max.max(micros);
    }

    /// Counts what another one counted.
    pub(super) fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    /// How many were counted.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// So many of a thousand took no longer than this, in microseconds; 0 when none was counted.
    pub(super) fn permille(&self, permille: u64) -> u64 {
        let wanted = (self.count * permille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (place, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return highest(place as u64).min(self.max);
            }
        }
        self.max
    }

    /// What it says.
    pub(super) fn latency(&self) -> Latency {
        Latency {
            p50: millis(self.permille(500)),
            p90: millis(self.permille(900)),
            p95: millis(self.permille(950)),
            p99: millis(self.permille(990)),
            max: millis(self.max),
            mean: millis(self.sum.checked_div(self.count).unwrap_or(0)),
        }
    }
}

/// Milliseconds with what is left of the precision.
pub(super) fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

fn place(micros: u64) -> usize {
    let value = micros.min(MOST);
    if value < PARTS {
        return value as usize;
    }
    // The highest bits of the value, after the first, are the part within its power of two.
    let power = u64::from(value.ilog2());
    let shift = power - u64::from(PARTS.ilog2());
    (shift * PARTS + (value >> shift)) as usize
}

/// The highest value that has this place.
const fn highest(place: u64) -> u64 {
    if place < 2 * PARTS {
        return place;
    }
    let shift = place / PARTS - 1;
    let part = place % PARTS + PARTS;
    ((part + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_known_to_three_per_cent() {
        let mut value = 1_u64;
        while value < MOST {
            let found = highest(place(value) as u64);
            assert!(found >= value, "{value}: {found}");
            assert!((found - value) * 100 <= value * 4, "{value}: {found}");
            value += value / 7 + 1;
        }
    }

    #[test]
    fn places_are_in_the_order_of_values() {
        let mut last = 0;
        for value in (0..100_000).chain([1 << 20, 1 << 31, MOST, u64::MAX]) {
            assert!(
                place(value) >= last && place(value) <= last + 600,
                "{value}"
            );
            last = place(value);
        }
    }

    #[test]
    fn percentiles_of_a_thousand_values() {
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|value| histogram.add(value * 1000));
        for (permille, expected) in [(500, 500_000), (950, 950_000), (1000, 1_000_000)] {
            let found = histogram.permille(permille);
            assert!(
                found.abs_diff(expected) * 100 <= expected * 4,
                "{permille}: {found}"
            );
        }
        assert_eq!(histogram.latency().max, 1000.0);
    }

    #[test]
    fn nothing_has_no_percentiles() {
        assert_eq!(Histogram::default().latency(), Latency::default());
    }

    #[test]
    fn merged_is_as_if_counted_at_one_place() {
        let (mut left, mut right, mut both) = (
            Histogram::default(),
            Histogram::default(),
            Histogram::default(),
        );
        for value in 0..500 {
            left.add(value);
            right.add(value * value);
            both.add(value);
            both.add(value * value);
        }
        left.merge(&right);
        assert_eq!(left.latency(), both.latency());
        assert_eq!(left.count(), 1000);
    }
}
