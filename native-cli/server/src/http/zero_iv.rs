//! Detects payloads with an initialisation vector of zeros, which only a broken client writes.

/// Sixteen zero bytes in base64.
const ZERO_IV: &[u8] = b"\"AAAAAAAAAAAAAAAAAAAAAA==";

/// Whether a payload was encrypted with an initialisation vector of zeros. The keys of an account must not be stored like
/// this: equal keys would give equal ciphertexts.
pub(super) fn has_zero_iv(payload: &str) -> bool {
    let bytes = payload.as_bytes();
    memchr::memmem::find_iter(bytes, b"IV\":").any(|at| {
        let value = bytes.get(at + 4..).unwrap_or_default();
        value.trim_ascii_start().starts_with(ZERO_IV)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_iv_of_zeros_is_bad() {
        for (payload, bad) in [
            (r#"{"IV":"AAAAAAAAAAAAAAAAAAAAAA=="}"#, true),
            (
                r#"{"ciphertext":"x","IV": "AAAAAAAAAAAAAAAAAAAAAA=="}"#,
                true,
            ),
            (
                "{\"IV\":\"x\",\"IV\":\n\t\"AAAAAAAAAAAAAAAAAAAAAA==\"}",
                true,
            ),
            (r#"{"IV":"AAAAAAAAAAAAAAAAAAAAAQ=="}"#, false),
            (r#"{"ciphertext":"AAAAAAAAAAAAAAAAAAAAAA=="}"#, false),
            (r#"{"IV":"#, false),
            ("", false),
        ] {
            assert_eq!(has_zero_iv(payload), bad, "{payload}");
        }
    }
}
