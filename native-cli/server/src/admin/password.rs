//! Slow hashes of passwords.

use argon2::password_hash::PasswordHasher;
use argon2::{Argon2, PasswordHash};

/// The slow hash of a new password, with a salt of its own; `None` if the system has no random bytes.
pub(crate) fn hash(password: &str) -> Option<String> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).ok()?;
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .ok()?;
    Some(hash.to_string())
}
