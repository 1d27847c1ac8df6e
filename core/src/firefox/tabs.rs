//! Open tabs (spec §6.5): each device writes its own record, and reads the others'.

use alloc::vec::Vec;

use super::decision::Decision;
use super::judgement::Judgement;
use crate::ids::RecordId;
use crate::json::Value;
use crate::reconcile::{Ours, Outcome, Rule, Theirs};

/// Whether a downloaded record can be used: Firefox ignores the whole record for one member of a wrong type.
///
/// ```
/// use selvedge_core::firefox::{Judgement, tabs};
///
/// let record = r#"{"clientName":"Laptop","tabs":[{"title":"A","urlHistory":["https://a.example/"],"lastUsed":1796000000}]}"#;
/// assert_eq!(tabs::validate(&record.parse()?), Judgement::Valid);
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[must_use]
pub fn validate(record: &Value) -> Judgement {
    let is_text = |value: &Value| value.as_str().is_some();
    if !record.get("clientName").is_some_and(is_text) {
        return Judgement::Refuse("tabs need clientName, the name of their device");
    }
    let is_tab = |tab: &Value| {
        let urls = tab.get("urlHistory").and_then(Value::as_array);
        tab.get("title").is_some_and(is_text)
            && urls.is_some_and(|urls| urls.iter().all(is_text))
            && tab.get("lastUsed").and_then(Value::as_u64).is_some()
    };
    let tabs = record.get("tabs").and_then(Value::as_array);
    if tabs.is_some_and(|tabs| tabs.iter().all(is_tab)) {
        Judgement::Valid
    } else {
        Judgement::Refuse("each tab needs title, urlHistory and lastUsed in whole seconds")
    }
}

/// Decides how to reconcile a record: the own one is this device's, all others are the server's, and are never uploaded.
///
/// ```
/// use selvedge_core::firefox::{Decision, tabs};
/// use selvedge_core::ids::RecordId;
/// use selvedge_core::reconcile::{Outcome, Ours, Theirs};
///
/// let own = RecordId::new("npwmPOsO89Am")?;
/// let ours = Ours::Resend { cleartext: r#"{"id":"npwmPOsO89Am","clientName":"Laptop","tabs":[]}"# };
/// let decision = tabs::decide(Some(&own), ours, Theirs::Tombstone);
/// assert!(decision == Decision::One(Outcome::Keep { rule: None }));
/// # Ok::<(), selvedge_core::ids::InvalidId>(())
/// ```
#[must_use]
pub fn decide(own: Option<&RecordId>, ours: Ours<'_>, theirs: Theirs<'_>) -> Decision {
    let text = match ours {
        Ours::Unchanged { cleartext }
        | Ours::Resend { cleartext }
        | Ours::Edited { cleartext, .. } => cleartext,
        Ours::Missing | Ours::Deleted { .. } => "",
    };
    let record = text.parse::<Value>().ok();
    let id = record
        .as_ref()
        .and_then(|record| record.get("id")?.as_str());
    let is_own = own.is_some_and(|own| id == Some(own.as_str()));
    Decision::One(match theirs {
        _ if is_own => Outcome::Keep { rule: None },
        Theirs::Tombstone if matches!(ours, Ours::Missing) => Outcome::Ignore,
        Theirs::Tombstone => Outcome::Delete {
            rule: dropped(ours),
        },
        Theirs::Record(_) => Outcome::Take {
            rule: dropped(ours),
        },
    })
}

/// The rule by which this device's change of a record that it must not write is dropped.
pub(super) const fn dropped(ours: Ours<'_>) -> Option<Rule> {
    match ours {
        Ours::Missing | Ours::Unchanged { .. } => None,
        Ours::Deleted { .. } | Ours::Edited { .. } | Ours::Resend { .. } => {
            Some(Rule::ServerBeatsResend)
        }
    }
}

/// An open tab.
///
/// ```
/// use selvedge_core::firefox::tabs;
///
/// let record = r#"{"tabs":[{"title":"A","urlHistory":["https://a.example/"],"lastUsed":7}]}"#.parse()?;
/// let tabs = tabs::read(&record);
/// assert_eq!((tabs[0].title, tabs[0].url, tabs[0].last_used), ("A", "https://a.example/", 7));
/// # Ok::<(), selvedge_core::json::Malformed>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tab<'a> {
    /// The title of the page.
    pub title: &'a str,
    /// The current URL.
    pub url: &'a str,
    /// When it was last used, in seconds since 1970.
    pub last_used: u64,
}

/// The tabs of a record, in its order.
#[must_use]
pub fn read(record: &Value) -> Vec<Tab<'_>> {
    let list = record.get("tabs").and_then(Value::as_array);
    let tab = |tab| {
        let tab: &Value = tab;
        Some(Tab {
            title: tab.get("title").and_then(Value::as_str).unwrap_or_default(),
            url: tab.get("urlHistory")?.as_array()?.first()?.as_str()?,
            last_used: tab
                .get("lastUsed")
                .and_then(Value::as_u64)
                .unwrap_or_default(),
        })
    };
    list.unwrap_or_default().iter().filter_map(tab).collect()
}
