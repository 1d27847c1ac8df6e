//! A person's choices of the account's engines on this device.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::engines::Generic;
use crate::error::{Error, Result};
use crate::ids::CollectionName;
use crate::sorted::{Map, Set};
use crate::time::{LocalTime, ServerTime};

/// Engines without their own switch follow the switch of another engine.
const LINKED: [(&str, &str); 1] = [("history", "forms")];

/// A person's choice for one engine, for the whole account.
///
/// ```
/// use selvedge_core::sync::Wish;
///
/// assert_eq!(Wish::Disable.word(), "disable");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Wish {
    /// All devices that know the engine sync it.
    Enable,
    /// No device syncs it, and the server's collection is deleted, because a person agreed after seeing its contents
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

/// A choice that no sync has uploaded yet.
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
    /// The choice.
    pub wish: Wish,
    /// When it was chosen, by the local clock.
    pub at: LocalTime,
}

/// The stored choices of a person.
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
    /// The choices made since the last sync.
    pub changes: Map<CollectionName, Change>,
    /// The engines that were off here after the last sync had applied the choices.
    pub off: Set<String>,
    /// Whether a sync has ever applied the choices to the account. Before that, no person has seen the account's data
    /// here, so that earlier choices delete nothing.
    pub is_settled: bool,
    /// Collections to be deleted on the server, with their times there when a person agreed to it. One that was changed
    /// since is not deleted.
    pub agreed: Map<CollectionName, ServerTime>,
}

impl Choices {
    /// Records a choice, and replaces an earlier one. Returns the engines that the choice applies to: `forms` follows
    /// `history`.
    ///
    /// # Errors
    /// [`Error::Input`] for engines that cannot be chosen: those that the sync itself manages, and `forms` alone.
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
            // An agreement is valid only for the choice that it was given for.
            self.agreed.remove(name);
        }
        Ok(names)
    }
}
