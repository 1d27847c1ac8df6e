//! Rotation: which backups are kept, decided from their times alone.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::exit::HostError;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The number of the period that a time is in.
type Period = fn(i64) -> i64;

/// How many days, weeks and months keep their newest backup, as in `7d,4w,12m`. Days, weeks (from Monday) and months
/// are those of UTC; ones without a backup do not count.
///
/// ```
/// use selvedge_host::backup::keep::Keep;
///
/// let keep: Keep = "2d".parse().unwrap();
/// // Two backups on the first day, one on the second, one on the third.
/// assert_eq!(keep.surplus(&[10, 20, 86_410, 172_810]), [0, 1]);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    days: u32,
    weeks: u32,
    months: u32,
}

impl Keep {
    /// The positions, ascending, of the backups that are not kept; `times` are seconds since 1970, in any order. The
    /// newest backup is always kept.
    ///
    /// ```
    /// use selvedge_host::backup::keep::Keep;
    ///
    /// assert!("1d".parse::<Keep>().unwrap().surplus(&[5]).is_empty());
    /// ```
    #[must_use]
    pub fn surplus(self, times: &[i64]) -> Vec<usize> {
        let mut newest_first: Vec<(i64, usize)> = times.iter().copied().zip(0..).collect();
        newest_first.sort_unstable_by(|one, other| other.cmp(one));
        let mut kept: BTreeSet<usize> = newest_first.iter().take(1).map(|(_, at)| *at).collect();
        let rules: [(u32, Period); 3] =
            [(self.days, day), (self.weeks, week), (self.months, month)];
        for (count, period) in rules {
            let mut periods = BTreeSet::new();
            for (time, at) in &newest_first {
                if periods.len() >= count as usize {
                    break;
                }
                if periods.insert(period(*time)) {
                    kept.insert(*at);
                }
            }
        }
        (0..times.len()).filter(|at| !kept.contains(at)).collect()
    }
}

const fn day(time: i64) -> i64 {
    time.div_euclid(DAY)
}

/// The first of January 1970 was a Thursday.
const fn week(time: i64) -> i64 {
    day(time).saturating_add(3).div_euclid(7)
}

/// A time outside of the calendar has a month of its own.
fn month(time: i64) -> i64 {
    jiff::Timestamp::from_second(time).map_or(time, |moment| {
        let date = moment.to_zoned(jiff::tz::TimeZone::UTC).date();
        i64::from(date.year()) * 12 + i64::from(date.month())
    })
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (count, unit) in [(self.days, 'd'), (self.weeks, 'w'), (self.months, 'm')] {
            if count > 0 {
                write!(f, "{separator}{count}{unit}")?;
                separator = ",";
            }
        }
        Ok(())
    }
}

impl FromStr for Keep {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let wrong = || {
            HostError::Usage(format!(
                "{text:?} does not say which backups to keep: write numbers of days, weeks and months, for example 7d,4w,12m"
            ))
        };
        let mut keep = Self::default();
        for part in text.split(',') {
            let (number, place) = if let Some(number) = part.strip_suffix('d') {
                (number, &mut keep.days)
            } else if let Some(number) = part.strip_suffix('w') {
                (number, &mut keep.weeks)
            } else if let Some(number) = part.strip_suffix('m') {
                (number, &mut keep.months)
            } else {
                return Err(wrong());
            };
            let count: u32 = number.parse().map_err(|_| wrong())?;
            if count == 0 || *place != 0 {
                return Err(wrong());
            }
            *place = count;
        }
        Ok(keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row() {
        // 1970-01-01 is a Thursday; day 4 is a Monday, day 31 the first of February.
        let rows: [(&str, &[i64], &[usize]); 8] = [
            ("1d", &[], &[]),
            ("1d", &[0], &[]),
            ("1d", &[0, 1], &[0]),
            ("1d", &[1, 0], &[1]),
            ("2d", &[0, DAY, 9 * DAY], &[0]),
            ("2w", &[0, 3 * DAY, 4 * DAY, 5 * DAY], &[0, 2]),
            ("2m", &[0, 30 * DAY, 31 * DAY, 40 * DAY], &[0, 2]),
            ("1d,2m", &[0, 30 * DAY, 31 * DAY, 31 * DAY + 5], &[0, 2]),
        ];
        for (keep, times, expected) in rows {
            let keep: Keep = keep.parse().unwrap();
            assert_eq!(keep.surplus(times), expected, "{keep:?} {times:?}");
        }
        let beyond = [i64::MIN, i64::MAX];
        assert_eq!("1m".parse::<Keep>().unwrap().surplus(&beyond), [0]);
    }

    #[test]
    fn only_a_clear_choice_is_read() {
        for text in [
            "",
            "7",
            "d",
            "0d",
            "-1d",
            "1d,2d",
            "1y",
            "1d,",
            "99999999999d",
        ] {
            assert!(text.parse::<Keep>().is_err(), "{text:?}");
        }
        let all: Keep = "7d,4w,12m".parse().unwrap();
        assert_eq!((all.days, all.weeks, all.months), (7, 4, 12));
        for text in ["7d,4w,12m", "3w"] {
            assert_eq!(text.parse::<Keep>().unwrap().to_string(), text);
        }
    }
}
