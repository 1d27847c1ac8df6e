//! A compact histogram of durations with a relative error of at most 3 %.

use serde::Serialize;

/// The number of buckets per power of two, for a relative error of at most 3 %.
const BUCKETS: u64 = 32;

/// The largest recorded value, more than an hour in microseconds. Larger values are counted as this one.
const MAX_VALUE: u64 = 1 << 32;

/// Counts of durations in microseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Histogram {
    counts: Vec<u32>,
    count: u64,
    sum: u64,
    max: u64,
}

/// Statistics of durations, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The maximum.
    pub max: f64,
    /// The mean.
    pub mean: f64,
}

impl Histogram {
    /// Adds a value.
    pub(super) fn add(&mut self, micros: u64) {
        let bucket = bucket(micros);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(micros);
        self.max = self.max.max(micros);
    }

    /// Adds all values of another histogram.
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

    /// The number of values.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// The percentile in tenths of a percent, in microseconds; 0 without values.
    pub(super) fn permille(&self, permille: u64) -> u64 {
        let wanted = (self.count * permille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return highest(bucket as u64).min(self.max);
            }
        }
        self.max
    }

    /// The statistics.
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

/// Converts microseconds to milliseconds.
pub(super) fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

fn bucket(micros: u64) -> usize {
    let value = micros.min(MAX_VALUE);
    if value < BUCKETS {
        return value as usize;
    }
    // The bits after the highest one select the bucket within the power of two.
    let power = u64::from(value.ilog2());
    let shift = power - u64::from(BUCKETS.ilog2());
    (shift * BUCKETS + (value >> shift)) as usize
}

/// The highest value of a bucket.
const fn highest(bucket: u64) -> u64 {
    if bucket < 2 * BUCKETS {
        return bucket;
    }
    let shift = bucket / BUCKETS - 1;
    let part = bucket % BUCKETS + BUCKETS;
    ((part + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relative_error_is_at_most_three_percent() {
        let mut value = 1_u64;
        while value < MAX_VALUE {
            let found = highest(bucket(value) as u64);
            assert!(found >= value, "{value}: {found}");
            assert!((found - value) * 100 <= value * 4, "{value}: {found}");
            value += value / 7 + 1;
        }
    }

    #[test]
    fn buckets_are_in_the_order_of_values() {
        let mut last = 0;
        for value in (0..100_000).chain([1 << 20, 1 << 31, MAX_VALUE, u64::MAX]) {
            assert!(
                bucket(value) >= last && bucket(value) <= last + 600,
                "{value}"
            );
            last = bucket(value);
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
    fn percentiles_without_values_are_zero() {
        assert_eq!(Histogram::default().latency(), Latency::default());
    }

    #[test]
    fn merging_equals_counting_in_one_histogram() {
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
