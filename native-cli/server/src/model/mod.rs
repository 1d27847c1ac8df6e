//! What the server works with, without HTTP and without SQL.

mod account;
mod conditions;
mod entry;
mod external;
mod key_id;
mod limits;
mod record;
mod selection;
mod uid;
mod write;

pub use self::account::{Account, Node, SecretHash, User, UserChange};
pub use self::conditions::{Conditions, Verdict};
pub use self::entry::{EntryChange, EntryKey, EntryKind, Expected, StoredEntry};
pub use self::external::{ExternalAccount, ExternalIdentity};
pub use self::key_id::KeyId;
pub use self::limits::{Bounds, DEFAULT_QUOTA_BYTES, Limits, Sorted};
pub use self::record::{CollectionState, Record, Row, StoreState};
pub use self::selection::{Position, Selection, Sort};
pub use self::uid::Uid;
pub use self::write::{BatchId, Field, Incoming, Target, Write, Written};
