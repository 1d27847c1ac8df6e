//! The three strings of a payload, parsed without first resolving the escapes of the envelope.

use alloc::vec::Vec;

use base64_simd::{Out, STANDARD as BASE64};

use super::envelope::PayloadText;
use crate::crypto::payload::{Parts, PayloadError, parse_mac};

/// The parts of a payload other than the ciphertext.
pub(super) struct Fields {
    /// `None` if it is not the base64 of 16 bytes.
    pub(super) iv: Option<[u8; 16]>,
    pub(super) mac: [u8; 32],
}

impl Fields {
    /// Appends the base64 of the ciphertext to `texts`, as received, and returns the other parts.
    pub(super) fn read(
        payload: &PayloadText<'_>,
        texts: &mut Vec<u8>,
    ) -> Result<Self, PayloadError> {
        if let Some(found) = payload.found() {
            texts.extend_from_slice(found.ciphertext);
            return Self::new(found.iv, found.hmac);
        }
        // Escapes or members that no known client writes: use the slower general parser.
        let text = payload.unescaped().ok_or(PayloadError::MalformedPayload)?;
        let parts = Parts::read(&text).ok_or(PayloadError::MalformedPayload)?;
        texts.extend_from_slice(parts.ciphertext.as_bytes());
        Self::new(parts.iv.as_bytes(), parts.hmac.as_bytes())
    }

    fn new(iv: &[u8], hmac: &[u8]) -> Result<Self, PayloadError> {
        Ok(Self {
            iv: parse_iv(iv),
            mac: parse_mac(hmac).ok_or(PayloadError::HmacMismatch)?,
        })
    }
}

fn parse_iv(text: &[u8]) -> Option<[u8; 16]> {
    let mut bytes = [0; 18];
    if text.len() != 24 {
        return None;
    }
    let decoded = BASE64.decode(text, Out::from_slice(&mut bytes)).ok()?;
    (&*decoded).try_into().ok()
}

/// The members in the form that every known client writes: three plain strings, in any order.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found<'a> {
    ciphertext: &'a [u8],
    iv: &'a [u8],
    hmac: &'a [u8],
}

impl<'a> Found<'a> {
    /// One pass over the escaped text up to the end of the object; also returns the object's length. `None` if the text
    /// has another form, valid or not.
    pub(super) fn scan(text: &'a [u8]) -> Option<(Self, usize)> {
        let mut found = Self::default();
        let mut rest = blanks(text).strip_prefix(b"{")?;
        loop {
            let (key, after) = string(blanks(rest))?;
            let (value, after) = string(blanks(blanks(after).strip_prefix(b":")?))?;
            let slot = match key {
                b"ciphertext" => &mut found.ciphertext,
                b"IV" => &mut found.iv,
                b"hmac" => &mut found.hmac,
                _ => return None,
            };
            *slot = value;
            let (next, after) = blanks(after).split_first()?;
            rest = after;
            match next {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        let is_whole = [found.ciphertext, found.iv, found.hmac]
            .iter()
            .all(|text| !text.is_empty());
        is_whole.then_some((found, text.len() - blanks(rest).len()))
    }
}

fn blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ', after @ ..] = text {
        text = after;
    }
    text
}

/// A string between escaped quotes, without further escapes.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"\\\"")?;
    let (inner, after) = text.split_at_checked(memchr::memchr(b'\\', text)?)?;
    Some((inner, after.strip_prefix(b"\\\"")?))
}
