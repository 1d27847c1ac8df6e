//! Entries of the accounts server: small values under a key, with an owner and an expiry. The backend does not read values.

use selvedge_core::time::ServerTime;

use super::account::SecretHash;

/// What an entry is. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EntryKind {
    /// A person's account, by uid.
    Account = 1,
    /// The uid of an e-mail address, by the address in lower case.
    Email = 2,
    /// A session, by token id.
    Session = 3,
    /// A token of one use, by token id.
    OneTimeToken = 4,
    /// A device, by `uid/id`.
    Device = 5,
    /// A command for a device, by `device/index`.
    Command = 6,
    /// An authorization code, by hash.
    Code = 7,
    /// A refresh token, by hash.
    RefreshToken = 8,
    /// An access token, by hash.
    AccessToken = 9,
    /// A key that signs access tokens, by its id.
    SigningKey = 10,
    /// The recovery key of an account, by uid.
    RecoveryKey = 11,
}

/// The key of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EntryKey {
    /// Its kind.
    pub kind: EntryKind,
    /// Its name among those of its kind.
    pub name: String,
}

impl EntryKey {
    /// From its parts.
    #[must_use]
    pub fn new(kind: EntryKind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }
}

/// A stored entry.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its name.
    pub name: String,
    /// Its owner.
    pub owner: String,
    /// When it expires.
    pub expires: Option<ServerTime>,
    /// Rises with each change of this entry.
    pub revision: u64,
    /// Its value, which may be secret.
    pub value: Vec<u8>,
}

impl std::fmt::Debug for StoredEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredEntry")
            .field("owner", &self.owner)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

/// A condition of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// None.
    Any,
    /// There is no such entry.
    Absent,
    /// There is such an entry.
    Present,
    /// The entry has this revision.
    Revision(u64),
}

/// One change.
#[derive(Clone, PartialEq, Eq)]
pub enum EntryChange {
    /// Writes an entry.
    Put {
        /// Its key.
        key: EntryKey,
        /// The condition.
        expected: Expected,
        /// Its owner.
        owner: String,
        /// When it expires.
        expires: Option<ServerTime>,
        /// Its value.
        value: Vec<u8>,
    },
    /// Deletes an entry; without a condition it may be missing.
    Delete {
        /// Its key.
        key: EntryKey,
        /// The condition.
        expected: Expected,
    },
    /// Deletes all entries of an owner that have this kind.
    DeleteOwned {
        /// The owner.
        owner: String,
        /// The kind.
        kind: EntryKind,
    },
    /// Uses up an invitation; the condition is that it exists and has not expired.
    UseInvitation(SecretHash),
}

impl std::fmt::Debug for EntryChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Put { .. } => "Put(..)",
            Self::Delete { .. } => "Delete(..)",
            Self::DeleteOwned { .. } => "DeleteOwned(..)",
            Self::UseInvitation(_) => "UseInvitation(..)",
        })
    }
}
