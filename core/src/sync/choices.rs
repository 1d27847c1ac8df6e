//! A person's choices of the account's engines on this device, kept until the next sync uploads them to the account
//! (spec §4.9).
//!
//! All devices of an account share one set of engines: meta/global lists the enabled engines and the declined ones. A
//! device follows it; a choice made here changes it for all devices.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::state::{GlobalState, Wish};
use crate::engines::{Engine, FIREFOX_ENGINES, Generic};
use crate::error::Result;
use crate::host::Store;
use crate::ids::CollectionName;
use crate::journal;
use crate::sorted::Set;
use crate::time::{LocalTime, ServerTime};

/// Records that a person agreed to delete the server's collections after seeing their contents: each with its time on
/// the server at that moment. It belongs to [`Wish::Disable`]; without it the next sync deletes nothing.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn agree_to_delete<S: Store>(
    store: &S,
    shown: impl IntoIterator<Item = (CollectionName, ServerTime)>,
) -> Result<()> {
    let mut state = GlobalState::load(store).await?;
    state.device.choices.agreed.extend(shown);
    state.save(store).await
}

/// Records a person's choice for some engines; the next sync uploads it. Returns the engines that the choice applies
/// to.
///
/// # Errors
/// As [`Choices::choose`](super::Choices::choose), then nothing was recorded; or when the store cannot be read or
/// written.
pub async fn choose<S: Store>(
    store: &S,
    names: &[CollectionName],
    wish: Wish,
    at: LocalTime,
) -> Result<Vec<CollectionName>> {
    let mut state = GlobalState::load(store).await?;
    let mut chosen = Vec::new();
    for name in names {
        chosen.extend(state.device.choices.choose(name, wish, at)?);
    }
    state.save(store).await?;
    Ok(chosen)
}

/// The state of an engine in the account, as far as this device knows.
///
/// ```
/// use selvedge_core::sync::EngineState;
///
/// assert_eq!(EngineState::Declined.word(), "declined");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineState {
    /// Listed: the account's devices sync it.
    Enabled,
    /// The account's devices have agreed not to sync it.
    Declined,
    /// Neither: no device has synced it yet.
    Unlisted,
}

impl EngineState {
    /// The state in one word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Declined => "declined",
            Self::Unlisted => "unlisted",
        }
    }
}

/// One engine of the account, as far as this device knows.
///
/// ```
/// use selvedge_core::host::MemoryStore;
/// use selvedge_core::sync::{EngineState, engine_list};
///
/// let engines = pollster::block_on(engine_list(&MemoryStore::default()))?;
/// assert!(engines.iter().all(|engine| engine.state == EngineState::Unlisted && engine.is_firefoxs));
/// # Ok::<(), selvedge_core::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStatus {
    /// Its name, which is the name of its collection.
    pub name: String,
    /// The version of its records' format: the account's, or this program's while it is not listed.
    pub version: u64,
    /// Its state.
    pub state: EngineState,
    /// The choice made here, for the next sync.
    pub wish: Option<Wish>,
    /// Whether it is one of Firefox's engines.
    pub is_firefoxs: bool,
    /// The number of records here.
    pub records: u64,
}

/// The account's engines as far as this device knows, in the order of their turns; no request is sent.
///
/// # Errors
/// When the store cannot be read.
pub async fn engine_list<S: Store>(store: &S) -> Result<Vec<EngineStatus>> {
    let state = GlobalState::load(store).await?;
    let here = journal::collections(store).await?;
    let mut names: Set<String> = state.device.engines.keys().cloned().collect();
    names.extend(state.device.declined.iter().cloned());
    names.extend(state.device.choices.changes.keys().map(ToString::to_string));
    names.extend(here.iter().map(ToString::to_string));
    names.extend(FIREFOX_ENGINES.iter().map(|engine| engine.name.to_string()));
    names.retain(|name| !matches!(name.as_str(), "clients" | "meta" | "crypto"));
    let mut engines = Vec::new();
    for name in names {
        let collection = CollectionName::new(name.as_str()).ok();
        let listed = state.device.engines.get(&name).copied();
        let (records, wish) = match &collection {
            None => (0, None),
            Some(collection) => (
                store.counts(collection).await?.live,
                state.device.choices.changes.get(collection),
            ),
        };
        engines.push(EngineStatus {
            version: listed.unwrap_or_else(|| version(&name)),
            state: match listed {
                Some(_) => EngineState::Enabled,
                None if state.device.declined.contains(&name) => EngineState::Declined,
                None => EngineState::Unlisted,
            },
            wish: wish.map(|change| change.wish),
            is_firefoxs: FIREFOX_ENGINES.iter().any(|engine| engine.name == name),
            records,
            name,
        });
    }
    crate::sorted::sort(&mut engines, |one, other| {
        turn(&one.name).cmp(&turn(&other.name))
    });
    Ok(engines)
}

/// The version of an engine's records as this program writes them.
pub(super) fn version(name: &str) -> u64 {
    CollectionName::new(name)
        .ok()
        .and_then(|name| Generic::new(name).ok())
        .map_or(1, |engine| engine.version())
}

/// The position of an engine in the order of a sync: small and valuable collections before large ones, so that an
/// interrupted sync has transferred the valuable data (spec §4.9).
///
/// ```
/// use selvedge_core::sync::turn;
///
/// assert!(turn("passwords") < turn("notes") && turn("notes") < turn("history"));
/// ```
#[must_use]
pub fn turn(name: &str) -> usize {
    // An application's own collections have no known size, so they come between the small ones and the large ones.
    const OWN: &str = "";
    const ORDER: [&str; 11] = [
        "prefs",
        "passwords",
        "tabs",
        "bookmarks",
        "addons",
        "addresses",
        "creditcards",
        OWN,
        "forms",
        "history",
        "extension-storage",
    ];
    let place = |wanted: &str| ORDER.iter().position(|name| *name == wanted);
    place(name).or_else(|| place(OWN)).unwrap_or(ORDER.len())
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::error::Error;
    use crate::host::MemoryStore;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn name(text: &str) -> CollectionName {
        CollectionName::new(text).unwrap()
    }

    #[test]
    fn a_later_choice_takes_the_place_of_an_earlier_one() {
        let store = MemoryStore::default();
        let at = LocalTime::from_millis;
        for (wish, millis) in [(Wish::Disable, 1), (Wish::Enable, 2)] {
            block_on(choose(&store, &[name("notes")], wish, at(millis))).unwrap();
        }
        let list = block_on(engine_list(&store)).unwrap();
        let notes = list.iter().find(|engine| engine.name == "notes").unwrap();
        assert_eq!(
            (notes.wish, notes.state, notes.version),
            (Some(Wish::Enable), EngineState::Unlisted, 1)
        );
    }

    #[test]
    fn what_has_no_switch_of_its_own_cannot_be_chosen_and_nothing_is_noted() {
        for refused in ["forms", "clients", "meta", "crypto"] {
            let store = MemoryStore::default();
            let names = [name("notes"), name(refused)];
            let result = block_on(choose(
                &store,
                &names,
                Wish::Disable,
                LocalTime::from_millis(1),
            ));
            assert!(matches!(result, Err(Error::Input(_))), "{refused}");
            assert_eq!(block_on(store.global()).unwrap(), None, "{refused}");
        }
    }

    #[test]
    fn engines_are_listed_in_the_order_of_their_turns() {
        let store = MemoryStore::default();
        block_on(choose(
            &store,
            &[name("notes")],
            Wish::Enable,
            LocalTime::from_millis(1),
        ))
        .unwrap();
        let names: Vec<String> = block_on(engine_list(&store))
            .unwrap()
            .into_iter()
            .map(|engine| engine.name)
            .collect();
        let expected = [
            "prefs",
            "passwords",
            "tabs",
            "bookmarks",
            "addons",
            "addresses",
            "creditcards",
            "notes",
            "forms",
            "history",
            "extension-storage",
        ];
        assert_eq!(names, expected);
    }
}
