//! One entry of the journal, and its text form in a store.

use alloc::format;
use alloc::string::{String, ToString};

use sha2::{Digest, Sha256};

use crate::host::{Base, Item, Pending};
use crate::ids::{CollectionName, RecordId};
use crate::json::{self, push_text};
use crate::reconcile::{Fields, Side};
use crate::time::{LocalTime, ServerTime};

/// Why a value was replaced.
///
/// ```
/// use selvedge_core::journal::Cause;
///
/// assert_eq!(Cause::RemoteDeletion.word(), "remote-deletion");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Both sides changed the record, and the server's version was applied.
    Merge,
    /// Another device deleted the record.
    RemoteDeletion,
    /// A command of another device deleted the records of the collection.
    RemoteCommand,
    /// The local version replaces the server's in an upload.
    UploadReplaced,
    /// A person chose the server's records.
    FirstSync,
    /// A person restored another value.
    Restore,
}

impl Cause {
    const ALL: [Self; 6] = [
        Self::Merge,
        Self::RemoteDeletion,
        Self::RemoteCommand,
        Self::UploadReplaced,
        Self::FirstSync,
        Self::Restore,
    ];

    /// The cause as a stable identifier.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::RemoteDeletion => "remote-deletion",
            Self::RemoteCommand => "remote-command",
            Self::UploadReplaced => "upload-replaced",
            Self::FirstSync => "first-sync",
            Self::Restore => "restore",
        }
    }
}

/// A value that was replaced.
///
/// ```
/// use selvedge_core::ids::{CollectionName, RecordId};
/// use selvedge_core::journal::{Cause, Entry};
/// use selvedge_core::reconcile::Side;
/// use selvedge_core::time::LocalTime;
///
/// let entry = Entry {
///     collection: CollectionName::new("notes")?,
///     id: RecordId::new("milk")?,
///     at: LocalTime::from_millis(1_700_000_000_000),
///     cause: Cause::Merge,
///     side: Side::Ours,
///     cleartext: r#"{"id":"milk"}"#.into(),
/// };
/// assert_eq!(entry.side_word(), "here");
/// # Ok::<(), selvedge_core::ids::InvalidId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The record's collection.
    pub collection: CollectionName,
    /// The record's id.
    pub id: RecordId,
    /// When it was replaced, by the local clock (milliseconds).
    pub at: LocalTime,
    /// Why it was replaced.
    pub cause: Cause,
    /// The side that had the value.
    pub side: Side,
    /// The value: a JSON object.
    pub cleartext: String,
}

impl Entry {
    /// The side that had the value, as an identifier: `here` or `server`.
    #[must_use]
    pub const fn side_word(&self) -> &'static str {
        match self.side {
            Side::Ours => "here",
            Side::Theirs => "server",
        }
    }

    /// The key of the entry: the time, so that keys are sorted by time, and a hash of the rest, so that the same value
    /// at the same time is stored once.
    pub(super) fn key(&self) -> RecordId {
        let mut hash = Sha256::new();
        for part in [
            self.collection.as_str(),
            self.id.as_str(),
            self.side_word(),
            &self.cleartext,
        ] {
            hash.update(part);
            hash.update([0]);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let (short, _) = digest.split_at(12);
        let key = format!("{:016}-{}", self.at.millis(), const_hex::encode(short));
        RecordId::new(key).expect("digits and a dash are an id")
    }

    /// The item that a store keeps.
    pub(super) fn item(&self) -> Item {
        let id = self.key();
        let mut text = String::from("{");
        for (name, value) in [
            ("id", id.as_str()),
            ("collection", self.collection.as_str()),
            ("record", self.id.as_str()),
            ("cause", self.cause.word()),
            ("side", self.side_word()),
        ] {
            push_text(&mut text, name);
            text.push(':');
            push_text(&mut text, value);
            text.push(',');
        }
        text.push_str("\"at\":");
        text.push_str(&self.at.millis().to_string());
        text.push_str(",\"value\":");
        text.push_str(&self.cleartext);
        text.push('}');
        Item {
            id,
            cleartext: Some(text),
            base: Base::Same,
            sent: Base::Unknown,
            server_modified: ServerTime::ZERO,
            pending: Pending::Nothing,
            key: None,
        }
    }

    /// Parses the output of [`Entry::item`]; `None` for any other text.
    pub(super) fn read(text: &str) -> Option<Self> {
        let fields = Fields::parse(text).ok()?;
        let word = |name| json::from_str::<String>(fields.get(name)?).ok();
        let cause = word("cause")?;
        Some(Self {
            collection: CollectionName::new(word("collection")?).ok()?,
            id: RecordId::new(word("record")?).ok()?,
            at: LocalTime::from_millis(fields.get("at")?.parse().ok()?),
            cause: Cause::ALL.into_iter().find(|known| known.word() == cause)?,
            side: match word("side")?.as_str() {
                "here" => Side::Ours,
                "server" => Side::Theirs,
                _ => return None,
            },
            cleartext: fields.get("value")?.into(),
        })
    }
}
