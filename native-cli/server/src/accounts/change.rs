//! Changes of the password, which keep kB, and the end of an account (`docs/protocol/accounts-api.md` §6).

use serde_json::{Value, json};

use super::body::{email, key, optional, text};
use super::error::ApiError;
use super::rows::{PasswordChange, Person, decode_row, encode, seconds};
use super::server::{AccountsServer, Call};
use super::sign_in::{Version, key_fetch, open_session};
use super::token::{Derived, TokenKind, random};
use crate::model::{EntryChange, EntryKey, EntryKind, Expected};

/// Seconds that a token for a change lives.
const CHANGE_LIFE: u64 = 900;
/// What ends with a changed password, and with the account.
const ENDS: [EntryKind; 7] = [
    EntryKind::Session,
    EntryKind::OneTimeToken,
    EntryKind::Device,
    EntryKind::Command,
    EntryKind::Code,
    EntryKind::RefreshToken,
    EntryKind::AccessToken,
];

/// The ends of all that an account has of these kinds.
fn ends(uid: &str, kinds: impl IntoIterator<Item = EntryKind>) -> Vec<EntryChange> {
    let end = |kind| EntryChange::DeleteOwned {
        owner: uid.to_owned(),
        kind,
    };
    kinds.into_iter().map(end).collect()
}

impl AccountsServer {
    /// Checks the old password: a token for the change, and one for the keys, which the client wraps again.
    pub(super) async fn change_start(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let own = self.person_of_session(call).await?;
        let body = call.json()?;
        let checked = self.check_password(call, email(&body)?, key(&body, "oldAuthPW")?);
        let (person, stretched, version) = checked.await?;
        if person.uid != own.uid {
            return Err(ApiError::WrongPassword);
        }
        let mut changes = Vec::new();
        let (name, fetch) = key_fetch(call, &person, &stretched, &version, &mut changes)?;
        let name = match name {
            "keyFetchToken" => name,
            _ => "keyFetchToken2",
        };
        let token = random::<32>()?;
        let derived = Derived::of(&token, TokenKind::PasswordChange);
        changes.push(EntryChange::Put {
            key: EntryKey::new(EntryKind::OneTimeToken, derived.id),
            expected: Expected::Absent,
            owner: person.uid.clone(),
            expires: Some(seconds(call.now + CHANGE_LIFE)),
            value: encode(&PasswordChange {
                changes_password_of: person.uid.clone(),
                request_key: const_hex::encode(*derived.request_key),
            })?,
        });
        if !self.storage.change_entries(changes).await? {
            return Err(ApiError::Concurrent);
        }
        let mut reply = json!({"passwordChangeToken": const_hex::encode(*token), "verified": true});
        reply[name] = fetch.into();
        Ok(reply)
    }

    /// Sets the new password. All sessions, devices and tokens end; the caller gets a new session.
    pub(super) async fn change_finish(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let token = self.authenticate(call, TokenKind::PasswordChange).await?;
        // A token of another use.
        let row: PasswordChange = decode_row(&token.value).map_err(|_| ApiError::Token)?;
        let uid = row.changes_password_of.as_str();
        let stored = EntryKey::new(EntryKind::Account, uid);
        let entry = self.storage.entry(stored.clone()).await?;
        let entry = entry.ok_or(ApiError::Token)?;
        let mut person: Person = decode_row(&entry.value)?;
        let body = call.json()?;
        let wrap_kb = key(&body, "wrapKb")?;
        let made = self.credentials(&body).await?;
        person.auth_salt = const_hex::encode(*made.salt);
        person.verifier = const_hex::encode(*made.one.verifier);
        person.wrap_wrap_kb = const_hex::encode(*made.one.wrap(&wrap_kb));
        person.v2 = made.v2;
        // It is the generation of access tokens: it rises, whatever the clock says.
        person.verifier_set_at = (call.now * 1000).max(person.verifier_set_at + 1);
        // Two changes with one token: the second finds no token.
        let mut changes = vec![
            EntryChange::Delete {
                key: EntryKey::new(EntryKind::OneTimeToken, token.name),
                expected: Expected::Present,
            },
            EntryChange::Put {
                key: stored,
                expected: Expected::Revision(entry.revision),
                owner: uid.to_owned(),
                expires: None,
                value: encode(&person)?,
            },
        ];
        changes.extend(ends(uid, ENDS));
        let reply = match optional(&body, "sessionToken")? {
            None => json!({}),
            Some(_) => open_session(call, &person, &made.one, &Version::V1, &mut changes)?,
        };
        if self.storage.change_entries(changes).await? {
            eprintln!("selvedge serve: the password of account {uid} was changed");
            Ok(reply)
        } else {
            Err(ApiError::Token)
        }
    }

    /// Deletes the account with all that belongs to it here. Its records on the storage server are deleted by clients.
    pub(super) async fn destroy(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let own = self.person_of_session(call).await?;
        let body = call.json()?;
        let checked = self.check_password(call, text(&body, "email")?, key(&body, "authPW")?);
        let (person, ..) = checked.await?;
        if person.uid != own.uid {
            return Err(ApiError::WrongPassword);
        }
        let mut changes = ends(&person.uid, ENDS);
        changes.extend(ends(
            &person.uid,
            [EntryKind::Account, EntryKind::Email, EntryKind::RecoveryKey],
        ));
        self.storage.change_entries(changes).await?;
        eprintln!("selvedge serve: account {} was deleted", person.uid);
        Ok(json!({}))
    }
}
