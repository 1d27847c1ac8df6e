//! What the operator of a server does: users, invitations, backup and compaction, mostly while the server runs.

mod data;
mod error;
mod invitations;
mod lock;
mod maintenance;
mod password;
mod public_url;
mod users;

pub use self::error::AdminError;
pub use self::invitations::invite;
pub use self::maintenance::{backup, compact};
pub use self::public_url::{NoPublicUrl, tokenserver_url};
pub use self::users::{NewNode, UserError, add_user, change_password, move_user};

pub(crate) use self::data::{data_error, lock_directory, open_storage};
pub(crate) use self::invitations::create_invitation;
pub(crate) use self::lock::DirectoryLock;
pub(crate) use self::password::hash as hash_password;
pub(crate) use self::public_url::PublicUrl;
