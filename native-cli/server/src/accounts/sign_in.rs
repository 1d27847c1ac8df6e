//! Registration and sign-in (`docs/protocol/accounts-api.md` §13).

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::body::{decode, email, key, text};
use super::error::ApiError;
use super::password::Stretched;
use super::registration::Registration;
use super::rows::{KeyFetch, Person, PersonV2, Session, decode_row, encode, seconds};
use super::server::{AccountsServer, Call};
use super::token::{Derived, TokenKind, random, seal_bundle};
use crate::model::{EntryChange, EntryKey, EntryKind, Expected};
use crate::token::hash_secret;

/// Maximum number of registrations of one address in a window.
const REGISTRATIONS: u32 = 20;
/// Maximum number of wrong passwords for one account in a window.
const LOGINS_PER_ACCOUNT: u32 = 10;
/// Maximum number of sign-ins of one address in a window.
const LOGINS_PER_ADDRESS: u32 = 100;
/// Seconds that an unused key fetch token lives.
const KEY_FETCH_LIFE: u64 = 3600;
/// Seconds that a session lives.
const SESSION_LIFE: u64 = 365 * 24 * 3600;
/// What a client salt begins with.
const CLIENT_SALT: &str = "identity.mozilla.com/picl/v1/quickStretchV2:";

/// Which `authPW` a person signed in with.
pub(super) enum Version {
    V1,
    V2,
}

/// What is kept of a new password.
pub(super) struct Credentials {
    pub(super) salt: Zeroizing<[u8; 32]>,
    pub(super) one: Stretched,
    pub(super) v2: Option<PersonV2>,
    /// kB as the client wrapped it, if it chose kB.
    pub(super) wrap_kb: Option<Zeroizing<[u8; 32]>>,
}

impl AccountsServer {
    pub(super) async fn create(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let body = call.json()?;
        let email = email(&body)?;
        let invitation = match self.registration {
            Registration::Open => None,
            Registration::Closed => return Err(ApiError::Closed),
            Registration::Invite => {
                let given = body.get("invitation").and_then(Value::as_str);
                Some(given.and_then(hash_secret).ok_or(ApiError::Closed)?)
            }
        };
        let name = format!("create {}", call.address);
        self.throttle.count(name, REGISTRATIONS, call.now)?;
        let Credentials {
            salt,
            one,
            v2,
            wrap_kb,
        } = self.credentials(&body).await?;
        let millis = call.now * 1000;
        let person = Person {
            uid: const_hex::encode(*random::<16>()?),
            email: email.to_owned(),
            auth_salt: const_hex::encode(*salt),
            verifier: const_hex::encode(*one.verifier),
            wrap_wrap_kb: match wrap_kb {
                // Nobody chose kB then: it is what the random value unwraps to.
                None => const_hex::encode(*random::<32>()?),
                Some(wrap) => const_hex::encode(*one.wrap(&wrap)),
            },
            ka: const_hex::encode(*random::<32>()?),
            verifier_set_at: millis,
            keys_changed_at: millis,
            v2,
        };
        let lower = email.to_lowercase();
        let mut changes = vec![
            EntryChange::Put {
                key: EntryKey::new(EntryKind::Email, lower.clone()),
                expected: Expected::Absent,
                owner: person.uid.clone(),
                expires: None,
                value: person.uid.clone().into_bytes(),
            },
            EntryChange::Put {
                key: EntryKey::new(EntryKind::Account, person.uid.clone()),
                expected: Expected::Absent,
                owner: person.uid.clone(),
                expires: None,
                value: encode(&person)?,
            },
        ];
        changes.extend(invitation.map(EntryChange::UseInvitation));
        let reply = open_session(call, &person, &one, &Version::V1, &mut changes)?;
        if self.storage.change_entries(changes).await? {
            eprintln!("selvedge serve: account {} was registered", person.uid);
            return Ok(reply);
        }
        // Only people with a valid invitation learn that an address is taken.
        let taken = self.storage.entry(EntryKey::new(EntryKind::Email, lower));
        match (taken.await?, invitation) {
            (Some(_), None) => Err(ApiError::Exists),
            _ => Err(ApiError::Closed),
        }
    }

    /// What is kept of the new password in a request.
    pub(super) async fn credentials(&self, body: &Value) -> Result<Credentials, ApiError> {
        let auth_pw = key(body, "authPW")?;
        let salt = random::<32>()?;
        let one = self.stretch(auth_pw, salt.clone()).await?;
        let mut made = Credentials {
            salt,
            one,
            v2: None,
            wrap_kb: None,
        };
        if !matches!(body.get("authPWVersion2"), None | Some(Value::Null)) {
            let client_salt = client_salt(body)?;
            let two = self.stretch(key(body, "authPWVersion2")?, made.salt.clone());
            let two = two.await?;
            let wrap = key(body, "wrapKbVersion2")?;
            made.v2 = Some(PersonV2 {
                client_salt,
                verifier: const_hex::encode(*two.verifier),
                wrap_wrap_kb: const_hex::encode(*two.wrap(&wrap)),
            });
            made.wrap_kb = Some(key(body, "wrapKb")?);
        }
        Ok(made)
    }

    pub(super) async fn login(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let body = call.json()?;
        let email = email(&body)?;
        let auth_pw = key(&body, "authPW")?;
        let (person, stretched, version) = self.check_password(call, email, auth_pw).await?;
        let mut changes = Vec::new();
        let reply = open_session(call, &person, &stretched, &version, &mut changes)?;
        if self.storage.change_entries(changes).await? {
            Ok(reply)
        } else {
            Err(ApiError::Concurrent)
        }
    }

    /// The person with this password. An unknown account and a wrong password look the same.
    pub(super) async fn check_password(
        &self,
        call: &Call<'_>,
        email: &str,
        auth_pw: Zeroizing<[u8; 32]>,
    ) -> Result<(Person, Stretched, Version), ApiError> {
        let lower = email.to_lowercase();
        let of_account = format!("login {lower}");
        self.throttle.count(
            format!("login from {}", call.address),
            LOGINS_PER_ADDRESS,
            call.now,
        )?;
        self.throttle
            .count(of_account.clone(), LOGINS_PER_ACCOUNT, call.now)?;
        let person = self.person_of(&lower).await?;
        let salt = match &person {
            Some(person) => decode(&person.auth_salt).ok_or(ApiError::Unavailable)?,
            // An unknown account takes as long as a wrong password.
            None => random::<32>()?,
        };
        let stretched = self.stretch(auth_pw, salt).await?;
        let version = person.as_ref().and_then(|one| verify(one, &stretched));
        let (Some(person), Some(version)) = (person, version) else {
            eprintln!(
                "selvedge serve: a sign-in from {} was refused",
                call.address
            );
            return Err(ApiError::WrongPassword);
        };
        self.throttle.forget(&of_account);
        Ok((person, stretched, version))
    }

    pub(super) async fn credentials_status(&self, call: &Call<'_>) -> Result<Value, ApiError> {
        let body = call.json()?;
        let name = format!("credentials from {}", call.address);
        self.throttle.count(name, LOGINS_PER_ADDRESS, call.now)?;
        let person = self.person_of(&email(&body)?.to_lowercase()).await?;
        Ok(match person.and_then(|person| person.v2) {
            Some(v2) => json!({
                "currentVersion": "v2", "clientSalt": v2.client_salt, "upgradeNeeded": false,
            }),
            // Unknown accounts as well, so that this tells less about who has one.
            None => json!({"currentVersion": "v1", "upgradeNeeded": true}),
        })
    }

    async fn person_of(&self, email: &str) -> Result<Option<Person>, ApiError> {
        let entry = self.storage.entry(EntryKey::new(EntryKind::Email, email));
        match entry.await? {
            Some(entry) => self.person(&entry.owner).await,
            None => Ok(None),
        }
    }

    pub(super) async fn person(&self, uid: &str) -> Result<Option<Person>, ApiError> {
        let entry = self.storage.entry(EntryKey::new(EntryKind::Account, uid));
        match entry.await? {
            Some(entry) => decode_row(&entry.value).map(Some),
            None => Ok(None),
        }
    }
}

/// Which of a person's passwords this is, compared in constant time.
fn verify(person: &Person, stretched: &Stretched) -> Option<Version> {
    let is = |verifier: &str| {
        decode(verifier).is_some_and(|stored| {
            let differences = stored.iter().zip(stretched.verifier.iter());
            differences.fold(0, |found, (one, other)| found | (one ^ other)) == 0
        })
    };
    let is_v1 = is(&person.verifier);
    let is_v2 = person.v2.as_ref().is_some_and(|v2| is(&v2.verifier));
    match (is_v1, is_v2) {
        (true, _) => Some(Version::V1),
        (_, true) => Some(Version::V2),
        _ => None,
    }
}

pub(super) fn client_salt(body: &Value) -> Result<String, ApiError> {
    let salt = text(body, "clientSalt")?;
    let hex = salt.strip_prefix(CLIENT_SALT);
    let is_valid =
        hex.is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if is_valid {
        Ok(salt.to_owned())
    } else {
        Err(ApiError::Invalid("clientSalt"))
    }
}

/// A new session, and a token for the keys if the query asks for one. The server keeps neither token.
pub(super) fn open_session(
    call: &Call<'_>,
    person: &Person,
    stretched: &Stretched,
    version: &Version,
    changes: &mut Vec<EntryChange>,
) -> Result<Value, ApiError> {
    let token = random::<32>()?;
    let derived = Derived::of(&token, TokenKind::Session);
    changes.push(EntryChange::Put {
        key: EntryKey::new(EntryKind::Session, derived.id),
        expected: Expected::Absent,
        owner: person.uid.clone(),
        expires: Some(seconds(call.now + SESSION_LIFE)),
        value: encode(&Session {
            uid: person.uid.clone(),
            request_key: const_hex::encode(*derived.request_key),
            auth_at: call.now,
        })?,
    });
    let mut reply = json!({
        "uid": person.uid, "sessionToken": const_hex::encode(*token), "authAt": call.now,
        "metricsEnabled": false, "emailVerified": true, "sessionVerified": true, "verified": true,
    });
    if call.parameter("keys").as_deref() != Some("true") {
        return Ok(reply);
    }
    let (name, token) = key_fetch(call, person, stretched, version, changes)?;
    reply[name] = token.into();
    Ok(reply)
}

/// A token for the keys, and the member of a reply that has it.
pub(super) fn key_fetch(
    call: &Call<'_>,
    person: &Person,
    stretched: &Stretched,
    version: &Version,
    changes: &mut Vec<EntryChange>,
) -> Result<(&'static str, String), ApiError> {
    let (wrapped, name) = match (version, &person.v2) {
        (Version::V2, Some(v2)) => (&v2.wrap_wrap_kb, "keyFetchTokenVersion2"),
        _ => (&person.wrap_wrap_kb, "keyFetchToken"),
    };
    let wrapped = decode(wrapped).ok_or(ApiError::Unavailable)?;
    let ka = decode(&person.ka).ok_or(ApiError::Unavailable)?;
    let wrap_kb: Zeroizing<[u8; 32]> = stretched.wrap(&wrapped);
    let token = random::<32>()?;
    let derived = Derived::of(&token, TokenKind::KeyFetch);
    changes.push(EntryChange::Put {
        key: EntryKey::new(EntryKind::OneTimeToken, derived.id),
        expected: Expected::Absent,
        owner: person.uid.clone(),
        expires: Some(seconds(call.now + KEY_FETCH_LIFE)),
        value: encode(&KeyFetch {
            uid: person.uid.clone(),
            request_key: const_hex::encode(*derived.request_key),
            bundle: seal_bundle(&derived.bundle_key, &ka, &wrap_kb),
        })?,
    });
    Ok((name, const_hex::encode(*token)))
}
