//! Encryption of single records (spec §4.5), such as `crypto/keys`. [`Opener`](crate::bso::Opener) and
//! [`Sealer`](crate::bso::Sealer) process thousands of records.

use alloc::string::String;
use alloc::vec::Vec;

use base64_simd::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use selvedge_blocks::AesCbc;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::KeyBundle;
use crate::host::{Random, RandomError};
use crate::json::scanner::Scanner;

/// Why the payload of a record cannot be opened. The error affects only this record.
///
/// ```
/// use selvedge_core::crypto::payload::{self, PayloadError};
/// use selvedge_core::crypto::KeyBundle;
///
/// let ours = KeyBundle::new([1; 32], [2; 32]);
/// let theirs = KeyBundle::new([3; 32], [4; 32]);
/// let text = payload::encrypt(&theirs, &[9; 16], br#"{"id":"7vO3Zcdu6V4I"}"#);
/// let error = payload::open(&ours, &text, "7vO3Zcdu6V4I").unwrap_err();
/// assert_eq!(error, PayloadError::HmacMismatch);
/// assert!(error.is_key_problem());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// It was encrypted with another key, or changed afterwards (spec §5.5).
    #[error("the record was encrypted with another key or changed in transit")]
    HmacMismatch,
    /// Not `{ciphertext, IV, hmac}`, or invalid base64, an IV that is not 16 bytes, incomplete blocks or invalid
    /// padding.
    #[error("the record's payload is damaged")]
    MalformedPayload,
    /// Decryption succeeded, but the content is not a JSON object in UTF-8, or its `id` is not a string.
    #[error("the record's content is not a JSON object")]
    MalformedCleartext,
    /// Decryption succeeded, but lists and objects are nested deeper than this program reads.
    #[error(
        "the record's content is nested deeper than {} levels, the maximum that this program reads",
        crate::json::scanner::MAX_DEPTH
    )]
    TooDeep,
    /// The `id` in the content is not the id of the envelope: the payloads of two records were swapped.
    #[error("the record contains the id of another record")]
    IdMismatch,
}

impl PayloadError {
    /// Whether the key does not match, as opposed to a malformed record.
    #[must_use]
    pub const fn is_key_problem(self) -> bool {
        matches!(self, Self::HmacMismatch)
    }
}

/// Encrypts one record with a new IV and returns the payload text.
///
/// # Errors
/// When the host cannot provide random bytes.
///
/// ```
/// use selvedge_core::crypto::{KeyBundle, payload};
/// # use selvedge_core::host::{Random, RandomError};
/// # struct Host;
/// # impl Random for Host {
/// #     fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> { bytes.fill(9); Ok(()) }
/// # }
/// # let host = Host;
/// let bundle = KeyBundle::make(&host)?;
/// let text = payload::seal(&bundle, &host, r#"{"id":"keys","collection":"crypto"}"#)?;
/// let cleartext = payload::open(&bundle, &text, "keys").expect("sealed with the same bundle");
/// assert_eq!(*cleartext, r#"{"id":"keys","collection":"crypto"}"#);
/// # Ok::<(), RandomError>(())
/// ```
pub fn seal(
    bundle: &KeyBundle,
    random: &impl Random,
    cleartext: &str,
) -> Result<String, RandomError> {
    let mut iv = [0; 16];
    random.fill(&mut iv)?;
    Ok(encrypt(bundle, &iv, cleartext.as_bytes()))
}

/// Encrypts with a given IV. An IV must be used for one record only: [`seal`] generates it.
#[must_use]
pub fn encrypt(bundle: &KeyBundle, iv: &[u8; 16], cleartext: &[u8]) -> String {
    let padding = 16 - cleartext.len() % 16;
    // Allocates the full capacity, so that no copy of the cleartext is left behind by a reallocation.
    let mut buffer = Vec::with_capacity(16 + cleartext.len() + padding);
    buffer.extend_from_slice(iv);
    buffer.extend_from_slice(cleartext);
    // At most 16.
    buffer.resize(buffer.len() + padding, padding as u8);
    let cbc = AesCbc::new(bundle.encryption_key());
    cbc.encrypt(&mut buffer, &[0])
        .expect("the padding makes whole blocks");
    let text = BASE64.encode_to_string(buffer.get(16..).unwrap_or_default());
    let mac = keyed(bundle)
        .chain_update(text.as_bytes())
        .finalize()
        .into_bytes();
    let mut payload = String::with_capacity(text.len() + 128);
    for part in [
        "{\"ciphertext\":\"",
        &text,
        "\",\"IV\":\"",
        &BASE64.encode_to_string(iv),
        "\",\"hmac\":\"",
        &const_hex::encode(mac),
        "\"}",
    ] {
        payload.push_str(part);
    }
    payload
}

/// Verifies and decrypts a payload that contains the record `id`: a JSON object in UTF-8 whose own `id`, if present, is
/// the same.
///
/// # Errors
/// [`PayloadError`] distinguishes a wrong key from a malformed record.
pub fn open(
    bundle: &KeyBundle,
    payload: &str,
    id: &str,
) -> Result<Zeroizing<String>, PayloadError> {
    let mut bytes = decrypt(bundle, payload)?;
    check_cleartext(&bytes, id)?;
    let bytes = core::mem::take(&mut *bytes);
    String::from_utf8(bytes)
        .map(Zeroizing::new)
        .map_err(|_| PayloadError::MalformedCleartext)
}

/// Verifies and decrypts a payload without checking its content.
///
/// # Errors
/// [`PayloadError::HmacMismatch`] or [`PayloadError::MalformedPayload`].
pub fn decrypt(bundle: &KeyBundle, payload: &str) -> Result<Zeroizing<Vec<u8>>, PayloadError> {
    let parts = Parts::read(payload).ok_or(PayloadError::MalformedPayload)?;
    let mac = parse_mac(parts.hmac.as_bytes()).ok_or(PayloadError::HmacMismatch)?;
    keyed(bundle)
        .chain_update(parts.ciphertext.as_bytes())
        .verify_slice(&mac)
        .map_err(|_| PayloadError::HmacMismatch)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(16 + parts.ciphertext.len() / 4 * 3));
    let mut append = |text: &str| {
        BASE64
            .decode_append(text, &mut *bytes)
            .map_err(|_| PayloadError::MalformedPayload)?;
        Ok(bytes.len())
    };
    if append(&parts.iv)? != 16 {
        return Err(PayloadError::MalformedPayload);
    }
    append(&parts.ciphertext)?;
    let cbc = AesCbc::new(bundle.encryption_key());
    cbc.decrypt(&mut bytes)
        .map_err(|_| PayloadError::MalformedPayload)?;
    let length = bytes
        .get(16..)
        .and_then(unpadded)
        .ok_or(PayloadError::MalformedPayload)?
        .len();
    bytes.truncate(16 + length);
    bytes.drain(..16);
    Ok(bytes)
}

/// Removes PKCS#7 padding.
pub(crate) fn unpadded(bytes: &[u8]) -> Option<&[u8]> {
    let count = *bytes.last()?;
    if !(1..=16).contains(&count) {
        return None;
    }
    let (bytes, padding) = bytes.split_at_checked(bytes.len().checked_sub(usize::from(count))?)?;
    padding.iter().all(|byte| *byte == count).then_some(bytes)
}

/// Decodes exactly 64 hexadecimal digits to 32 bytes.
pub(crate) fn parse_mac(hex: &[u8]) -> Option<[u8; 32]> {
    // const-hex also accepts a `0x` prefix.
    if hex.len() != 64 {
        return None;
    }
    const_hex::decode_to_array(hex).ok()
}

/// A validated cleartext.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checked<'a> {
    pub(crate) text: &'a str,
    /// Whether the content contains the id; other clients omit it (spec §0.8).
    pub(crate) has_id: bool,
}

/// Checks that decrypted bytes are a JSON object in UTF-8 whose `id`, if present, is `id`.
pub(crate) fn check_cleartext<'a>(bytes: &'a [u8], id: &str) -> Result<Checked<'a>, PayloadError> {
    let text = core::str::from_utf8(bytes).map_err(|_| PayloadError::MalformedCleartext)?;
    let mut is_own = None;
    let mut scanner = Scanner::new(bytes);
    let read = scanner
        .object(|key, scanner| {
            if key.is("id") {
                // Duplicate members: the last one wins.
                is_own = Some(scanner.string()?.is(id));
            } else {
                scanner.value()?;
            }
            Some(())
        })
        .and_then(|()| scanner.end());
    match (read, is_own) {
        (None, _) if scanner.is_too_deep() => Err(PayloadError::TooDeep),
        (None, _) => Err(PayloadError::MalformedCleartext),
        (Some(()), Some(false)) => Err(PayloadError::IdMismatch),
        (Some(()), has_id) => Ok(Checked {
            text,
            has_id: has_id.is_some(),
        }),
    }
}

fn keyed(bundle: &KeyBundle) -> Hmac<Sha256> {
    <Hmac<Sha256> as KeyInit>::new_from_slice(bundle.hmac_key())
        .expect("HMAC accepts keys of any length")
}

/// The three strings of a payload.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) ciphertext: String,
    pub(crate) iv: String,
    pub(crate) hmac: String,
}

impl Parts {
    /// Of duplicate members the last one wins (spec §0.9).
    pub(crate) fn read(text: &str) -> Option<Self> {
        let [mut ciphertext, mut iv, mut hmac] = [const { None }; 3];
        let mut scanner = Scanner::new(text.as_bytes());
        scanner.object(|key, scanner| {
            let slot = if key.is("ciphertext") {
                &mut ciphertext
            } else if key.is("IV") {
                &mut iv
            } else if key.is("hmac") {
                &mut hmac
            } else {
                scanner.value()?;
                return Some(());
            };
            *slot = Some(scanner.string()?.into_text()?);
            Some(())
        })?;
        scanner.end()?;
        Some(Self {
            ciphertext: ciphertext?,
            iv: iv?,
            hmac: hmac?,
        })
    }
}

#[cfg(test)]
mod tests;
