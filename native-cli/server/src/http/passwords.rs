//! Checks passwords of the dialect 1.1.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier;
use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use selvedge_core::server::Dialect;
use sha2::Sha256;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::reply::Refusal;
use crate::admin::hash_password as hash;
use crate::model::Uid;

/// Maximum number of slow hashes computed concurrently: each takes a core and 19 MiB.
const MAX_CONCURRENT: usize = 2;
/// Maximum number of passwords being checked or queued; further ones are refused, because each takes a core for a tenth of a
/// second.
const QUEUE: usize = 64;
/// Maximum number of cached users.
const MAX_CACHED: usize = 10_000;
/// Checks passwords. The slow hash protects the passwords in a stolen database. So that clients do not wait for it at each
/// request, a correct password is cached as a fast hash under a key of this process, together with the slow hash: when that
/// changes, the password is checked again.
pub(crate) struct Passwords {
    key: Hmac<Sha256>,
    cached: Mutex<HashMap<Uid, [u8; 32]>>,
    hashing: Semaphore,
    queue: Semaphore,
    /// The slow hash of a random password.
    dummy: String,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords(..)")
    }
}

impl Passwords {
    /// An empty cache; `None` if the system has no random bytes. Only the dialect 1.1 has passwords.
    pub(crate) fn new(dialect: Dialect) -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).ok()?;
        let mut password = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *password).ok()?;
        Some(Self {
            dummy: match dialect {
                Dialect::V1_1 => hash(&Base64::encode_string(&*password))?,
                Dialect::V1_5 => String::new(),
            },
            queue: Semaphore::new(QUEUE),
            key: Hmac::new_from_slice(&*key).expect("HMAC takes keys of any length"),
            cached: Mutex::default(),
            hashing: Semaphore::new(MAX_CONCURRENT),
        })
    }

    /// Whether a user's password is the one that `stored` is the hash of.
    ///
    /// # Errors
    /// 503 when too many passwords wait to be checked.
    pub(super) async fn check(
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
            let mut cached = self.lock();
            if cached.len() >= MAX_CACHED {
                cached.clear();
            }
            cached.insert(uid, fast.finalize().into_bytes().into());
        }
        Ok(is_right)
    }

    /// Takes as long as a wrong password of an existing user, so that the time does not reveal which names exist.
    pub(super) async fn check_unknown(&self, password: Zeroizing<String>) -> Result<bool, Refusal> {
        let _ = self.check_slowly(&self.dummy, password).await?;
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
        let Ok(_hashing) = self.hashing.acquire().await else {
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
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
                // Cached.
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
