//! Accounts of this server and users of the dialect 1.1.

use super::key_id::KeyId;
use super::uid::Uid;

/// SHA-256 of a secret that the server stores only as a hash.
pub type SecretHash = [u8; 32];

/// An account of this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: i64,
    /// The user whose records are those of the current key.
    pub uid: Uid,
    /// The key that they are encrypted with.
    pub key_id: KeyId,
}

/// A user with a name and a password, in the dialect 1.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user of the records.
    pub uid: Uid,
    /// The slow hash of the password, as a PHC string.
    pub password: String,
    /// The server that has the user's storage.
    pub node: Node,
}

/// The server that has a user's storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// This server.
    Here,
    /// The server at this URL, without a slash at its end.
    At(String),
    /// None at present.
    Nowhere,
}

/// A change of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserChange {
    /// The slow hash of a new password.
    Password(String),
    /// Another node.
    Node(Node),
}
