//! What a person chose of the account's engines on this device.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::engine::Generic;
use crate::error::{Error, Result};
use crate::ids::CollectionName;
use crate::sorted::{Map, Set};
use crate::time::{LocalTime, ServerTime};

/// Engines without a switch of their own follow another one's.
const LINKED: [(&str, &str); 1] = [("history", "forms")];

/// What a person wants of one engine, for the whole account.
///
/// ```
/// use selvedge_core::sync::Wish;
///
/// assert_eq!(Wish::Disable.word(), "disable");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wish {
    /// All devices that know it sync it.
    Enable,
    /// No device syncs it, and the server's collection is deleted, as a person agreed on being told what it holds
    /// ([`agree_to_delete`](crate::sync::agree_to_delete)); records on devices stay.
    Disable,
    /// No device syncs it; the server's collection stays as it is.
    Decline,
}

impl Wish {
    /// The wish in one word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Decline => "decline",
        }
    }
}

/// A choice that no sync has carried to the account yet.
///
/// ```
/// use selvedge_core::sync::{Change, Wish};
/// use selvedge_core::time::LocalTime;
///
/// let change = Change { wish: Wish::Enable, at: LocalTime::from_millis(7) };
/// assert_eq!(serde_json::to_string(&change).unwrap(), r#"{"wish":"enable","at":7}"#);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What is wanted.
    pub wish: Wish,
    /// When it was chosen, by the local clock.
    pub at: LocalTime,
}

/// What is kept of a person's choices.
///
/// ```
/// use selvedge_core::ids::CollectionName;
/// use selvedge_core::sync::{Choices, Wish};
/// use selvedge_core::time::LocalTime;
///
/// let mut choices = Choices::default();
/// let history = CollectionName::new("history").unwrap();
/// let chosen = choices.choose(&history, Wish::Decline, LocalTime::from_millis(7))?;
/// assert_eq!(chosen.len(), 2, "forms goes with history");
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choices {
    /// What was chosen since the last sync.
    pub changes: Map<CollectionName, Change>,
    /// The engines that were off here when the last sync had settled them.
    pub off: Set<String>,
    /// Whether a sync ever settled them with the account. Before, nobody here has seen what the account has, so that
    /// choices of that time delete nothing.
    pub is_settled: bool,
    /// Of the collections that are to be deleted on the server: their times there when a person agreed to that. One that
    /// was changed since is not deleted.
    pub agreed: Map<CollectionName, ServerTime>,
}

impl Choices {
    /// Notes a choice, in the place of an earlier one. Answers the engines that it is about: `forms` goes with `history`.
    ///
    /// # Errors
    /// [`Error::Input`] for what cannot be chosen: what the sync itself keeps, and `forms` alone.
    pub fn choose(
        &mut self,
        name: &CollectionName,
        wish: Wish,
        at: LocalTime,
    ) -> Result<Vec<CollectionName>> {
        let _choosable = Generic::new(name.clone())?;
        if let Some((leader, _)) = LINKED
            .iter()
            .find(|(_, follower)| *follower == name.as_str())
        {
            return Err(Error::Input(format!(
                "{name} goes with {leader}: choose {leader} instead"
            )));
        }
        let mut names = alloc::vec![name.clone()];
        let followers = LINKED
            .iter()
            .filter(|(leader, _)| *leader == name.as_str())
            .filter_map(|(_, follower)| CollectionName::new(*follower).ok());
        names.extend(followers);
        for name in &names {
            self.changes.insert(name.clone(), Change { wish, at });
            // An agreement goes with the choice that it was given for.
            self.agreed.remove(name);
        }
        Ok(names)
    }
}
