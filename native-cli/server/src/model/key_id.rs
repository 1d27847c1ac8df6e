//! `X-KeyID`: the key that the records of an account are encrypted with (spec §1.9).

use base64ct::{Base64UrlUnpadded, Encoding};

/// When the keys last changed, and the fingerprint of the sync key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId {
    /// `keysChangedAt`: milliseconds by the client's account.
    pub changed_at: u64,
    /// The first 16 bytes of the key's hash. It identifies the key and decrypts nothing.
    pub fingerprint: [u8; 16],
}

impl KeyId {
    /// Parses `<keysChangedAt ms>-<b64url of 16 bytes>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (millis, fingerprint) = text.split_once('-')?;
        // 15 digits of milliseconds reach beyond the year 30000 and fit into every database's integer.
        let digits = (1..=15).contains(&millis.len()) && millis.bytes().all(|b| b.is_ascii_digit());
        let mut bytes = [0; 16];
        let decoded = Base64UrlUnpadded::decode(fingerprint, &mut bytes).ok()?;
        (digits && decoded.len() == 16).then_some(())?;
        Some(Self {
            changed_at: millis.parse().ok()?,
            fingerprint: bytes,
        })
    }

    /// The fingerprint as `X-Client-State` shows it.
    #[must_use]
    pub fn client_state(&self) -> String {
        self.fingerprint
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fingerprint = Base64UrlUnpadded::encode_string(&self.fingerprint);
        write!(f, "{}-{fingerprint}", self.changed_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_id_reads_as_it_prints() {
        let text = "1510726317123-IqQv4onc7VcVE1kTQkyyOw";
        let key_id = KeyId::parse(text).unwrap();
        assert_eq!(key_id.changed_at, 1_510_726_317_123);
        assert_eq!(key_id.client_state(), "22a42fe289dced5715135913424cb23b");
        assert_eq!(key_id.to_string(), text);
    }

    #[test]
    fn what_is_no_key_id_is_refused() {
        for text in [
            "",
            "1510726317123",
            "-IqQv4onc7VcVE1kTQkyyOw",
            "+1-IqQv4onc7VcVE1kTQkyyOw",
            "1510726317123-",
            "1510726317123-IqQv4onc7VcVE1kTQkyy",
            "1510726317123-IqQv4onc7VcVE1kTQkyyOw==",
            "1510726317123-IqQv4onc7VcVE1kTQkyyOwAA",
            "1510726317123-IqQv4onc7VcVE1kTQkyy/w",
            "1234567890123456-IqQv4onc7VcVE1kTQkyyOw",
        ] {
            assert_eq!(KeyId::parse(text), None, "{text:?}");
        }
    }
}
