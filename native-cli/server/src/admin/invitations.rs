//! Creates invitations.

use std::path::PathBuf;
use std::time::Duration;

use selvedge_core::time::ServerTime;
use zeroize::Zeroizing;

use super::data::open_storage;
use super::error::AdminError;
use crate::model::Bounds;
use crate::storage::accounts::Accounts;
use crate::storage::{Location, wall_clock};
use crate::token::make_secret;

/// Creates an invitation for one account, valid for `lifetime`, and stores its hash in the database of `data`. A server may be
/// running on the same directory.
///
/// # Errors
/// When the database cannot be opened or written.
pub async fn invite(data: PathBuf, lifetime: Duration) -> Result<Zeroizing<String>, AdminError> {
    let storage = open_storage(&Location::Directory(data), Bounds::default())?;
    create_invitation(&*storage.accounts, lifetime).await
}

/// As [`invite`], in a database that is open.
pub(crate) async fn create_invitation(
    accounts: &dyn Accounts,
    lifetime: Duration,
) -> Result<Zeroizing<String>, AdminError> {
    let (text, hash) = make_secret().ok_or(AdminError::Random)?;
    let expires = wall_clock::now()
        .hundredths()
        .saturating_add(lifetime.as_secs().saturating_mul(100));
    let stored = accounts
        .invite(hash, ServerTime::from_hundredths(expires))
        .await;
    stored.map_err(AdminError::Invite)?;
    Ok(text)
}
