//! Times as people read and write them: RFC 3339 in UTC, like `2026-11-21T03:12:41Z`. Programs get milliseconds since
//! the Unix epoch.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time, date};
use selvedge_core::time::{LocalTime, ServerTime};
use serde::{Serialize as _, Serializer};

/// The Unix epoch in UTC.
const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

/// A time of this device's clock as people read it: RFC 3339, to the second.
#[must_use]
pub fn local(time: LocalTime) -> String {
    seconds(time.millis() / 1000, "")
}

/// A time of this device's clock to the millisecond: `2026-11-21T03:12:41.123Z`.
#[must_use]
pub fn precise(time: LocalTime) -> String {
    let millis = time.millis();
    seconds(millis / 1000, &format!(".{:03}", millis % 1000))
}

/// Reads a time of this device's clock: what [`precise`] and [`local`] write, or seconds or milliseconds since the Unix epoch.
/// One in seconds without a fraction means the end of its second.
///
/// # Errors
/// A sentence for anything else.
pub fn parse_local_arg(text: &str) -> Result<LocalTime, String> {
    let bad = || {
        "a time is like 2026-11-21T03:12:41.123 in UTC, or seconds like 1388635807.413".to_owned()
    };
    let text = text.strip_suffix('Z').unwrap_or(text);
    if is_millis(text) {
        return text.parse().map(LocalTime::from_millis).map_err(|_| bad());
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "999"));
    if !(1..=3).contains(&fraction.len()) || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    let millis = format!("{fraction:0<3}")
        .parse::<u64>()
        .map_err(|_| bad())?;
    let seconds = parse(whole).ok_or_else(bad)?.hundredths() / 100;
    let time = seconds
        .checked_mul(1000)
        .and_then(|time| time.checked_add(millis));
    time.map(LocalTime::from_millis).ok_or_else(bad)
}

/// A server's time as people read it: RFC 3339, to the second; a dash for never.
#[must_use]
pub fn server(time: ServerTime) -> String {
    if time == ServerTime::ZERO {
        return "-".into();
    }
    seconds(time.hundredths() / 100, "")
}

/// A server's time as RFC 3339 to the hundredth of a second, so that nothing of it is lost; empty for never.
#[must_use]
pub fn server_exact(time: ServerTime) -> String {
    if time == ServerTime::ZERO {
        return String::new();
    }
    let fraction = format!(".{:02}", time.hundredths() % 100);
    seconds(time.hundredths() / 100, &fraction)
}

/// A server's time in JSON: milliseconds since the Unix epoch, null for never.
///
/// # Errors
/// Those of the serializer.
pub fn server_millis<S: Serializer>(time: &ServerTime, serializer: S) -> Result<S::Ok, S::Error> {
    let millis = time.hundredths().saturating_mul(10);
    (millis > 0).then_some(millis).serialize(serializer)
}

/// Seconds since the Unix epoch as `YYYY-MM-DDTHH:MM:SSZ`, with a fraction before the `Z`. Those beyond the year 9999,
/// which RFC 3339 cannot write, stay a number.
fn seconds(since_epoch: u64, fraction: &str) -> String {
    let moment = i64::try_from(since_epoch)
        .ok()
        .and_then(|seconds| EPOCH.checked_add(SignedDuration::from_secs(seconds)).ok());
    moment.map_or_else(
        || format!("{since_epoch}{fraction}"),
        |moment| format!("{moment}{fraction}Z"),
    )
}

/// Reads a server's time: milliseconds since the Unix epoch (`1388635807410`), seconds since the Unix epoch (`1388635807.41`), or RFC 3339 in UTC, whole or from the left
/// (`2026-11-21`, `2026-11-21T03:12:41Z`, `2026-11-21T03:12:41.25Z`). Digits beyond hundredths are dropped.
#[must_use]
pub fn parse(text: &str) -> Option<ServerTime> {
    if is_millis(text) {
        let millis: u64 = text.parse().ok()?;
        return Some(ServerTime::from_hundredths(millis / 10));
    }
    if let Ok(time) = ServerTime::parse(text) {
        return Some(time);
    }
    let text = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let text = text.strip_suffix("+00:00").unwrap_or(text);
    let (date, clock) = text
        .split_once(['T', 't', ' '])
        .unwrap_or((text, "00:00:00"));
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, hundredths(fraction)?),
        None => (clock, 0),
    };
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(clock, ':')?.map(|number| i8::try_from(number).ok());
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let time = Time::new(hour?, minute?, second?, 0).ok()?;
    let seconds = date.to_datetime(time).duration_since(EPOCH).as_secs();
    let hundredths = u64::try_from(seconds)
        .ok()?
        .checked_mul(100)?
        .checked_add(fraction)?;
    Some(ServerTime::from_hundredths(hundredths))
}

/// Whether a number is milliseconds, as programs get them: as seconds it would be beyond the year 5000.
fn is_millis(text: &str) -> bool {
    text.len() >= 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The hundredths in a fraction of a second.
fn hundredths(fraction: &str) -> Option<u64> {
    let is_number = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let digit = |at: usize| fraction.as_bytes().get(at).map_or(0, |byte| byte - b'0');
    is_number.then(|| u64::from(digit(0)) * 10 + u64::from(digit(1)))
}

/// Three numbers of at most four digits between two separators.
fn numbers(text: &str, separator: char) -> Option<[i16; 3]> {
    let mut parts = text.split(separator).map(|part| {
        let is_number =
            (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse::<i16>().ok()).flatten()
    });
    let found = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_precise_moment_is_read_as_it_was_written() {
        for millis in [0, 1, 1_388_635_807_040, 1_700_000_000_999] {
            let time = LocalTime::from_millis(millis);
            assert_eq!(parse_local_arg(&precise(time)), Ok(time));
        }
        let whole = LocalTime::from_millis(1_388_635_807_999);
        for text in ["2014-01-02T04:10:07", "2014-01-02 04:10:07Z", "1388635807"] {
            assert_eq!(parse_local_arg(text), Ok(whole), "{text}");
        }
        let half = LocalTime::from_millis(1_388_635_807_500);
        assert_eq!(parse_local_arg("1388635807.5"), Ok(half));
        for text in ["", "noon", "1.2345", "2014-13-01", "-1", "1.-1"] {
            assert!(parse_local_arg(text).is_err(), "{text}");
        }
    }

    #[test]
    fn moments_are_printed_in_utc() {
        for (since, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_388_635_807, "2014-01-02T04:10:07Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "253402300800"),
            (u64::MAX, "18446744073709551615"),
        ] {
            assert_eq!(seconds(since, ""), expected);
        }
    }

    #[test]
    fn what_is_printed_is_read_again() {
        for day in 0..60_000 {
            let time = ServerTime::from_hundredths(day * 8_640_000 + 1_234_500);
            assert_eq!(parse(&server(time)), Some(time));
            let time = ServerTime::from_hundredths(day * 8_640_000 + 1_234_567);
            assert_eq!(parse(&server_exact(time)), Some(time));
        }
    }

    #[test]
    fn a_time_is_read_as_seconds_or_as_a_moment() {
        let hundredths = |text| parse(text).map(ServerTime::hundredths);
        assert_eq!(hundredths("1388635807.41"), Some(138_863_580_741));
        assert_eq!(hundredths("1388635807419"), Some(138_863_580_741));
        assert_eq!(hundredths("99999999999"), Some(9_999_999_999_900));
        assert_eq!(hundredths("2014-01-02"), Some(138_862_080_000));
        assert_eq!(hundredths("2014-01-02T04:10:07Z"), Some(138_863_580_700));
        assert_eq!(hundredths("2014-01-02 04:10:07"), Some(138_863_580_700));
        assert_eq!(hundredths("2014-01-02T04:10:07.5Z"), Some(138_863_580_750));
        assert_eq!(
            hundredths("2014-01-02T04:10:07.419+00:00"),
            Some(138_863_580_741)
        );
    }

    #[test]
    fn programs_get_milliseconds() {
        let json = |hundredths| {
            let mut out = Vec::new();
            server_millis(
                &ServerTime::from_hundredths(hundredths),
                &mut serde_json::Serializer::new(&mut out),
            )
            .unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(json(138_863_580_741), "1388635807410");
        assert_eq!(json(0), "null");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "-1",
            "2014",
            "2014-1",
            "2014-13-01",
            "2014-02-29",
            "2014-01-32",
            "2014-01-00",
            "2014-01-02T25:00:00",
            "2014-01-02T00:00",
            "2014-01-02-03",
            "1960-01-01",
            "+014-01-02",
            "99999-01-01",
            "2014-01-02T04:10:07.",
            "2014-01-02T04:10:07.x",
            "2014-01-02T04:10:07+02:00",
        ] {
            // A year alone is also a number of seconds.
            assert!(parse(text).is_none() || text == "2014", "{text}");
        }
    }
}
