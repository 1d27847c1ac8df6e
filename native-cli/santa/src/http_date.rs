//! Dates in HTTP headers.

use std::time::UNIX_EPOCH;

/// Seconds since the Unix epoch of a date like `Sat, 21 Nov 2026 13:11:44 GMT`, or in one of the two obsolete forms that
/// RFC 9110 still has.
pub(super) fn seconds(date: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(date).ok()?;
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_all_three_forms_are_read_and_others_refused() {
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(seconds(date), Some(784_111_777), "{date}");
        }
        for date in [
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "",
        ] {
            assert_eq!(seconds(date), None, "{date}");
        }
    }
}
