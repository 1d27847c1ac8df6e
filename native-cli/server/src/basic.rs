//! Who sends a request of the dialect 1.1: a name and a password (spec §1.13).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, PasswordHash};
use axum::http::{header, request::Parts};
use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use selvedge_core::server::Dialect;
use sha2::Sha256;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::app::App;
use super::denial::Denial;
use super::reply::Refusal;
use super::storage::{Node, Uid};

/// Slow hashes that are computed at the same time: each takes a core and 19 MiB.
const AT_ONCE: usize = 2;
/// Passwords that are checked or wait for it; further ones are refused, for each takes a tenth of a second of a core.
const QUEUE: usize = 64;
/// Users whose password is known to be right.
const REMEMBERED: usize = 10_000;
/// Longer headers are refused.
const HEADER_BYTES: usize = 8192;

/// Checks passwords. The slow hash is for who steals the database; so that a client need not wait for it at each request, a
/// password that was right is remembered as a fast hash under a key of this process, together with the slow hash that it
/// fits: when that changes, it is checked anew.
pub(super) struct Passwords {
    key: Hmac<Sha256>,
    right: Mutex<HashMap<Uid, [u8; 32]>>,
    places: Semaphore,
    queue: Semaphore,
    /// The slow hash of a password that nobody has.
    nobodys: String,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords(..)")
    }
}

/// The slow hash of a new password, with a salt of its own; `None` if the system has no random bytes.
pub(super) fn hash(password: &str) -> Option<String> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).ok()?;
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .ok()?;
    Some(hash.to_string())
}

impl Passwords {
    /// Remembers nobody yet; `None` if the system has no random bytes. Only the dialect 1.1 has passwords to check.
    pub(super) fn new(dialect: Dialect) -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).ok()?;
        let mut password = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *password).ok()?;
        Some(Self {
            nobodys: match dialect {
                Dialect::V1_1 => hash(&Base64::encode_string(&*password))?,
                Dialect::V1_5 => String::new(),
            },
            queue: Semaphore::new(QUEUE),
            key: Hmac::new_from_slice(&*key).expect("HMAC takes keys of any length"),
            right: Mutex::default(),
            places: Semaphore::new(AT_ONCE),
        })
    }

    /// Whether a user's password is the one that `stored` is the hash of.
    ///
    /// # Errors
    /// 503 when too many passwords wait to be checked.
    async fn check(
        &self,
        uid: Uid,
        stored: &str,
        password: Zeroizing<String>,
    ) -> Result<bool, Refusal> {
        let mut fast = self.key.clone();
        fast.update(&(stored.len() as u64).to_be_bytes());
        fast.update(stored.as_bytes());
        fast.update(password.as_bytes());
        let known = self.lock().get(&uid).copied();
        if known.is_some_and(|known| fast.clone().verify_slice(&known).is_ok()) {
            return Ok(true);
        }
        let is_right = self.check_slowly(stored, password).await?;
        if is_right {
            let mut right = self.lock();
            if right.len() >= REMEMBERED {
                right.clear();
            }
            right.insert(uid, fast.finalize().into_bytes().into());
        }
        Ok(is_right)
    }

    /// Takes as long as a wrong password of a user who exists, so that the time does not tell which names exist.
    async fn check_unknown(&self, password: Zeroizing<String>) -> Result<bool, Refusal> {
        let _ = self.check_slowly(&self.nobodys, password).await?;
        Ok(false)
    }

    async fn check_slowly(
        &self,
        stored: &str,
        password: Zeroizing<String>,
    ) -> Result<bool, Refusal> {
        let Ok(_waiting) = self.queue.try_acquire() else {
            return Err(Refusal::Unavailable);
        };
        let Ok(_place) = self.places.acquire().await else {
            return Err(Refusal::Unavailable);
        };
        let stored = stored.to_owned();
        let check = move || {
            let checked = Argon2::default().verify_password(password.as_bytes(), stored.as_str());
            checked.is_ok()
        };
        Ok(tokio::task::spawn_blocking(check).await.unwrap_or(false))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uid, [u8; 32]>> {
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The user of a request, who is the one in its path and has a node here.
pub(super) async fn authenticate(parts: &Parts, app: &App) -> Result<Uid, Refusal> {
    let denied = |denial| Err(Refusal::Unauthorized(denial));
    let Some(value) = parts.headers.get(header::AUTHORIZATION) else {
        return denied(Denial::NoHeader);
    };
    let Some((username, password)) = value.to_str().ok().and_then(name_and_password) else {
        return denied(Denial::Malformed);
    };
    if user_in(parts.uri.path()) != Some(username.as_str()) {
        return denied(Denial::WrongPassword);
    }
    let user = app.storage.user(username).await?;
    let is_right = match &user {
        Some(user) => {
            app.passwords
                .check(user.uid, &user.password, password)
                .await
        }
        None => app.passwords.check_unknown(password).await,
    };
    match (user, is_right?) {
        // Whose storage is elsewhere has to ask where (spec §3.10).
        (Some(user), true) if user.node == Node::Here => Ok(user.uid),
        (Some(_), true) => denied(Denial::OtherNode),
        _ => denied(Denial::WrongPassword),
    }
}

/// The user in `/1.1/<username>/…`.
fn user_in(path: &str) -> Option<&str> {
    path.strip_prefix("/1.1/")?.split('/').next()
}

fn name_and_password(header: &str) -> Option<(String, Zeroizing<String>)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > HEADER_BYTES {
        return None;
    }
    let decoded = Zeroizing::new(Base64::decode_vec(encoded.trim()).ok()?);
    let (name, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((name.to_owned(), Zeroizing::new(password.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_name_and_a_password() {
        let header = |text: &str| format!("Basic {}", Base64::encode_string(text.as_bytes()));
        let rows = [
            (header("alice:secret"), Some(("alice", "secret"))),
            (header("alice:a:b"), Some(("alice", "a:b"))),
            (header("alice:wörd"), Some(("alice", "wörd"))),
            (header("alice:"), Some(("alice", ""))),
            (header("alice").to_lowercase(), None),
            (header("alice"), None),
            ("Basic ???".into(), None),
            ("Hawk id=\"x\"".into(), None),
            (String::new(), None),
            (header(&"x".repeat(HEADER_BYTES)), None),
        ];
        for (value, expected) in rows {
            let found = name_and_password(&value);
            let found = found.as_ref().map(|(name, word)| (&**name, &***word));
            assert_eq!(found, expected, "{value:.40}");
        }
    }

    #[test]
    fn the_user_is_the_one_in_the_path() {
        for (path, user) in [
            ("/1.1/alice/info/collections", Some("alice")),
            ("/1.1/alice", Some("alice")),
            ("/1.5/7/info/collections", None),
        ] {
            assert_eq!(user_in(path), user, "{path}");
        }
    }

    #[test]
    fn beyond_the_queue_a_password_is_not_checked() {
        let passwords = Passwords::new(Dialect::V1_1).unwrap();
        let full = passwords.queue.try_acquire_many(QUEUE as u32).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.unwrap();
        let check = || runtime.block_on(passwords.check_unknown(Zeroizing::new("x".to_owned())));
        assert_eq!(check(), Err(Refusal::Unavailable));
        drop(full);
        assert_eq!(check(), Ok(false));
    }

    #[test]
    fn a_password_is_right_only_for_its_hash_and_its_user() {
        let passwords = Passwords::new(Dialect::V1_1).unwrap();
        let (one, two) = (hash("one").unwrap(), hash("two").unwrap());
        assert!(one.starts_with("$argon2id$") && one != hash("one").unwrap());
        let uid = |number| Uid::new(number).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            let check = |user, stored, word: &str| {
                let word = Zeroizing::new(word.to_owned());
                passwords.check(uid(user), stored, word)
            };
            for (user, stored, word, expected) in [
                (1, one.as_str(), "two", false),
                (1, &one, "one", true),
                // Remembered.
                (1, &one, "one", true),
                (1, &one, "two", false),
                // The password was changed.
                (1, &two, "one", false),
                (1, &two, "two", true),
                (2, "no hash", "one", false),
            ] {
                assert_eq!(check(user, stored, word).await, Ok(expected), "{word}");
            }
            let unknown = passwords.check_unknown(Zeroizing::new("one".to_owned()));
            assert_eq!(unknown.await, Ok(false));
        });
        assert!(!format!("{passwords:?}").contains("one"));
    }
}
