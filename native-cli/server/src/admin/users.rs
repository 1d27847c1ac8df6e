//! Creates and changes users of the dialect 1.1. The server may be running.

use std::path::PathBuf;

use selvedge_core::account::legacy::username;

use super::password;
use super::public_url::PublicUrl;
use crate::model::{Bounds, Node, UserChange};
use crate::storage::error::StorageError;
use crate::storage::{Location, Storage};

/// Why a user was not created or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// The name is invalid.
    #[error("{0}")]
    Name(#[source] selvedge_core::error::Error),
    /// The password is empty.
    #[error("a password has at least one character")]
    Password,
    /// The node's URL is invalid.
    #[error("a node is an address like https://sync.example.org")]
    Node,
    /// The name is taken.
    #[error("there is a user {0} already: choose another name, or change the password")]
    Exists(String),
    /// There is no such user.
    #[error("there is no user {0}: create the user with `selvedge serve user add`")]
    Unknown(String),
    /// The database cannot be opened.
    #[error("cannot open the database in {}: {source}", .directory.display())]
    Data {
        /// The data directory.
        directory: PathBuf,
        /// What is wrong.
        source: std::io::Error,
    },
    /// The system has no random bytes.
    #[error("the system has no random bytes")]
    Random,
    /// The database refused the change.
    #[error("nothing was changed: {0}")]
    Storage(#[from] StorageError),
}

/// The server that a user's storage moves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewNode {
    /// This server.
    Here,
    /// The server at this URL.
    At(String),
    /// None for now: clients are asked to retry later.
    Nowhere,
}

/// Creates a user of the server whose data directory is `data`. Returns the name that clients send.
///
/// # Errors
/// When the name is taken or invalid, or the database cannot be written.
pub async fn add_user(data: PathBuf, account: &str, password: &str) -> Result<String, UserError> {
    let username = username(account).map_err(UserError::Name)?;
    let hash = hash(password)?;
    let storage = open(data)?;
    if storage.accounts.add_user(username.clone(), hash).await? {
        Ok(username)
    } else {
        Err(UserError::Exists(username))
    }
}

/// Changes a user's password; records stay as they are. Returns the name that clients send.
///
/// # Errors
/// When there is no such user, or the database cannot be written.
pub async fn change_password(
    data: PathBuf,
    account: &str,
    password: &str,
) -> Result<String, UserError> {
    change(data, account, UserChange::Password(hash(password)?)).await
}

/// Tells a user's clients that the storage is on another server. Records stored here stay here. Returns the name that clients
/// send.
///
/// # Errors
/// When there is no such user, the URL is invalid, or the database cannot be written.
pub async fn move_user(data: PathBuf, account: &str, node: NewNode) -> Result<String, UserError> {
    let node = match node {
        NewNode::Here => Node::Here,
        NewNode::Nowhere => Node::Nowhere,
        NewNode::At(url) => {
            let url = PublicUrl::parse(&url).ok_or(UserError::Node)?;
            Node::At(url.as_str().to_owned())
        }
    };
    change(data, account, UserChange::Node(node)).await
}

async fn change(data: PathBuf, account: &str, change: UserChange) -> Result<String, UserError> {
    let username = username(account).map_err(UserError::Name)?;
    let storage = open(data)?;
    if storage
        .accounts
        .change_user(username.clone(), change)
        .await?
    {
        Ok(username)
    } else {
        Err(UserError::Unknown(username))
    }
}

fn hash(password: &str) -> Result<String, UserError> {
    if password.is_empty() {
        return Err(UserError::Password);
    }
    password::hash(password).ok_or(UserError::Random)
}

fn open(data: PathBuf) -> Result<Storage, UserError> {
    let database = Location::Directory(data.clone()).database();
    Storage::open(&database, Bounds::default()).map_err(|source| UserError::Data {
        directory: data,
        source,
    })
}
