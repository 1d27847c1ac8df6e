//! HKDF with SHA-256 (RFC 5869; spec §0.2): the derivation of every key from another one.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Maximum number of bytes that one key can be expanded to.
const LIMIT: usize = 255 * 32;

/// Extract and expand: `N` bytes that depend on all of `ikm`, `salt` and `info`. An empty salt is equivalent to 32 zero
/// bytes.
///
/// ```
/// use selvedge_core::crypto::hkdf;
///
/// let key = hkdf::derive::<32>(b"a secret", b"", b"example.org/v1/purpose");
/// assert_ne!(*key, *hkdf::derive::<32>(b"a secret", b"", b"example.org/v1/another"));
/// ```
#[must_use]
pub fn derive<const N: usize>(ikm: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<[u8; N]> {
    const { assert!(N <= LIMIT, "HKDF gives at most 8160 bytes") };
    let salt = (!salt.is_empty()).then_some(salt);
    filled(&Hkdf::new(salt, ikm), info)
}

/// Expand only: for keys that are uniformly random already, such as the Sync Key of old accounts (spec §1.13).
///
/// ```
/// use selvedge_core::crypto::hkdf;
///
/// let short = hkdf::expand::<16>(&[7; 16], b"purpose");
/// assert_eq!(short[..], hkdf::expand::<64>(&[7; 16], b"purpose")[..16]);
/// ```
#[must_use]
pub fn expand<const N: usize>(prk: &[u8], info: &[u8]) -> Zeroizing<[u8; N]> {
    const { assert!(N <= LIMIT, "HKDF gives at most 8160 bytes") };
    // RFC 5869 requires a PRK of at least 32 bytes, the old Sync Key has 16. HMAC pads a short key with zeros, so
    // padding it here changes only the length.
    let mut padded = Zeroizing::new([0; 32]);
    let hkdf = match padded.get_mut(..prk.len()) {
        Some(start) => {
            start.copy_from_slice(prk);
            Hkdf::from_prk(&*padded)
        }
        None => Hkdf::from_prk(prk),
    };
    filled(
        &hkdf.expect("a PRK of at least 32 bytes is long enough"),
        info,
    )
}

fn filled<const N: usize>(hkdf: &Hkdf<Sha256>, info: &[u8]) -> Zeroizing<[u8; N]> {
    let mut out = Zeroizing::new([0; N]);
    hkdf.expand(info, &mut *out)
        .expect("the length was checked when this was compiled");
    out
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use serde::Deserialize;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[derive(Deserialize)]
    struct Case {
        name: String,
        ikm: String,
        salt: String,
        info: String,
        length: usize,
        prk: String,
        okm: String,
    }

    #[derive(Deserialize)]
    struct Vectors {
        cases: Vec<Case>,
    }

    fn bytes(hex: &str) -> Vec<u8> {
        const_hex::decode(hex).unwrap()
    }

    #[test]
    fn the_rfc_cases_give_the_documented_keys() {
        let text = include_str!("../../../tests/vectors/hkdf_sha256.json");
        let vectors: Vectors = serde_json::from_str(text).unwrap();
        assert_eq!(vectors.cases.len(), 3);
        for case in vectors.cases {
            // The first bytes of an expansion do not depend on how many follow.
            let okm = derive::<128>(&bytes(&case.ikm), &bytes(&case.salt), &bytes(&case.info));
            assert_eq!(okm[..case.length], bytes(&case.okm)[..], "{}", case.name);
            let okm = expand::<128>(&bytes(&case.prk), &bytes(&case.info));
            assert_eq!(okm[..case.length], bytes(&case.okm)[..], "{}", case.name);
        }
    }
}
