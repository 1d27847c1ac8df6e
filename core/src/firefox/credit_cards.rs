//! Credit cards (spec §6.9): as addresses, and a card number is never replaced by an empty one.

use alloc::string::String;

use super::autofill;
use super::judgement::{Corrected, Judgement};
use super::versions::{Merged, Versions};
use crate::json::Value;

/// Whether a downloaded card can be used. Versions 1 and 2 are read as 3; phones stop at them, so they are uploaded as 3.
///
/// ```
/// use selvedge_core::firefox::{Judgement, credit_cards};
///
/// let card = r#"{"id":"211443f8e100","entry":{"version":3,"cc-number":"4111111111111111"}}"#.parse()?;
/// assert_eq!(credit_cards::validate(&card), Judgement::Valid);
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[must_use]
pub fn validate(record: &Value) -> Judgement {
    let Some(entry) = autofill::entry(record) else {
        return Judgement::Refuse("entry must be an object");
    };
    match entry.get("version").and_then(Value::as_u64) {
        Some(3 | 4) => Judgement::Valid,
        Some(1 | 2) => {
            let mut entry = entry.clone();
            entry.insert("version".into(), 3.into());
            let mut corrected = record.as_object().cloned().unwrap_or_default();
            corrected.insert("entry".into(), Value::Object(entry));
            Judgement::Reupload(Corrected::new(&Value::Object(corrected)))
        }
        _ => Judgement::Refuse("entry must have version 3"),
    }
}

/// What makes two cards the same: a hash of their members, without times and counts.
///
/// ```
/// use selvedge_core::firefox::credit_cards;
///
/// let card = r#"{"entry":{"version":3,"cc-number":"4111111111111111"}}"#.parse()?;
/// assert!(!credit_cards::duplicate_key(&card).unwrap().contains("4111111111111111"));
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[must_use]
pub fn duplicate_key(record: &Value) -> Option<String> {
    autofill::duplicate_key(record)
}

/// Merges two versions of a card.
#[must_use]
pub fn merge(versions: &Versions<'_>) -> Merged {
    autofill::merge(versions, &["cc-number"])
}

/// A card number for people: the last four digits.
///
/// ```
/// assert_eq!(selvedge_core::firefox::credit_cards::masked("4111 1111 1111 1234"), "••••1234");
/// assert_eq!(selvedge_core::firefox::credit_cards::masked("123"), "••••");
/// ```
#[must_use]
pub fn masked(number: &str) -> String {
    let digits: alloc::vec::Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    let shown = if digits.len() >= 8 {
        digits.iter().rev().take(4).rev().collect()
    } else {
        String::new()
    };
    alloc::format!("••••{shown}")
}
