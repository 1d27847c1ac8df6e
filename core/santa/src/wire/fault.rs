//! The reason why a text is not a message of the protocol, and its position.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use serde::de::{Error, Expected, Unexpected};

/// The reason why a text is not such a message, and its position. It contains no part of the text except the name of a
/// known field.
#[derive(Debug)]
pub(crate) struct Fault {
    problem: String,
    at: Option<usize>,
}

impl Fault {
    pub(super) fn new(problem: impl Into<String>, at: usize) -> Self {
        Self {
            problem: problem.into(),
            at: Some(at),
        }
    }

    /// Adds the position of a value, and its field, to a fault that a visitor found in it.
    pub(super) fn within(self, field: Option<&str>, at: usize) -> Self {
        if self.at.is_some() {
            return self;
        }
        let problem = match field {
            Some(field) => format!("the field {field} must be {}", self.problem),
            None => format!("a value must be {}", self.problem),
        };
        Self::new(problem, at)
    }

    /// The problem with its line and column in a text, both from 1.
    pub(crate) fn describe(&self, text: &str) -> String {
        let before = text.get(..self.at.unwrap_or_default()).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default();
        let column = column.chars().count() + 1;
        format!("{} (line {line}, column {column})", self.problem)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl core::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self {
            problem: problem.to_string(),
            at: None,
        }
    }

    // The actual value may be anything, and is not repeated.
    fn invalid_type(_found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(expected)
    }

    fn invalid_value(_found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(expected)
    }
}
