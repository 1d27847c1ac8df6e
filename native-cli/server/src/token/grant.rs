//! Issues storage tokens for the accounts of this server (spec §1.9).

use base64ct::{Base64UrlUnpadded, Encoding};
use selvedge_core::time::ServerTime;

use super::error::TokenError;
use super::issuers::{AllowList, Holder, Issuers};
use super::secret::hash_secret;
use super::storage_token::{Claims, MasterSecret, Minted};
use crate::model::{Account, ExternalAccount, ExternalIdentity, KeyId, SecretHash, Uid};
use crate::storage::accounts::Accounts;
use crate::storage::wall_clock;

/// Lifetime of a token in seconds; a client may ask for less.
pub(crate) const MAX_DURATION: u64 = 3600;

/// A request for a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GrantRequest<'a> {
    /// The access token.
    pub(crate) access_token: &'a str,
    /// `X-KeyID`.
    pub(crate) key_id: Option<&'a [u8]>,
    /// `X-Client-State`.
    pub(crate) client_state: Option<&'a [u8]>,
    /// The holder of the access token, if this process issued it.
    pub(crate) own_holder: Option<&'a Holder>,
    /// The invitation in the path, for a person of another issuer who is here for the first time.
    pub(crate) invitation: Option<SecretHash>,
    /// Lifetime in seconds.
    pub(crate) duration: u64,
}

/// A token that was issued.
#[derive(Debug)]
pub(crate) struct Grant {
    /// The token and its key.
    pub(crate) minted: Minted,
    /// The user of the records.
    pub(crate) uid: Uid,
    /// A name of the account for logs.
    pub(crate) hashed_account: String,
}

/// What issues tokens.
#[derive(Clone, Copy)]
pub(crate) struct Issuer<'a> {
    /// The accounts.
    pub(crate) accounts: &'a dyn Accounts,
    /// The secret that signs tokens.
    pub(crate) secret: &'a MasterSecret,
    /// The URL of the storage server.
    pub(crate) base_url: &'a str,
    /// The other issuers whose access tokens are accepted.
    pub(crate) issuers: &'a Issuers,
    /// The people of other issuers who need no invitation.
    pub(crate) allowed: &'a AllowList,
}

/// The result of comparing a key id with an account's.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It is the account's key id.
    Current,
    /// It is newer: the account moves to it.
    Newer,
    /// No token is issued for it.
    Refused(TokenError),
}

fn judge(account: KeyId, asked: KeyId, replaced: bool) -> Verdict {
    let same = account.fingerprint == asked.fingerprint;
    if replaced && !same {
        Verdict::Refused(TokenError::InvalidClientState)
    } else if asked.changed_at < account.changed_at {
        Verdict::Refused(TokenError::InvalidKeysChangedAt)
    } else if asked.changed_at > account.changed_at {
        Verdict::Newer
    } else if same {
        Verdict::Current
    } else {
        Verdict::Refused(TokenError::InvalidClientState)
    }
}

/// As [`judge`], for an account of another issuer, whose tokens tell when the password was last set (spec §1.9).
fn judge_external(known: &ExternalAccount, asked: KeyId, generation: Option<u64>) -> Verdict {
    if generation.is_some_and(|generation| generation < known.generation) {
        return Verdict::Refused(TokenError::InvalidGeneration);
    }
    if is_newer_than_token(asked, generation) {
        return Verdict::Refused(TokenError::InvalidKeysChangedAt);
    }
    let is_other_key = known.account.key_id.fingerprint != asked.fingerprint;
    let is_same_generation = generation.is_some_and(|generation| generation == known.generation);
    match judge(known.account.key_id, asked, known.is_replaced) {
        // Another key comes with another password.
        Verdict::Newer if is_other_key && is_same_generation => {
            Verdict::Refused(TokenError::InvalidClientState)
        }
        verdict => verdict,
    }
}

/// Whether a key claims to be made after the password was last set.
fn is_newer_than_token(asked: KeyId, generation: Option<u64>) -> bool {
    generation.is_some_and(|generation| asked.changed_at > generation)
}

impl Issuer<'_> {
    /// Issues a token; an account whose key is newer moves to that key.
    ///
    /// # Errors
    /// When the access token or the key is refused, or the storage fails.
    pub(crate) async fn grant(self, request: GrantRequest<'_>) -> Result<Grant, TokenError> {
        let parsed = request.key_id.map(|value| {
            let text = std::str::from_utf8(value).ok()?;
            KeyId::parse(text)
        });
        let Some(hash) = hash_secret(request.access_token) else {
            return self.grant_external(request, parsed).await;
        };
        // A malformed key id is reported only to clients with a known access token.
        let unknown = KeyId {
            changed_at: 0,
            fingerprint: [0; 16],
        };
        let found = self
            .accounts
            .account(hash, parsed.flatten().unwrap_or(unknown))
            .await?;
        let (account, replaced) = found.ok_or(TokenError::InvalidCredentials)?;
        let asked = parsed
            .ok_or(TokenError::NoKeyId)?
            .ok_or(TokenError::MalformedKeyId)?;
        if let Some(state) = request.client_state {
            check_client_state(state, asked)?;
        }
        let verdict = judge(account.key_id, asked, replaced);
        let account = self.apply(verdict, account, asked).await?;
        self.mint(&account, request.duration)
    }

    async fn apply(
        self,
        verdict: Verdict,
        account: Account,
        asked: KeyId,
    ) -> Result<Account, TokenError> {
        match verdict {
            Verdict::Current => Ok(account),
            Verdict::Refused(error) => Err(error),
            Verdict::Newer => {
                let account = self.accounts.rekey(account, asked).await?;
                match judge(account.key_id, asked, false) {
                    Verdict::Current => Ok(account),
                    _ => Err(TokenError::InvalidClientState),
                }
            }
        }
    }

    /// Issues a token to a person of another issuer.
    async fn grant_external(
        self,
        request: GrantRequest<'_>,
        parsed: Option<Option<KeyId>>,
    ) -> Result<Grant, TokenError> {
        let holder = match request.own_holder {
            Some(holder) => holder.clone(),
            None => self.issuers.holder(request.access_token).await?,
        };
        let asked = parsed
            .ok_or(TokenError::NoKeyId)?
            .ok_or(TokenError::MalformedKeyId)?;
        if let Some(state) = request.client_state {
            check_client_state(state, asked)?;
        }
        let identity = ExternalIdentity {
            issuer: holder.issuer.clone(),
            subject: holder.subject.clone(),
        };
        let find = || self.accounts.external_account(identity.clone(), asked);
        let known = match find().await? {
            Some(known) => known,
            None => {
                self.admit(&holder, &identity, asked, &request).await?;
                find().await?.ok_or(TokenError::Unavailable)?
            }
        };
        let verdict = judge_external(&known, asked, holder.generation);
        let account = self.apply(verdict, known.account, asked).await?;
        if let Some(generation) = holder.generation
            && generation > known.generation
        {
            self.accounts.raise_generation(identity, generation).await?;
        }
        self.mint(&account, request.duration)
    }

    /// Creates the account of a person who is on the operator's list or has an invitation.
    async fn admit(
        self,
        holder: &Holder,
        identity: &ExternalIdentity,
        asked: KeyId,
        request: &GrantRequest<'_>,
    ) -> Result<(), TokenError> {
        if is_newer_than_token(asked, holder.generation) {
            return Err(TokenError::InvalidKeysChangedAt);
        }
        // Registration at the own accounts server has its own rules.
        let is_allowed = request.own_holder.is_some()
            || self.allowed.admits(holder)
            || self.is_allowed_by_email(holder, request.access_token).await;
        let invitation = if is_allowed { None } else { request.invitation };
        if !is_allowed && invitation.is_none() {
            eprintln!(
                "selvedge serve: account {:?} of {} was refused; to admit it, pass --allow-uid with this id or give its owner an invitation",
                holder.subject, holder.issuer
            );
            return Err(TokenError::Uninvited);
        }
        let generation = holder.generation.unwrap_or(0);
        let made =
            self.accounts
                .create_external_account(identity.clone(), generation, asked, invitation);
        Ok(made.await?)
    }

    async fn is_allowed_by_email(self, holder: &Holder, access_token: &str) -> bool {
        if !self.allowed.has_emails() || holder.email.is_some() {
            return false;
        }
        let email = self.issuers.email(holder, access_token).await;
        self.allowed.admits(&Holder {
            email,
            ..holder.clone()
        })
    }

    fn mint(self, account: &Account, duration: u64) -> Result<Grant, TokenError> {
        let mut salt = [0; 12];
        getrandom::fill(&mut salt).map_err(|_| TokenError::Unavailable)?;
        let hashed_account = self.secret.hashed(&account.id.to_string());
        let minted = self.secret.mint(&Claims {
            node: self.base_url.to_owned(),
            uid: account.uid.number(),
            expires: ServerTime::from_hundredths((wall_clock::seconds() + duration) * 100),
            salt: Base64UrlUnpadded::encode_string(&salt),
            fxa_uid: None,
            fxa_kid: Some(account.key_id.to_string()),
            hashed_fxa_uid: Some(hashed_account.clone()),
            hashed_device_id: None,
        });
        Ok(Grant {
            minted,
            uid: account.uid,
            hashed_account,
        })
    }
}

/// Checks the older header that names the key beside the key id.
fn check_client_state(state: &[u8], asked: KeyId) -> Result<(), TokenError> {
    let is_state = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !state.iter().all(is_state) {
        return Err(TokenError::Malformed {
            location: "header",
            name: "X-Client-State",
        });
    }
    if state.to_ascii_lowercase() != asked.client_state().as_bytes() {
        return Err(TokenError::InvalidClientState);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_id_is_judged_by_its_time_and_its_fingerprint() {
        let key = |changed_at, fill| KeyId {
            changed_at,
            fingerprint: [fill; 16],
        };
        let account = key(100, 1);
        for (asked, replaced, verdict) in [
            (key(100, 1), false, Verdict::Current),
            (key(101, 1), false, Verdict::Newer),
            (key(101, 2), false, Verdict::Newer),
            (
                key(99, 1),
                false,
                Verdict::Refused(TokenError::InvalidKeysChangedAt),
            ),
            (
                key(99, 2),
                false,
                Verdict::Refused(TokenError::InvalidKeysChangedAt),
            ),
            (
                key(100, 2),
                false,
                Verdict::Refused(TokenError::InvalidClientState),
            ),
            (
                key(101, 2),
                true,
                Verdict::Refused(TokenError::InvalidClientState),
            ),
        ] {
            assert_eq!(
                judge(account, asked, replaced),
                verdict,
                "{asked:?} {replaced}"
            );
        }
    }

    #[test]
    fn generations_never_fall_and_another_key_needs_a_higher_one() {
        let key = |changed_at, fill| KeyId {
            changed_at,
            fingerprint: [fill; 16],
        };
        let refused = Verdict::Refused;
        for (asked, generation, is_replaced, expected) in [
            (key(100, 1), Some(200), false, Verdict::Current),
            (key(100, 1), None, false, Verdict::Current),
            (key(100, 1), Some(300), false, Verdict::Current),
            (
                key(100, 1),
                Some(199),
                false,
                refused(TokenError::InvalidGeneration),
            ),
            (
                key(201, 1),
                Some(200),
                false,
                refused(TokenError::InvalidKeysChangedAt),
            ),
            (
                key(99, 1),
                Some(200),
                false,
                refused(TokenError::InvalidKeysChangedAt),
            ),
            (key(150, 1), Some(200), false, Verdict::Newer),
            (
                key(150, 2),
                Some(200),
                false,
                refused(TokenError::InvalidClientState),
            ),
            (key(150, 2), Some(201), false, Verdict::Newer),
            (key(150, 2), None, false, Verdict::Newer),
            (
                key(150, 2),
                Some(201),
                true,
                refused(TokenError::InvalidClientState),
            ),
            (
                key(100, 2),
                Some(201),
                false,
                refused(TokenError::InvalidClientState),
            ),
        ] {
            let known = ExternalAccount {
                account: Account {
                    id: 1,
                    uid: Uid::new(1).unwrap(),
                    key_id: key(100, 1),
                },
                generation: 200,
                is_replaced,
            };
            assert_eq!(
                judge_external(&known, asked, generation),
                expected,
                "{asked:?} {generation:?}"
            );
        }
    }

    #[test]
    fn an_older_key_header_agrees_with_the_key_id_or_is_refused() {
        let asked = KeyId {
            changed_at: 1,
            fingerprint: [0xab; 16],
        };
        let malformed = TokenError::Malformed {
            location: "header",
            name: "X-Client-State",
        };
        for (state, expected) in [
            (&b"abababababababababababababababab"[..], Ok(())),
            (b"ABABABABABABABABABABABABABABABAB", Ok(())),
            (b"abab", Err(TokenError::InvalidClientState)),
            (b"", Err(TokenError::InvalidClientState)),
            (b"a b", Err(malformed)),
            (b"\xff", Err(malformed)),
        ] {
            assert_eq!(check_client_state(state, asked), expected);
        }
    }
}
