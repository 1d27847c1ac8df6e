//! Users of the dialect 1.1, as the server's operator makes and changes them. The server may be running meanwhile.

use std::path::PathBuf;

use selvedge_core::account::legacy::username;

use super::basic;
use super::limits::Limits;
use super::public_url::PublicUrl;
use super::storage::sqlite::{Place, SqliteStorage};
use super::storage::{Node, Storage as _, StorageError, UserChange};

/// Why a user was not made or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// The name is none.
    #[error("{0}")]
    Name(#[source] selvedge_core::error::Error),
    /// The password is none.
    #[error("a password has at least one character")]
    Password,
    /// The node's URL is none.
    #[error("a node is an address like https://sync.example.org")]
    Node,
    /// There is such a user.
    #[error("there is a user {0} already: choose another name, or change the password")]
    Exists(String),
    /// There is no such user.
    #[error("there is no user {0}: `selvedge serve user add` makes one")]
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
    /// The database did not do it.
    #[error("nothing was changed: {0}")]
    Storage(#[from] StorageError),
}

/// Where a user's storage is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewNode {
    /// On this server.
    Here,
    /// On the server at this URL.
    At(String),
    /// Nowhere, for a while: clients are asked to come back.
    Nowhere,
}

/// Makes a user of the server whose database is in `data`; answers the name that clients send.
///
/// # Errors
/// When the name is taken or none, or the database cannot be written.
pub async fn add_user(data: PathBuf, account: &str, password: &str) -> Result<String, UserError> {
    let username = username(account).map_err(UserError::Name)?;
    let hash = hash(password)?;
    match open(data)?.add_user(username.clone(), hash).await? {
        true => Ok(username),
        false => Err(UserError::Exists(username)),
    }
}

/// Gives a user another password; records stay as they are. Answers the name that clients send.
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

/// Tells a user's clients that the storage is elsewhere. What is stored here stays here. Answers the name that clients
/// send.
///
/// # Errors
/// When there is no such user, the URL is none, or the database cannot be written.
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
    match open(data)?.change_user(username.clone(), change).await? {
        true => Ok(username),
        false => Err(UserError::Unknown(username)),
    }
}

fn hash(password: &str) -> Result<String, UserError> {
    if password.is_empty() {
        return Err(UserError::Password);
    }
    basic::hash(password).ok_or(UserError::Random)
}

fn open(data: PathBuf) -> Result<SqliteStorage, UserError> {
    let place = Place::Directory(data.clone());
    SqliteStorage::open(&place, Limits::default(), None).map_err(|source| UserError::Data {
        directory: data,
        source,
    })
}
