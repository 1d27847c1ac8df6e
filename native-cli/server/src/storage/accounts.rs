//! The trait for accounts, invitations, and users of the dialect 1.1.

use selvedge_core::time::ServerTime;

use super::error::{AccountError, StorageError};
use super::records::Answer;
use crate::model::{
    Account, EntryChange, EntryKey, EntryKind, ExternalAccount, ExternalIdentity, KeyId,
    SecretHash, StoredEntry, User, UserChange,
};

/// Stores accounts, invitations and users.
pub trait Accounts: Send + Sync + 'static {
    /// Creates an account and uses up the invitation, if one is given.
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

    /// Moves an account to a newer key: another fingerprint gets another uid. If the stored account is not `account` any
    /// more, nothing is changed, and the stored one is returned.
    fn rekey(&self, account: Account, key_id: KeyId) -> Answer<'_, Result<Account, StorageError>>;

    /// Stores an invitation that expires at `expires`.
    fn invite(
        &self,
        invitation: SecretHash,
        expires: ServerTime,
    ) -> Answer<'_, Result<(), StorageError>>;

    /// The user with this name, in the dialect 1.1.
    fn user(&self, username: String) -> Answer<'_, Result<Option<User>, StorageError>>;

    /// Creates a user of this server with the slow hash of a password. False when the name is taken.
    fn add_user(
        &self,
        username: String,
        password: String,
    ) -> Answer<'_, Result<bool, StorageError>>;

    /// Changes a user. False when there is no user with this name.
    fn change_user(
        &self,
        username: String,
        change: UserChange,
    ) -> Answer<'_, Result<bool, StorageError>>;

    /// The account of a person at another issuer, and whether `key_id`'s fingerprint is one that was replaced.
    fn external_account(
        &self,
        identity: ExternalIdentity,
        key_id: KeyId,
    ) -> Answer<'_, Result<Option<ExternalAccount>, StorageError>>;

    /// Creates such an account and uses up the invitation, if one is given. Does nothing if the account exists.
    fn create_external_account(
        &self,
        identity: ExternalIdentity,
        generation: u64,
        key_id: KeyId,
        invitation: Option<SecretHash>,
    ) -> Answer<'_, Result<(), AccountError>>;

    /// Stores a higher generation; a lower one changes nothing.
    fn raise_generation(
        &self,
        identity: ExternalIdentity,
        generation: u64,
    ) -> Answer<'_, Result<(), StorageError>>;

    /// An entry of the accounts server, unless it is missing or expired.
    fn entry(&self, key: EntryKey) -> Answer<'_, Result<Option<StoredEntry>, StorageError>>;

    /// The entries of one owner and kind that are not expired, in the order of their keys.
    fn entries(
        &self,
        owner: String,
        kind: EntryKind,
    ) -> Answer<'_, Result<Vec<StoredEntry>, StorageError>>;

    /// Performs all changes in one transaction, or none: false when a condition does not hold. All conditions are checked
    /// before the first change; an expired entry counts as absent.
    fn change_entries(&self, changes: Vec<EntryChange>) -> Answer<'_, Result<bool, StorageError>>;
}
