//! Parses the three forms of an HTTP date, which `Retry-After` may contain.

/// Seconds since the Unix epoch of an HTTP date: `Sun, 06 Nov 1994 08:49:37 GMT`, or one of the two obsolete forms.
/// `None` if the text has another form, or the date is before the epoch.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let mut words = text
        .split([' ', ',', '-', ':'])
        .filter(|word| !word.is_empty());
    let _weekday = words.next()?;
    let first = words.next()?;
    let (year, month, day, time) = if first.starts_with(|c: char| c.is_ascii_digit()) {
        let month = month(words.next()?)?;
        let year = words.next()?;
        let time = [words.next()?, words.next()?, words.next()?];
        if words.next()? != "GMT" {
            return None;
        }
        (year, month, first, time)
    } else {
        let day = words.next()?;
        let time = [words.next()?, words.next()?, words.next()?];
        (words.next()?, month(first)?, day, time)
    };
    if words.next().is_some() {
        return None;
    }
    let year = match (year.len(), number(year, 9999)?) {
        // A two-digit year is not far in the future (RFC 9110 §5.6.7), relative to the time of this protocol.
        (2, short) if short < 70 => 2000 + short,
        (2, short) => 1900 + short,
        (_, year) => year,
    };
    let day = number(day, 31).filter(|day| *day > 0)?;
    let [hour, minute, second] = time;
    let seconds = number(hour, 23)? * 3600 + number(minute, 59)? * 60 + number(second, 60)?;
    let days = days_before(year, month)?.checked_add(day - 1)?;
    days.checked_mul(86_400)?.checked_add(seconds)
}

fn number(text: &str, max: u64) -> Option<u64> {
    if text.len() > 4 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|value| *value <= max)
}

fn month(name: &str) -> Option<u64> {
    [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    .iter()
    .zip(1..)
    .find(|(known, _)| **known == name)
    .map(|(_, number)| number)
}

/// Days from the epoch to the first day of a month: years start in March, so that the leap day is last.
fn days_before(year: u64, month: u64) -> Option<u64> {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year.checked_sub(1)?, month + 9)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    (year * 365 + leap_days + (153 * month + 2) / 5).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn all_three_forms_are_parsed() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text), Some(784_111_777), "{text}");
        }
        assert_eq!(parse("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(parse("Thu, 29 Feb 2024 23:59:59 GMT"), Some(1_709_251_199));
        assert_eq!(parse("Fri, 01 Mar 2024 00:00:00 GMT"), Some(1_709_251_200));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "soon",
            "Sun, 06 Nov 1994",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 25:49:37 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, 06 Nov 0000 08:49:37 GMT",
            "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
