//! Creates accounts.

use zeroize::Zeroizing;

use super::error::TokenError;
use super::secret::make_secret;
use crate::model::{KeyId, SecretHash};
use crate::storage::accounts::Accounts;

/// Whether a request may create an account.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may.
    Admitted,
    /// If the storage has this invitation.
    WithInvitation(SecretHash),
    /// It may not.
    Refused,
}

/// Decides by the invitation of a request: none, a text that is not a secret, or the hash of a secret.
pub(crate) fn admission(
    given: Option<Option<SecretHash>>,
    local_token: Option<SecretHash>,
    is_open: bool,
) -> Admission {
    match given {
        // Hashes of random secrets: comparing them reveals nothing about the secret.
        Some(Some(hash)) if Some(hash) == local_token => Admission::Admitted,
        _ if is_open => Admission::Admitted,
        Some(Some(hash)) => Admission::WithInvitation(hash),
        Some(None) | None => Admission::Refused,
    }
}

/// Creates an account for a key id, and returns its access token.
///
/// # Errors
/// When the invitation is not valid, or the storage fails.
pub(crate) async fn register(
    accounts: &dyn Accounts,
    key_id: KeyId,
    invitation: Option<SecretHash>,
) -> Result<Zeroizing<String>, TokenError> {
    let (access_token, hash) = make_secret().ok_or(TokenError::Unavailable)?;
    accounts.create_account(hash, key_id, invitation).await?;
    Ok(access_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_the_local_token_or_an_open_server_admits() {
        const INVITATION: SecretHash = [1; 32];
        const TOKEN: SecretHash = [2; 32];
        for (given, is_open, expected) in [
            (None, false, Admission::Refused),
            (Some(None), false, Admission::Refused),
            (
                Some(Some(INVITATION)),
                false,
                Admission::WithInvitation(INVITATION),
            ),
            (Some(Some(TOKEN)), false, Admission::Admitted),
            (None, true, Admission::Admitted),
            (Some(None), true, Admission::Admitted),
            (Some(Some(INVITATION)), true, Admission::Admitted),
        ] {
            assert_eq!(
                admission(given, Some(TOKEN), is_open),
                expected,
                "{given:?}"
            );
        }
        assert_eq!(
            admission(Some(Some(TOKEN)), None, false),
            Admission::WithInvitation(TOKEN)
        );
    }
}
