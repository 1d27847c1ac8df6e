//! What a person should be told after a merge.

use std::fmt;

use crate::ids::{Guid, to_record_id};
use crate::record::Refusal;

/// What a person should be told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A record was not applied.
    Refused {
        /// Its id.
        id: Guid,
        /// Why.
        reason: Refusal,
    },
    /// A record that must not exist is deleted from the server.
    Forbidden(Guid),
    /// Another device changed what an item is, which stops Firefox's sync; the former kind is restored.
    KindRestored(Guid),
    /// An item of this device had the id of another one on the server and got a new one.
    IdTaken {
        /// The id.
        old: Guid,
        /// The new one.
        new: Guid,
    },
    /// A folder was inside itself and was moved to "Other Bookmarks".
    CycleBroken(Guid),
    /// A bookmark without a usable URL was deleted.
    InvalidDeleted(Guid),
    /// An item that Firefox does not sync (a livemark, a query outside of the folders) was deleted.
    NotSyncable(Guid),
    /// The server's copy of an item was in no folder or in several; it is now in the named one.
    Placed {
        /// The item.
        id: Guid,
        /// The folder.
        folder: Guid,
    },
    /// A deleted item was changed on the other side, and is back.
    Revived(Guid),
    /// Items of a deleted folder were new or changed on the other side, and were moved to the named folder.
    Rescued {
        /// The item.
        id: Guid,
        /// The folder it is in now.
        folder: Guid,
    },
    /// Bookmarks of one URL had different tags or keywords and are now equal.
    UrlJoined(String),
    /// Both sides moved folders so that they would be inside each other; the server's folders were kept.
    ServersFolders,
    /// Both sides changed an item; one value was replaced and is in the journal.
    Conflict(Guid),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = to_record_id;
        match self {
            Self::Refused { id, reason } => write!(
                f,
                "the bookmark record {} was not applied: {reason}",
                name(id)
            ),
            Self::Forbidden(id) => write!(
                f,
                "the record {} does not belong into bookmarks and is deleted from the server; nothing is to be done",
                name(id)
            ),
            Self::KindRestored(id) => write!(
                f,
                "another device changed the type of {}, which stops Firefox's sync: the former type was restored; to \
                 change it, delete the item and add a new one",
                name(id)
            ),
            Self::IdTaken { old, new } => {
                write!(
                    f,
                    "the id {} is another item's on the server: the item of this device is now {}",
                    name(old),
                    name(new)
                )
            }
            Self::CycleBroken(id) => write!(
                f,
                "the folder {} was inside itself on the server and is now in \"Other Bookmarks\": move it where it belongs",
                name(id)
            ),
            Self::InvalidDeleted(id) => {
                write!(
                    f,
                    "the bookmark {} had no usable URL and was deleted: add it again if you know the URL",
                    name(id)
                )
            }
            Self::NotSyncable(id) => {
                write!(
                    f,
                    "{} is of a type that Firefox no longer syncs and was deleted; its value is in the journal",
                    name(id)
                )
            }
            Self::Placed { id, folder } => write!(
                f,
                "the server's records disagreed on the folder of {}: it is in {} now; move it if that is wrong",
                name(id),
                name(folder)
            ),
            Self::Revived(id) => {
                write!(
                    f,
                    "{} was deleted on one device and changed on another: it was kept; delete it again if it is not wanted",
                    name(id)
                )
            }
            Self::Rescued { id, folder } => write!(
                f,
                "the folder of {} was deleted on one device while another one changed it: it is in {} now",
                name(id),
                name(folder)
            ),
            Self::UrlJoined(url) => {
                write!(
                    f,
                    "the bookmarks of {url} had different tags or keywords: they are equal now; check them"
                )
            }
            Self::ServersFolders => f.write_str(
                "folders were moved here and on another device in ways that contradict each other: they are where the other \
                 device moved them; move them again if that is wrong",
            ),
            Self::Conflict(id) => {
                write!(
                    f,
                    "{} was changed here and on another device: the later change was kept, the other is in the journal",
                    name(id)
                )
            }
        }
    }
}
