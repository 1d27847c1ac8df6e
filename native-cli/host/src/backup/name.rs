//! The names of backups: their times in UTC, such as `2026-12-01T03-15-00Z`, which every file system takes and which
//! sort by age.

/// The ending of a backup that is one encrypted file.
pub const SEALED: &str = ".age";

/// The name of a backup that began at a time in seconds since 1970; `None` outside of the calendar.
///
/// ```
/// use selvedge_host::backup::name;
///
/// assert_eq!(name::of(1_796_122_244).as_deref(), Some("2026-12-01T10-50-44Z"));
/// ```
#[must_use]
pub fn of(seconds: i64) -> Option<String> {
    let time = jiff::Timestamp::from_second(seconds).ok()?;
    Some(time.strftime("%Y-%m-%dT%H-%M-%SZ").to_string())
}

/// The time of a backup's name, in seconds since 1970; `None` for other names.
///
/// ```
/// use selvedge_host::backup::name;
///
/// assert_eq!(name::time("2026-12-01T10-50-44Z.age"), Some(1_796_122_244));
/// assert_eq!(name::time("notes"), None);
/// ```
#[must_use]
pub fn time(name: &str) -> Option<i64> {
    let text = name.strip_suffix(SEALED).unwrap_or(name);
    let date = jiff::civil::DateTime::strptime("%Y-%m-%dT%H-%M-%SZ", text).ok()?;
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    let seconds = zoned.timestamp().as_second();
    // Only what `of` writes: numbers have all their digits.
    (of(seconds)? == text).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_names_are_read() {
        for (text, expected) in [
            ("1970-01-01T00-00-00Z", Some(0)),
            ("1970-01-02T00-00-01Z", Some(86_401)),
            ("1970-01-02T00-00-01Z.age", Some(86_401)),
            ("1970-01-02T00-00-01Z.txt", None),
            ("1970-1-2T0-0-1Z", None),
            ("1970-01-32T00-00-00Z", None),
            (".incomplete", None),
            ("", None),
        ] {
            assert_eq!(time(text), expected, "{text}");
        }
        assert_eq!(of(i64::MAX), None);
        assert!(of(9_999).unwrap() < of(10_000).unwrap());
    }
}
