//! Bundles: the hash of all members, and what to do with their events (spec §5.3).

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::eventupload::Uploaded;

/// The hash of a bundle: of its members' SHA-256 in hexadecimal, as they are written, sorted case-insensitively.
///
/// ```
/// use selvedge_santa::bundle_hash;
///
/// let (a, b) = ("aa".repeat(32), "BB".repeat(32));
/// assert_eq!(bundle_hash([a.as_str(), b.as_str()]), bundle_hash([b.as_str(), a.as_str()]));
/// ```
#[must_use]
pub fn bundle_hash<'a>(members: impl IntoIterator<Item = &'a str>) -> String {
    let mut members: Vec<&str> = members.into_iter().collect();
    members.sort_by_cached_key(|member| member.to_ascii_lowercase());
    let mut hash = Sha256::new();
    members.iter().for_each(|member| hash.update(member));
    const_hex::encode(hash.finalize())
}

/// What to do with the events of a bundle's members, after the main event was sent.
///
/// ```
/// use selvedge_santa::{BundleAction, Uploaded};
///
/// let uploaded = Uploaded { bundles: vec!["ab".into()], ..Uploaded::default() };
/// assert_eq!(BundleAction::decide(Some(&uploaded), "ab"), BundleAction::Send);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BundleAction {
    /// The server requests them: send them immediately.
    Send,
    /// The server could not be asked: store them for the next sync.
    Store,
    /// The server does not request them.
    Drop,
}

impl BundleAction {
    /// Decides by the result of the main event's upload, `None` if it failed, and by the bundle's hash.
    #[must_use]
    pub fn decide(uploaded: Option<&Uploaded>, hash: &str) -> Self {
        match uploaded {
            None => Self::Store,
            Some(uploaded) if uploaded.bundles.iter().any(|wanted| wanted == hash) => Self::Send,
            Some(_) => Self::Drop,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_row() {
        let listed = |hash: &str| Uploaded {
            bundles: [hash.into()].into(),
            ..Uploaded::default()
        };
        let rows = [
            ("failed", None, BundleAction::Store),
            ("listed", Some(listed("ab")), BundleAction::Send),
            ("another one listed", Some(listed("cd")), BundleAction::Drop),
            ("none listed", Some(Uploaded::default()), BundleAction::Drop),
        ];
        for (name, uploaded, expected) in rows {
            assert_eq!(
                BundleAction::decide(uploaded.as_ref(), "ab"),
                expected,
                "{name}"
            );
        }
    }
}
