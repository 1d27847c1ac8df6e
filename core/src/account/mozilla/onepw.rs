//! The password's two keys: one proves it to the server, the other unwraps the account's key
//! (`docs/protocol/firefox-sync.md` §1.2).

use alloc::format;
use alloc::string::String;
use core::future::Future;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::crypto::hkdf;
use crate::error::Result;

const SALT_V1: &str = "identity.mozilla.com/picl/v1/quickStretch:";
const SALT_V2: &str = "identity.mozilla.com/picl/v1/quickStretchV2:";

/// How much work it is to stretch a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounds {
    /// Version 1: 1,000 rounds.
    V1,
    /// Version 2: 650,000 rounds, about a second.
    V2,
}

impl Rounds {
    /// The number of rounds.
    #[must_use]
    pub const fn count(self) -> u32 {
        match self {
            Self::V1 => 1_000,
            Self::V2 => 650_000,
        }
    }
}

/// A host that stretches passwords: PBKDF2 with HMAC-SHA-256 to 32 bytes. It is work for a thread of its own.
///
/// ```
/// use selvedge_core::account::mozilla::{Rounds, Stretch};
/// use zeroize::Zeroizing;
///
/// struct Slow;
/// impl Stretch for Slow {
///     async fn pbkdf2(&self, password: &str, salt: &str, rounds: Rounds) -> selvedge_core::error::Result<Zeroizing<[u8; 32]>> {
///         let _ = (password, salt, rounds.count()); // pbkdf2::pbkdf2_hmac::<Sha256>(…)
///         Ok(Zeroizing::new([0; 32]))
///     }
/// }
/// ```
pub trait Stretch {
    /// Stretches a password.
    ///
    /// # Errors
    /// When the host cannot do it.
    fn pbkdf2(
        &self,
        password: &str,
        salt: &str,
        rounds: Rounds,
    ) -> impl Future<Output = Result<Zeroizing<[u8; 32]>>>;
}

/// The reply of `account/credentials/status`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status {
    client_salt: Option<String>,
    upgrade_needed: bool,
}

/// How a password is stretched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recipe {
    pub(super) salt: String,
    pub(super) rounds: Rounds,
}

impl Recipe {
    pub(super) fn v1(email: &str) -> Self {
        Self {
            salt: format!("{SALT_V1}{email}"),
            rounds: Rounds::V1,
        }
    }

    /// Version 2 only with its salt and if all of it is stored.
    pub(super) fn choose(status: &Status, email: &str) -> Self {
        match &status.client_salt {
            Some(salt) if !status.upgrade_needed => Self {
                salt: if salt.starts_with(SALT_V2) {
                    salt.clone()
                } else {
                    format!("{SALT_V2}{salt}")
                },
                rounds: Rounds::V2,
            },
            _ => Self::v1(email),
        }
    }
}

/// The two keys of a stretched password.
pub(super) struct PasswordKeys {
    pub(super) auth_pw: Zeroizing<[u8; 32]>,
    pub(super) unwrap_bkey: Zeroizing<[u8; 32]>,
}

impl PasswordKeys {
    pub(super) async fn derive(
        host: &impl Stretch,
        password: &str,
        recipe: &Recipe,
    ) -> Result<Self> {
        let stretched = host.pbkdf2(password, &recipe.salt, recipe.rounds).await?;
        Ok(Self {
            auth_pw: hkdf::derive(&*stretched, b"", b"identity.mozilla.com/picl/v1/authPW"),
            unwrap_bkey: hkdf::derive(&*stretched, b"", b"identity.mozilla.com/picl/v1/unwrapBkey"),
        })
    }

    /// Unwraps the account's key; the same exclusive or wraps it.
    pub(super) fn unwrap(unwrap_bkey: &[u8; 32], wrapped: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        for (to, (a, b)) in key.iter_mut().zip(unwrap_bkey.iter().zip(wrapped)) {
            *to = a ^ b;
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Returns the vector's stretched password if it is asked for exactly that.
    struct Known<'a>(&'a Value);

    impl Stretch for Known<'_> {
        async fn pbkdf2(
            &self,
            password: &str,
            salt: &str,
            rounds: Rounds,
        ) -> Result<Zeroizing<[u8; 32]>> {
            assert_eq!(password, self.0["password"].as_str().unwrap());
            assert_eq!(salt, self.0["pbkdf2_salt_utf8"].as_str().unwrap());
            assert_eq!(
                u64::from(rounds.count()),
                self.0["iterations"].as_u64().unwrap()
            );
            let hex = self.0["stretched_pw"].as_str().unwrap();
            Ok(Zeroizing::new(const_hex::decode_to_array(hex).unwrap()))
        }
    }

    #[test]
    fn keys_are_derived_as_documented() {
        let text = include_str!("../../../../tests/vectors/onepw.json");
        let vectors: Value = serde_json::from_str(text).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 5);
        for case in cases {
            let email = case["email"].as_str().unwrap_or_default();
            for member in ["client_salt", "client_salt_hex"] {
                let status = Status {
                    client_salt: case[member].as_str().map(Into::into),
                    upgrade_needed: false,
                };
                let recipe = Recipe::choose(&status, email);
                let host = Known(case);
                let keys = PasswordKeys::derive(&host, case["password"].as_str().unwrap(), &recipe);
                let keys = pollster::block_on(keys).unwrap();
                assert_eq!(
                    const_hex::encode(*keys.auth_pw),
                    case["auth_pw"].as_str().unwrap()
                );
                assert_eq!(
                    const_hex::encode(*keys.unwrap_bkey),
                    case["unwrap_bkey"].as_str().unwrap()
                );
                if let Some(wrapped) = case["wrap_kb"].as_str() {
                    let wrapped = const_hex::decode_to_array(wrapped).unwrap();
                    let kb = PasswordKeys::unwrap(&keys.unwrap_bkey, &wrapped);
                    assert_eq!(const_hex::encode(*kb), case["kb"].as_str().unwrap());
                }
            }
        }
    }

    #[test]
    fn an_account_that_is_not_upgraded_completely_uses_version_1() {
        let status = Status {
            client_salt: Some("00".into()),
            upgrade_needed: true,
        };
        assert_eq!(Recipe::choose(&status, "a@b"), Recipe::v1("a@b"));
        assert_eq!(Recipe::choose(&Status::default(), "a@b"), Recipe::v1("a@b"));
    }
}
