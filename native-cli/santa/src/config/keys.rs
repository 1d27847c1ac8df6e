//! Typed access to the keys of a TOML table. Keys that the reader does not access are reported as unknown.

use std::path::PathBuf;

use toml::{Table, Value};

use super::settings;

/// The error message for a key.
pub(super) type Problem = String;

/// A table and the keys accessed so far.
pub(super) struct Keys<'a> {
    table: &'a Table,
    /// The prefix of the keys in messages.
    prefix: &'static str,
    /// The documented keys of this table.
    listed: Vec<&'static str>,
    accessed: Vec<&'static str>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(table: &'a Table, prefix: &'static str) -> Self {
        let listed = settings::of_table(prefix).map(|setting| setting.key);
        Self::of(table, prefix, listed.collect())
    }

    const fn of(table: &'a Table, prefix: &'static str, listed: Vec<&'static str>) -> Self {
        Self {
            table,
            prefix,
            listed,
            accessed: Vec::new(),
        }
    }

    fn read<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        self.record_access(key);
        let Some(value) = self.table.get(key) else {
            return Ok(None);
        };
        match read(value) {
            Some(value) => Ok(Some(value)),
            None => Err(format!("{}{key} must be {expected}", self.prefix)),
        }
    }

    /// A string; an empty one counts as absent.
    pub(super) fn text(&mut self, key: &'static str) -> Result<Option<String>, Problem> {
        let text = self.read(key, "a string", |value| value.as_str().map(str::to_owned))?;
        Ok(text.filter(|text| !text.is_empty()))
    }

    /// The absolute path of a file: a relative one would depend on the working directory.
    pub(super) fn path(&mut self, key: &'static str) -> Result<Option<PathBuf>, Problem> {
        let path = self.text(key)?.map(PathBuf::from);
        match path {
            Some(path) if !path.is_absolute() => {
                Err(format!("{}{key} must be an absolute path", self.prefix))
            }
            path => Ok(path),
        }
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Result<Option<bool>, Problem> {
        self.read(key, "true or false", Value::as_bool)
    }

    /// An integer from 0 to `max`.
    pub(super) fn number(&mut self, key: &'static str, max: u32) -> Result<Option<u32>, Problem> {
        let expected = format!("an integer from 0 to {max}");
        self.read(key, &expected, |value| {
            let number = u32::try_from(value.as_integer()?).ok()?;
            (number <= max).then_some(number)
        })
    }

    /// A list of strings.
    pub(super) fn texts(&mut self, key: &'static str) -> Result<Option<Vec<String>>, Problem> {
        self.read(key, "a list of strings", |value| {
            let texts = value.as_array()?.iter();
            texts.map(|text| text.as_str().map(str::to_owned)).collect()
        })
    }

    pub(super) fn table(&mut self, key: &'static str) -> Result<Option<&'a Table>, Problem> {
        self.read(key, "a table", Value::as_table)
    }

    /// The value without a check of its type.
    pub(super) fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        self.record_access(key);
        self.table.get(key)
    }

    fn record_access(&mut self, key: &'static str) {
        debug_assert!(
            self.listed.contains(&key),
            "{}{key} is read, and not listed",
            self.prefix
        );
        self.accessed.push(key);
    }

    /// A warning for each key that was not accessed.
    pub(super) fn unknown(self) -> Vec<String> {
        for key in &self.listed {
            debug_assert!(
                self.accessed.contains(key),
                "{}{key} is listed, and not read",
                self.prefix
            );
        }
        let unknown = self
            .table
            .keys()
            .filter(|key| !self.accessed.contains(&key.as_str()));
        let warning = |key: &String| {
            let (prefix, shown) = (self.prefix, key.escape_debug());
            match nearest(key, &self.accessed) {
                Some(near) => format!(
                    "the setting {prefix}{shown} is unknown and ignored: did you mean {prefix}{near}?"
                ),
                None => format!("the setting {prefix}{shown} is unknown and ignored"),
            }
        };
        unknown.map(warning).collect()
    }
}

/// The most similar known key, if it is similar enough.
pub(crate) fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    // A longer key is not a typing error, and the comparison would take too long.
    if key.len() > 80 {
        return None;
    }
    let with_distance = known.iter().map(|name| (distance(key, name), *name));
    let (distance, name) = with_distance.min()?;
    (distance <= 1 + name.len() / 4).then_some(name)
}

/// The Levenshtein distance of two words, case-insensitive.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.to_lowercase().chars().enumerate() {
        let mut next = vec![at + 1];
        for ((expected, above), left_above) in other.iter().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or_default();
            let changed = left_above + usize::from(*expected != letter);
            next.push(changed.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        text.parse().unwrap()
    }

    #[test]
    fn a_value_of_a_wrong_type_is_reported() {
        let table = table("a = 1\nb = 'x'\nc = ['x', 1]\nd = -1\ne = 'rel/ative'\nf = ''");
        let listed = vec!["a", "b", "c", "d", "e", "f", "absent"];
        let mut keys = Keys::of(&table, "x.", listed);
        assert_eq!(keys.text("a"), Err("x.a must be a string".into()));
        assert_eq!(keys.boolean("b"), Err("x.b must be true or false".into()));
        assert_eq!(keys.texts("c"), Err("x.c must be a list of strings".into()));
        assert_eq!(
            keys.number("d", 9),
            Err("x.d must be an integer from 0 to 9".into())
        );
        assert_eq!(keys.path("e"), Err("x.e must be an absolute path".into()));
        assert_eq!(keys.text("f"), Ok(None));
        assert_eq!(keys.text("absent"), Ok(None));
    }

    #[test]
    #[should_panic(expected = "x.b is read, and not listed")]
    fn a_key_that_is_read_must_be_listed() {
        let table = table("");
        let _read = Keys::of(&table, "x.", vec!["a"]).text("b");
    }

    #[test]
    #[should_panic(expected = "x.a is listed, and not read")]
    fn a_key_that_is_listed_must_be_read() {
        let table = table("");
        let _warnings = Keys::of(&table, "x.", vec!["a"]).unknown();
    }

    #[test]
    fn an_unknown_key_is_reported_with_the_most_similar_known_key() {
        let table = table("syncBaseUrl = 'x'\nEntirelyElse = 1\nMachineID = 'm'");
        let mut keys = Keys::of(&table, "", vec!["SyncBaseURL", "MachineID"]);
        let _asked = (keys.text("SyncBaseURL"), keys.text("MachineID"));
        let warnings = keys.unknown();
        assert_eq!(
            warnings,
            [
                "the setting EntirelyElse is unknown and ignored",
                "the setting syncBaseUrl is unknown and ignored: did you mean SyncBaseURL?"
            ]
        );
    }

    #[test]
    fn distances_count_changed_letters() {
        for (one, other, expected) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("ABC", "abd", 1),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }
}
