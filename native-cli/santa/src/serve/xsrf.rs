//! XSRF tokens (spec §1.4): a request must carry a token that was issued to its machine and has not expired.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The response header of a token, and the default request header.
pub(super) const HEADER: &str = "x-xsrf-token";

/// The options for tokens.
#[derive(Debug, Clone)]
pub struct XsrfOptions {
    /// The request header of the token; `None` means `X-XSRF-TOKEN`.
    pub header: Option<String>,
    /// The lifetime of a token.
    pub life: Duration,
}

impl Default for XsrfOptions {
    fn default() -> Self {
        Self {
            header: None,
            life: Duration::from_secs(3600),
        }
    }
}

/// Issues and verifies tokens. Tokens are not stored.
pub(super) struct Xsrf {
    pub options: XsrfOptions,
    key: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Xsrf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Xsrf").finish_non_exhaustive()
    }
}

impl Xsrf {
    /// Creates a random key, so tokens of an earlier process are invalid.
    pub(super) fn new(options: XsrfOptions) -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).ok()?;
        Some(Self { options, key })
    }

    /// The request header of the token.
    pub(super) fn header(&self) -> &str {
        self.options.header.as_deref().unwrap_or(HEADER)
    }

    /// Issues a token for a machine.
    pub(super) fn token(&self, machine: &str) -> String {
        let life = self.options.life.as_secs();
        self.token_until(machine, now_seconds().saturating_add(life))
    }

    fn token_until(&self, machine: &str, until: u64) -> String {
        let tag = self.mac(machine, until).finalize().into_bytes();
        let tag = tag
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        format!("{until}.{tag}")
    }

    /// Whether a token was issued to this machine and has not expired.
    pub(super) fn is_valid(&self, machine: &str, token: &str) -> bool {
        let Some((until, tag)) = token.split_once('.') else {
            return false;
        };
        let (Ok(until), Some(tag)) = (until.parse(), from_hex(tag)) else {
            return false;
        };
        now_seconds() < until && self.mac(machine, until).verify_slice(&tag).is_ok()
    }

    fn mac(&self, machine: &str, until: u64) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&*self.key).expect("HMAC accepts keys of any length");
        mac.update(&until.to_be_bytes());
        mac.update(machine.as_bytes());
        mac
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

/// Seconds since the Unix epoch. An earlier clock counts as the epoch: tokens are then still valid for their lifetime.
fn now_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_valid_only_for_its_machine_and_lifetime() {
        let xsrf = Xsrf::new(XsrfOptions::default()).unwrap();
        let token = xsrf.token("M");
        assert!(xsrf.is_valid("M", &token));
        assert!(!xsrf.is_valid("N", &token));
        let late = xsrf.token_until("M", now_seconds());
        let (_, tag) = late.split_once('.').unwrap();
        let later = format!("{}.{tag}", now_seconds() + 100);
        for bad in ["", ".", "x.y", &late, &later, &token[..token.len() - 1]] {
            assert!(!xsrf.is_valid("M", bad), "{bad}");
        }
        assert!(
            !Xsrf::new(XsrfOptions::default())
                .unwrap()
                .is_valid("M", &token)
        );
    }
}
