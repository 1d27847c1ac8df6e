//! What the server asks of its storage: a small trait, so that another database can stand where SQLite stands.
//!
//! Three promises every implementation keeps (spec §3.9): the times of one user's writes increase strictly, over all
//! collections; a write is answered only when it is durable; what a read returns is one moment's state.

pub mod sqlite;
mod uid;
mod write;
mod write_time;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::time::ServerTime;
use tokio::sync::mpsc;

use super::conditions::Conditions;
use super::encoder::Encoding;
use super::key_id::KeyId;
use super::query::Selection;

pub use self::uid::Uid;
pub use self::write::{BatchId, Field, Incoming, Target, Write, WriteError, Written};

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// When it was last written.
    pub modified: ServerTime,
    /// Its sort index, if it has one.
    pub sortindex: Option<i64>,
    /// The payload's UTF-8 bytes.
    pub payload: Vec<u8>,
}

/// A collection as `info/*` tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionState {
    /// Its name.
    pub name: String,
    /// When it last changed.
    pub modified: ServerTime,
    /// How many records it holds.
    pub records: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

/// One user's store as `info/*` tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreState {
    /// When anything in it last changed; zero if nothing was ever written.
    pub modified: ServerTime,
    /// Its collections.
    pub collections: Vec<CollectionState>,
}

impl StoreState {
    /// Bytes of all payloads.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.collections.iter().map(|c| c.bytes).sum()
    }
}

/// The database did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// It is busy, or the server is stopping.
    #[error("the storage is busy or stopping")]
    Busy,
    /// It failed; the text is the database's own and holds no record.
    #[error("the storage failed: {0}")]
    Failed(String),
}

/// The answer to a read of a collection.
#[derive(Debug)]
pub enum Page {
    /// `X-If-Modified-Since`: it is not.
    NotModified {
        /// The collection's time.
        modified: ServerTime,
    },
    /// `X-If-Unmodified-Since`: it is.
    Changed {
        /// The collection's time.
        modified: ServerTime,
    },
    /// The records.
    Found {
        /// The collection's time; zero if there is no such collection.
        modified: ServerTime,
        /// How many records the body holds.
        records: u64,
        /// The token of the next page, if more remain.
        next: Option<String>,
        /// The encoded records.
        body: PageBody,
    },
}

/// The encoded records of a page.
#[derive(Debug)]
pub enum PageBody {
    /// All of them, in parts.
    Whole(Vec<Bytes>),
    /// Chunks, as they are read. An empty one is the end; without it the list was broken off, and the connection is cut
    /// so that nobody takes a part for the whole.
    Stream(mpsc::Receiver<Bytes>),
}

/// A read of a collection.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// The user.
    pub uid: Uid,
    /// The collection.
    pub collection: CollectionName,
    /// Which records, in which order.
    pub selection: Selection,
    /// `X-If-Modified-Since` or `X-If-Unmodified-Since`.
    pub conditions: Conditions,
    /// How to write them.
    pub encoding: Encoding,
}

/// SHA-256 of a secret that the server keeps only as a hash.
pub type SecretHash = [u8; 32];

/// An account made on this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: i64,
    /// Where its records are now.
    pub uid: Uid,
    /// The key that they are encrypted with.
    pub key_id: KeyId,
}

/// A user who is known by name, in the dialect 1.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Where the records are.
    pub uid: Uid,
    /// The slow hash of the password, as a PHC string.
    pub password: String,
    /// Where clients find the storage.
    pub node: Node,
}

/// Where a user's storage is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// On this server.
    Here,
    /// On the server at this URL, which has no slash at its end.
    At(String),
    /// Nowhere now.
    Nowhere,
}

/// What is to change of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserChange {
    /// The slow hash of another password.
    Password(String),
    /// Where the storage is.
    Node(Node),
}

/// How the storage waited for the disk since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flushes {
    /// How often; several writes may share a flush.
    pub count: u64,
    /// How long, all together.
    pub time: Duration,
}

/// Why no account was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The invitation is unknown, used or expired.
    #[error("the invitation is unknown, used or expired")]
    Uninvited,
    /// The database did not do it.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A future as an object, so that the trait can be one.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where records, batches and accounts are.
pub trait Storage: Send + Sync + 'static {
    /// The state of a user's store. With `exact`, records that expired but are not purged yet are not counted.
    fn state(&self, uid: Uid, exact: bool) -> Answer<'_, Result<StoreState, StorageError>>;

    /// One record, unless it is missing or expired.
    fn record(
        &self,
        uid: Uid,
        collection: CollectionName,
        id: RecordId,
    ) -> Answer<'_, Result<Option<Record>, StorageError>>;

    /// Records of a collection.
    fn page(&self, request: PageRequest) -> Answer<'_, Result<Page, StorageError>>;

    /// Does one write, under its conditions, and answers when it is durable.
    fn write(
        &self,
        uid: Uid,
        conditions: Conditions,
        write: Write,
    ) -> Answer<'_, Result<Written, WriteError>>;

    /// Makes an account and uses up the invitation, if one is given.
    fn create_account(
        &self,
        access_token: SecretHash,
        key_id: KeyId,
        invitation: Option<SecretHash>,
    ) -> Answer<'_, Result<Account, AccountError>>;

    /// The account of an access token, and whether `key_id`'s fingerprint is one that was replaced.
    fn account(
        &self,
        access_token: SecretHash,
        key_id: KeyId,
    ) -> Answer<'_, Result<Option<(Account, bool)>, StorageError>>;

    /// Moves an account to a newer key: another fingerprint gets another uid. If somebody else moved it meanwhile,
    /// nothing is done and the account is returned as it is now.
    fn rekey(&self, account: Account, key_id: KeyId) -> Answer<'_, Result<Account, StorageError>>;

    /// Keeps an invitation until `expires`.
    fn invite(
        &self,
        invitation: SecretHash,
        expires: ServerTime,
    ) -> Answer<'_, Result<(), StorageError>>;

    /// The user of a name, in the dialect 1.1.
    fn user(&self, username: String) -> Answer<'_, Result<Option<User>, StorageError>>;

    /// Makes a user, whose storage is here, with the slow hash of a password. False when the name is taken.
    fn add_user(
        &self,
        username: String,
        password: String,
    ) -> Answer<'_, Result<bool, StorageError>>;

    /// Changes a user. False when there is none of this name.
    fn change_user(
        &self,
        username: String,
        change: UserChange,
    ) -> Answer<'_, Result<bool, StorageError>>;

    /// How often and how long the disk was waited for.
    fn flushes(&self) -> Flushes;

    /// Whether reads and writes work.
    fn heartbeat(&self) -> Answer<'_, Result<(), StorageError>>;
}
