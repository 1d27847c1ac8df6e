//! The engines of Firefox's collections.

use alloc::boxed::Box;

use super::addons;
use super::addresses;
use super::credit_cards;
use super::decision::{Decision, decide, decide_growing};
use super::extension_storage;
use super::forms;
use super::history;
use super::judgement::Judgement;
use super::passwords;
use super::prefs;
use super::tabs;
use crate::engines::{Cleartext, Engine, Generic, Key, Merge, RecordMerge, Validity};
use crate::error::Result;
use crate::ids::{CollectionName, RecordId};
use crate::json::Value;
use crate::reconcile::{Ours, Outcome, Side, Theirs, reconcile};

/// What an engine has to know about this device.
///
/// ```
/// use selvedge_core::firefox::Owned;
///
/// assert!(!Owned::default().addons);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owned {
    /// The id of this device's record in clients and tabs; `None`: it has none yet.
    pub client: Option<RecordId>,
    /// Whether the user asked this device to write add-ons.
    pub addons: bool,
    /// Whether the user asked this device to write preferences.
    pub prefs: bool,
}

/// The engine of a collection: with Firefox's rules if it is one of Firefox's collections other than bookmarks.
///
/// ```
/// use selvedge_core::engines::{Cleartext, Validity};
/// use selvedge_core::firefox::{Owned, engine_for};
/// use selvedge_core::ids::{CollectionName, RecordId};
///
/// let forms = engine_for(CollectionName::new("forms")?, &Owned::default()).unwrap();
/// let id = RecordId::new("Qm9Xc2VwbHVz")?;
/// assert_eq!(forms.validate(&Cleartext::new(&id, r#"{"name":"city"}"#)), Validity::Replace);
/// # Ok::<(), selvedge_core::ids::InvalidId>(())
/// ```
///
/// # Errors
/// As [`Generic::new`].
pub fn engine_for(collection: CollectionName, owned: &Owned) -> Result<Box<dyn Engine>> {
    let rules = match collection.as_str() {
        "passwords" => Rules::Passwords,
        "history" => Rules::History,
        "forms" => Rules::Forms,
        "addresses" => Rules::Addresses,
        "creditcards" => Rules::CreditCards,
        "extension-storage" => Rules::ExtensionStorage,
        "tabs" => Rules::Tabs(owned.client.clone()),
        "addons" => Rules::Addons(owned.addons),
        "prefs" => Rules::Prefs(owned.prefs),
        _ => return Ok(Box::new(Generic::new(collection)?)),
    };
    let generic = Generic::new(collection)?;
    Ok(Box::new(FirefoxCollection { generic, rules }))
}

#[derive(Debug)]
enum Rules {
    Passwords,
    History,
    Forms,
    Addresses,
    CreditCards,
    ExtensionStorage,
    /// With the id of the own record.
    Tabs(Option<RecordId>),
    /// Whether this device writes them.
    Addons(bool),
    Prefs(bool),
}

#[derive(Debug)]
struct FirefoxCollection {
    /// Version, time to live and the limit of the first download.
    generic: Generic,
    rules: Rules,
}

impl Engine for FirefoxCollection {
    fn collection(&self) -> &CollectionName {
        self.generic.collection()
    }

    fn version(&self) -> u64 {
        self.generic.version()
    }

    fn ttl(&self) -> Option<u32> {
        self.generic.ttl()
    }

    fn first_download(&self) -> Option<u32> {
        self.generic.first_download()
    }

    fn validate(&self, record: &Cleartext<'_>) -> Validity {
        let Ok(value) = record.json().parse::<Value>() else {
            return Validity::Refuse("a record must be a JSON object");
        };
        let judgement = match self.rules {
            Rules::Passwords => passwords::validate(&value),
            Rules::History => history::validate(record.id(), &value),
            Rules::Forms => forms::validate(&value),
            Rules::Addresses => addresses::validate(&value),
            Rules::CreditCards => credit_cards::validate(&value),
            Rules::ExtensionStorage => extension_storage::validate(&value),
            Rules::Tabs(_) => tabs::validate(&value),
            Rules::Addons(_) => addons::validate(&value),
            Rules::Prefs(_) => prefs::validate(&value),
        };
        match judgement {
            Judgement::Valid => Validity::Valid,
            Judgement::Reupload(corrected) => Validity::Reupload(corrected.as_str().into()),
            Judgement::Replace => Validity::Replace,
            Judgement::Refuse(reason) => Validity::Refuse(reason),
        }
    }

    fn has_duplicate_keys(&self) -> bool {
        !matches!(self.rules, Rules::Tabs(_) | Rules::Prefs(_))
    }

    fn duplicate_key(&self, record: &Cleartext<'_>) -> Option<Key> {
        let value: Value = record.json().parse().ok()?;
        let key = match self.rules {
            Rules::Passwords => passwords::duplicate_key(&value),
            Rules::History => history::duplicate_key(&value),
            Rules::Forms => forms::duplicate_key(&value),
            Rules::Addresses => addresses::duplicate_key(&value),
            Rules::CreditCards => credit_cards::duplicate_key(&value),
            Rules::ExtensionStorage => extension_storage::duplicate_key(&value),
            Rules::Addons(_) => addons::duplicate_key(&value),
            Rules::Tabs(_) | Rules::Prefs(_) => None,
        };
        key.map(Key::new)
    }

    fn merge(&self) -> Merge<'_> {
        Merge::PerRecord(self)
    }
}

impl RecordMerge for FirefoxCollection {
    fn merge(&self, ours: Ours<'_>, theirs: Theirs<'_>, newer: Side) -> Outcome {
        let decision = match &self.rules {
            Rules::Passwords => decide(ours, theirs, newer, passwords::merge),
            Rules::History => decide_growing(ours, theirs, newer, history::merge),
            Rules::Forms => decide(ours, theirs, newer, forms::merge),
            Rules::Addresses => decide(ours, theirs, newer, addresses::merge),
            Rules::CreditCards => decide_growing(ours, theirs, newer, credit_cards::merge),
            Rules::ExtensionStorage => extension_storage::decide(ours, theirs, newer),
            Rules::Tabs(own) => tabs::decide(own.as_ref(), ours, theirs),
            Rules::Addons(true) => return reconcile(ours, theirs, newer),
            Rules::Prefs(true) => decide(ours, theirs, newer, prefs::merge),
            Rules::Addons(false) | Rules::Prefs(false) => tabs::decide(None, ours, theirs),
        };
        match decision {
            Decision::One(outcome) => outcome,
            Decision::Fork(_) => Outcome::Fork,
        }
    }
}
