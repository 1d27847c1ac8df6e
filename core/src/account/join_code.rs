//! A line of text that adds another device to an account.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::header::check_header;
use super::token_server::normalised;
use crate::crypto::KeyBundle;
use crate::error::Error;

const PREFIX: &str = "selvedge1-";
const CHECKSUM_BYTES: usize = 4;
/// Maximum number of bytes after the prefix.
const MAX_BYTES: usize = 8192;

/// All data that another device needs, as one line of text: `selvedge1-` and base64url.
///
/// A person with this line can read the account's data. It contains a checksum, so that a mistyped or truncated line
/// gets a specific error.
///
/// The bytes are: their number (two bytes, big-endian), the 64 bytes of the sync key, then kid, token server address
/// and access token, each preceded by its length in two bytes, and the first four bytes of the SHA-256 of all that.
///
/// ```
/// use selvedge_core::account::JoinCode;
/// use selvedge_core::crypto::KeyBundle;
///
/// let code = JoinCode {
///     tokenserver_url: "https://sync.example.org".into(),
///     access_token: "secret".to_string().into(),
///     kid: "1700000000000-AAAAAAAAAAAAAAAAAAAAAA".into(),
///     sync_key: KeyBundle::new([1; 32], [2; 32]),
/// };
/// let line = code.to_line();
/// assert!(line.starts_with("selvedge1-"));
/// assert_eq!(line.parse::<JoinCode>()?, code);
/// # Ok::<(), selvedge_core::account::JoinCodeError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct JoinCode {
    /// The token server's normalized address.
    pub tokenserver_url: String,
    /// The access token that the token server exchanges for a storage token.
    pub access_token: Zeroizing<String>,
    /// The identifier of the sync key.
    pub kid: String,
    /// The key that protects `crypto/keys`.
    pub sync_key: KeyBundle,
}

/// Why a text is not a valid join code.
///
/// ```
/// use selvedge_core::account::{JoinCode, JoinCodeError};
///
/// assert_eq!("hello".parse::<JoinCode>(), Err(JoinCodeError::NotACode));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinCodeError {
    /// The prefix is missing.
    #[error("this is not a join code: a join code begins with selvedge1-")]
    NotACode,
    /// The code has a newer format.
    #[error("this join code is from a newer program: upgrade this one")]
    Newer,
    /// The end of the code is missing.
    #[error("the join code is not complete: copy all of it")]
    Truncated,
    /// A character is invalid.
    #[error("the join code has a wrong character: copy it again")]
    Mistyped,
    /// The checksum is correct, but the content is not a usable account.
    #[error("the join code contains no usable account")]
    Unusable,
}

impl From<JoinCodeError> for Error {
    fn from(error: JoinCodeError) -> Self {
        Self::Input(error.to_string())
    }
}

impl fmt::Debug for JoinCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinCode(..)")
    }
}

impl JoinCode {
    /// The line of text.
    #[must_use]
    pub fn to_line(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(Vec::new());
        bytes.extend_from_slice(self.sync_key.encryption_key());
        bytes.extend_from_slice(self.sync_key.hmac_key());
        for text in [&self.kid, &self.tokenserver_url, &*self.access_token] {
            bytes.extend_from_slice(&length(text.len()));
            bytes.extend_from_slice(text.as_bytes());
        }
        let mut whole = Zeroizing::new(length(2 + bytes.len() + CHECKSUM_BYTES).to_vec());
        whole.extend_from_slice(&bytes);
        let sum = checksum(&whole);
        whole.extend_from_slice(&sum);
        Zeroizing::new(format!(
            "{PREFIX}{}",
            *Zeroizing::new(Base64UrlUnpadded::encode_string(&whole))
        ))
    }
}

/// The lengths are limited to far less than 64 KiB where the texts are accepted.
fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes()
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

/// Spaces and line breaks, which mail programs insert, are ignored.
impl FromStr for JoinCode {
    type Err = JoinCodeError;

    fn from_str(line: &str) -> Result<Self, JoinCodeError> {
        if line.len() > 4 * MAX_BYTES {
            return Err(JoinCodeError::NotACode);
        }
        let line: Zeroizing<String> = Zeroizing::new(line.split_whitespace().collect());
        let Some(code) = line.strip_prefix(PREFIX) else {
            let version = line
                .strip_prefix("selvedge")
                .and_then(|rest| rest.split_once('-'));
            return Err(match version {
                Some((digits, _)) if digits.parse::<u32>().is_ok_and(|version| version > 1) => {
                    JoinCodeError::Newer
                }
                _ => JoinCodeError::NotACode,
            });
        };
        let bytes = Zeroizing::new(decode(code)?);
        let (announced, _) = bytes
            .split_first_chunk::<2>()
            .ok_or(JoinCodeError::Truncated)?;
        let announced = usize::from(u16::from_be_bytes(*announced));
        if bytes.len() < announced {
            return Err(JoinCodeError::Truncated);
        }
        let (content, sum) = bytes
            .split_last_chunk::<CHECKSUM_BYTES>()
            .ok_or(JoinCodeError::Truncated)?;
        if bytes.len() > announced || *sum != checksum(content) {
            return Err(JoinCodeError::Mistyped);
        }
        if *Zeroizing::new(Base64UrlUnpadded::encode_string(&bytes)) != *code {
            return Err(JoinCodeError::Mistyped);
        }
        parse(content.get(2..).unwrap_or_default()).ok_or(JoinCodeError::Unusable)
    }
}

/// Decodes; an incomplete last group of four characters is ignored. A line has exactly one spelling.
fn decode(code: &str) -> Result<Vec<u8>, JoinCodeError> {
    let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !code.bytes().all(is_base64url) || code.len() > 2 * MAX_BYTES {
        return Err(JoinCodeError::Mistyped);
    }
    Base64UrlUnpadded::decode_vec(code).or_else(|_| {
        // Bits that must be zero are not: the code is truncated, or its last character is mistyped.
        let whole = code.get(..code.len() / 4 * 4).unwrap_or_default();
        Base64UrlUnpadded::decode_vec(whole).map_err(|_| JoinCodeError::Mistyped)
    })
}

fn parse(content: &[u8]) -> Option<JoinCode> {
    let (key, mut rest) = content.split_at_checked(64)?;
    let mut text = || {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        let (text, behind) = behind.split_at_checked(u16::from_be_bytes(*length).into())?;
        rest = behind;
        core::str::from_utf8(text).ok()
    };
    let (kid, url, access_token) = (text()?, text()?, text()?);
    check_header(kid, "kid").ok()?;
    check_header(access_token, "access_token").ok()?;
    rest.is_empty().then_some(())?;
    Some(JoinCode {
        tokenserver_url: normalised(url).ok()?,
        access_token: Zeroizing::new(access_token.into()),
        kid: kid.into(),
        sync_key: KeyBundle::from_slice(key).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn code() -> JoinCode {
        JoinCode {
            tokenserver_url: "http://127.0.0.1:8090".into(),
            access_token: Zeroizing::new("a-long-access-token".into()),
            kid: "1700000000000-AAAAAAAAAAAAAAAAAAAAAA".into(),
            sync_key: KeyBundle::new([1; 32], [2; 32]),
        }
    }

    #[test]
    fn a_line_with_line_breaks_is_parsed() {
        let line = code().to_line();
        let (start, end) = line.split_at(40);
        assert_eq!(format!(" {start}\r\n {end}\n").parse(), Ok(code()));
    }

    #[test]
    fn every_typo_is_detected() {
        let line = code().to_line();
        for at in PREFIX.len()..line.len() {
            let mut typo = line.to_string().into_bytes();
            typo[at] = if typo[at] == b'x' { b'y' } else { b'x' };
            let parsed = String::from_utf8(typo).unwrap().parse::<JoinCode>();
            let error = parsed.expect_err("a typo");
            assert!(
                matches!(error, JoinCodeError::Mistyped | JoinCodeError::Truncated),
                "{at} {error}"
            );
        }
        for more in ["A", "AA", "AAAA"] {
            let behind = format!("{}{more}", *line).parse::<JoinCode>();
            assert_eq!(behind, Err(JoinCodeError::Mistyped), "{more}");
        }
        assert_eq!(
            format!("{PREFIX}é").parse::<JoinCode>(),
            Err(JoinCodeError::Mistyped)
        );
    }

    #[test]
    fn every_truncation_is_reported() {
        let line = code().to_line();
        for end in PREFIX.len()..line.len() {
            assert_eq!(
                line[..end].parse::<JoinCode>(),
                Err(JoinCodeError::Truncated),
                "{end}"
            );
        }
    }

    #[test]
    fn other_text_is_reported_as_not_a_join_code() {
        assert_eq!("".parse::<JoinCode>(), Err(JoinCodeError::NotACode));
        assert_eq!(
            "selvedge-AAAA".parse::<JoinCode>(),
            Err(JoinCodeError::NotACode)
        );
        assert_eq!(
            "selvedge2-AAAA".parse::<JoinCode>(),
            Err(JoinCodeError::Newer)
        );
        assert_eq!(
            "x".repeat(1 << 20).parse::<JoinCode>(),
            Err(JoinCodeError::NotACode)
        );
        let empty = JoinCode {
            kid: String::new(),
            ..code()
        };
        assert_eq!(
            empty.to_line().parse::<JoinCode>(),
            Err(JoinCodeError::Unusable)
        );
    }

    #[test]
    fn debug_output_contains_no_secret() {
        assert_eq!(format!("{:?}", code()), "JoinCode(..)");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(selvedge1-)?[ -~é]{0,200}") {
            let _ = text.parse::<JoinCode>();
        }
    }
}
