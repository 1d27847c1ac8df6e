//! Tokens against forged requests (spec §1.4): a machine shows one that was made for it, and that is not too old.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The header that a token comes in, and goes back in unless another one is named.
pub(super) const HEADER: &str = "x-xsrf-token";

/// How tokens are asked for.
#[derive(Debug, Clone)]
pub struct XsrfOptions {
    /// The header in which machines send the token; `X-XSRF-TOKEN` unless it is named.
    pub header: Option<String>,
    /// How long a token is good.
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

/// Makes tokens and knows them again. Nothing is kept of them.
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
    /// With a key of its own, so that the tokens of an earlier process are no good.
    pub(super) fn new(options: XsrfOptions) -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).ok()?;
        Some(Self { options, key })
    }

    /// The header in which machines send the token.
    pub(super) fn header(&self) -> &str {
        self.options.header.as_deref().unwrap_or(HEADER)
    }

    /// A token for a machine.
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

    /// Whether a token was made for this machine, and is still good.
    pub(super) fn is_good(&self, machine: &str, token: &str) -> bool {
        let Some((until, tag)) = token.split_once('.') else {
            return false;
        };
        let (Ok(until), Some(tag)) = (until.parse(), from_hex(tag)) else {
            return false;
        };
        now_seconds() < until && self.mac(machine, until).verify_slice(&tag).is_ok()
    }

    fn mac(&self, machine: &str, until: u64) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.key).expect("any key will do");
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

/// Whole seconds since 1970. A clock before that counts as 1970: every token is then still good for its lifetime.
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
    fn a_token_is_good_for_its_machine_and_its_time_only() {
        let xsrf = Xsrf::new(XsrfOptions::default()).unwrap();
        let token = xsrf.token("M");
        assert!(xsrf.is_good("M", &token));
        assert!(!xsrf.is_good("N", &token));
        let late = xsrf.token_until("M", now_seconds());
        let (_, tag) = late.split_once('.').unwrap();
        let later = format!("{}.{tag}", now_seconds() + 100);
        for bad in ["", ".", "x.y", &late, &later, &token[..token.len() - 1]] {
            assert!(!xsrf.is_good("M", bad), "{bad}");
        }
        assert!(
            !Xsrf::new(XsrfOptions::default())
                .unwrap()
                .is_good("M", &token)
        );
    }
}
