//! What can be wrong, in words.

use std::fmt;

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Problem {
    /// A record that no client can read.
    Unreadable(String, String),
    /// A record that must not exist.
    Forbidden(String),
    /// Two records with one id.
    TwoRecords(String),
    /// An id that is not a GUID.
    InvalidId(String),
    /// A bookmark or query without a usable URL.
    NoUrl(String),
    /// A record with members that Firefox would write differently.
    Inexact(String),
    /// A livemark, which Firefox deletes.
    Livemark(String),
    /// One of the four roots is missing.
    MissingRoot(String),
    /// A root that is not in the Places root.
    MisplacedRoot(String),
    /// An item without a folder.
    NoParent(String),
    /// The folder that an item names does not exist.
    MissingParent(String, String),
    /// The folder that an item names was deleted.
    DeletedParent(String, String),
    /// An item names one as its folder that is none.
    ParentNotAFolder(String, String),
    /// The folder that an item names does not list it.
    NotListed(String, String),
    /// A folder lists an item that names another folder.
    NamesOther(String, String),
    /// Several folders list an item.
    SeveralParents(String, Vec<String>),
    /// A folder lists an item that does not exist.
    MissingChild(String, String),
    /// A folder lists an item that was deleted.
    DeletedChild(String, String),
    /// Folders are inside each other.
    Cycle(Vec<String>),
    /// Bookmarks of a URL have different tags.
    DifferentTags(String),
    /// Bookmarks of a URL have different keywords.
    DifferentKeywords(String),
    /// Several URLs have one keyword.
    SharedKeyword(String),
    /// This device has an item that the server lacks.
    NotOnServer(String),
    /// This device has an item that the server has as deleted.
    DeletedOnServer(String),
    /// The server has an item that this device lacks.
    NotHere(String),
    /// An item has another value here than on the server.
    OtherValue(String, &'static str),
    /// An item is in another folder here than on the server.
    OtherFolder(String, String, String),
    /// A folder has the same children in another order.
    OtherOrder(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(id, why) => write!(f, "record {id}: {why}"),
            Self::Forbidden(id) => write!(
                f,
                "record {id} does not belong into bookmarks; the next sync deletes it"
            ),
            Self::TwoRecords(id) => write!(f, "there are two records with the id {id}"),
            Self::InvalidId(id) => {
                write!(
                    f,
                    "{id:?} is not a valid id (12 characters of A-Z a-z 0-9 - _); the next sync gives the item a new one"
                )
            }
            Self::NoUrl(id) => write!(f, "{id} has no usable URL; the next sync deletes it"),
            Self::Inexact(id) => write!(
                f,
                "{id} has members of a wrong type or an old form; the next sync writes it again"
            ),
            Self::Livemark(id) => write!(
                f,
                "{id} is a livemark, which Firefox no longer has; the next sync deletes it"
            ),
            Self::MissingRoot(id) => {
                write!(f, "the folder {id} is missing; the next sync writes it")
            }
            Self::MisplacedRoot(id) => write!(
                f,
                "the folder {id} is not at the top; the next sync moves it back"
            ),
            Self::NoParent(id) => write!(
                f,
                "{id} is in no folder; the next sync puts it into \"Other Bookmarks\""
            ),
            Self::MissingParent(id, parent) => {
                write!(f, "{id} names the folder {parent}, which does not exist")
            }
            Self::DeletedParent(id, parent) => {
                write!(f, "{id} names the folder {parent}, which was deleted")
            }
            Self::ParentNotAFolder(id, parent) => write!(
                f,
                "{id} names {parent} as its folder, which is not a folder"
            ),
            Self::NotListed(id, parent) => {
                write!(f, "{id} names the folder {parent}, which does not list it")
            }
            Self::NamesOther(id, folder) => write!(
                f,
                "the folder {folder} lists {id}, which names another folder"
            ),
            Self::SeveralParents(id, folders) => write!(
                f,
                "{id} is listed by several folders: {}",
                folders.join(", ")
            ),
            Self::MissingChild(folder, child) => {
                write!(f, "the folder {folder} lists {child}, which does not exist")
            }
            Self::DeletedChild(folder, child) => {
                write!(
                    f,
                    "the folder {folder} lists {child}, which was deleted: the deletion will be undone"
                )
            }
            Self::Cycle(ids) => write!(
                f,
                "these folders are inside each other, which stops Firefox's sync: {}",
                ids.join(", ")
            ),
            Self::DifferentTags(url) => write!(f, "the bookmarks of {url} have different tags"),
            Self::DifferentKeywords(url) => {
                write!(f, "the bookmarks of {url} have different keywords")
            }
            Self::NotOnServer(id) => write!(f, "{id} is here but not on the server"),
            Self::DeletedOnServer(id) => write!(f, "{id} is here but deleted on the server"),
            Self::NotHere(id) => write!(f, "{id} is on the server but not here"),
            Self::OtherValue(id, property) => {
                write!(f, "{id} has another {property} here than on the server")
            }
            Self::OtherFolder(id, here, there) => {
                write!(f, "{id} is in {here} here and in {there} on the server")
            }
            Self::OtherOrder(id) => write!(
                f,
                "the folder {id} has another order here than on the server"
            ),
            Self::SharedKeyword(keyword) => {
                write!(f, "the keyword {keyword} belongs to several URLs")
            }
        }
    }
}
