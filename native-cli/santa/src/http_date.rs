//! Dates of HTTP headers.

use selvedge_host::moment;

/// Parses a date like `Sat, 21 Nov 2026 13:11:44 GMT` (IMF-fixdate) to seconds since the Unix epoch. Servers no longer
/// write other forms.
pub(super) fn seconds(date: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, rest) = date.split_once(", ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let [day, month, year, clock, "GMT"] = fields.as_slice() else {
        return None;
    };
    let month = MONTHS.iter().position(|name| name == month)? + 1;
    let moment = moment::parse(&format!("{year}-{month:02}-{day}T{clock}"))?;
    Some(moment.hundredths() / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_date_is_parsed_and_an_invalid_one_is_rejected() {
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(seconds("Sun Nov  6 08:49:37 1994"), None);
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 CET"), None);
        assert_eq!(seconds("Sun, 31 Feb 1994 08:49:37 GMT"), None);
        assert_eq!(seconds(""), None);
    }
}
