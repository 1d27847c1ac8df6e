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
