//! Ids of bookmarks: GUIDs, and the roots' names on the server (collections.md §2.3 rule 2).

use dogear::IsValidGuid;
pub use dogear::{Guid, MENU_GUID, MOBILE_GUID, ROOT_GUID, TAGS_GUID, TOOLBAR_GUID, UNFILED_GUID};

/// The four folders that hold all of a person's bookmarks: menu, toolbar, "Other Bookmarks" and mobile bookmarks.
pub const ROOTS: [Guid; 4] = [MENU_GUID, TOOLBAR_GUID, UNFILED_GUID, MOBILE_GUID];

const NAMES: [(&str, &str); 5] = [
    ("places", "root________"),
    ("menu", "menu________"),
    ("toolbar", "toolbar_____"),
    ("unfiled", "unfiled_____"),
    ("mobile", "mobile______"),
];

/// The GUID of an id as records contain it.
///
/// ```
/// use selvedge_bookmarks::ids::{MENU_GUID, from_record_id, to_record_id};
///
/// assert_eq!(from_record_id("menu"), MENU_GUID);
/// assert_eq!(to_record_id(&MENU_GUID), "menu");
/// ```
#[must_use]
pub fn from_record_id(id: &str) -> Guid {
    let local = NAMES.iter().find(|(name, _)| *name == id);
    Guid::from(local.map_or(id, |(_, guid)| guid))
}

/// The id that records contain for a GUID.
#[must_use]
pub fn to_record_id(guid: &Guid) -> &str {
    let text = guid.as_str();
    NAMES
        .iter()
        .find(|(_, local)| *local == text)
        .map_or(text, |(name, _)| name)
}

/// Whether the GUID is one of the four [`ROOTS`].
#[must_use]
pub fn is_root(guid: &Guid) -> bool {
    ROOTS.contains(guid)
}

/// Whether a text has the form of a GUID: 12 characters of `A–Z a–z 0–9 - _`.
#[must_use]
pub fn is_guid(text: &str) -> bool {
    text.as_bytes().is_valid_guid()
}

/// The title that Firefox gives a root's record.
#[must_use]
pub fn root_title(guid: &Guid) -> &str {
    to_record_id(guid)
}

/// Makes a GUID of nine random bytes, as Firefox does.
///
/// ```
/// use selvedge_bookmarks::ids::guid_of;
///
/// assert_eq!(guid_of([0; 9]).as_str(), "AAAAAAAAAAAA");
/// ```
#[must_use]
pub fn guid_of(random: [u8; 9]) -> Guid {
    const ALPHABET: [char; 64] = alphabet();
    let mut text = String::with_capacity(12);
    for group in random.chunks_exact(3) {
        let bits = group
            .iter()
            .fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte));
        for shift in [18, 12, 6, 0] {
            let index = usize::try_from((bits >> shift) & 63).unwrap_or_default();
            text.extend(ALPHABET.get(index));
        }
    }
    Guid::from(text.as_str())
}

const fn alphabet() -> [char; 64] {
    let mut letters = ['-'; 64];
    let mut index: u8 = 0;
    while index < 64 {
        letters[index as usize] = match index {
            0..26 => (b'A' + index) as char,
            26..52 => (b'a' + index - 26) as char,
            52..62 => (b'0' + index - 52) as char,
            62 => '-',
            _ => '_',
        };
        index += 1;
    }
    letters
}

/// Makes ids for new items. A function that returns nine random bytes is one.
///
/// ```
/// use selvedge_bookmarks::ids::MakeGuid;
///
/// let mut counter = 0_u8;
/// let mut source = || { counter += 1; [counter; 9] };
/// assert_ne!(source.make_guid(), source.make_guid());
/// ```
pub trait MakeGuid {
    /// A GUID that no item has.
    fn make_guid(&mut self) -> Guid;
}

impl<F: FnMut() -> [u8; 9]> MakeGuid for F {
    fn make_guid(&mut self) -> Guid {
        guid_of(self())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_names_map_both_ways_and_others_stay() {
        for (name, guid) in NAMES {
            assert_eq!(from_record_id(name).as_str(), guid);
            assert_eq!(to_record_id(&Guid::from(guid)), name);
        }
        assert_eq!(
            to_record_id(&from_record_id("k3Zb0dPqL1xA")),
            "k3Zb0dPqL1xA"
        );
        assert_eq!(to_record_id(&from_record_id("no guid")), "no guid");
    }

    #[test]
    fn a_made_guid_is_base64url_of_nine_bytes() {
        assert_eq!(guid_of([0xff; 9]).as_str(), "____________");
        assert_eq!(guid_of(*b"Selvedge!").as_str(), "U2VsdmVkZ2Uh");
        assert!(is_guid(guid_of([0xfb; 9]).as_str()));
    }
}
