//! The receiver's proof that both devices have the same key, before the sender sends the account (`receiver3`).

use alloc::string::String;

use ctutils::CtEq;
use serde::Deserialize;

use crate::crypto::{KeyBundle, payload};
use crate::host::{Random, RandomError};

const KNOWN: &[u8] = b"0123456789ABCDEF";

#[derive(Deserialize)]
struct Confirmation {
    ciphertext: String,
    #[serde(rename = "IV")]
    iv: String,
}

/// The payload of `receiver3`: a text that both devices know, under the key.
///
/// # Errors
/// When the host cannot provide random bytes.
///
/// ```
/// use selvedge_core::crypto::{KeyBundle, jpake};
/// # use selvedge_core::host::{Random, RandomError};
/// # struct Host;
/// # impl Random for Host {
/// #     fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> { bytes.fill(9); Ok(()) }
/// # }
/// let key = KeyBundle::new([1; 32], [2; 32]);
/// let payload = jpake::confirm(&key, &Host)?;
/// assert!(jpake::is_confirmed(&key, &payload));
/// assert!(!jpake::is_confirmed(&KeyBundle::new([3; 32], [2; 32]), &payload));
/// # Ok::<(), RandomError>(())
/// ```
pub fn confirm(key: &KeyBundle, random: &impl Random) -> Result<String, RandomError> {
    let mut iv = [0; 16];
    random.fill(&mut iv)?;
    Ok(payload::encrypt(key, &iv, KNOWN))
}

/// Whether the payload of `receiver3` was made with this key. If not, the characters were typed wrong, and nothing may be
/// sent.
///
/// ```
/// use selvedge_core::crypto::{KeyBundle, jpake};
///
/// assert!(!jpake::is_confirmed(&KeyBundle::new([1; 32], [2; 32]), "{}"));
/// ```
#[must_use]
pub fn is_confirmed(key: &KeyBundle, payload: &str) -> bool {
    let Ok(theirs) = serde_json::from_str::<Confirmation>(payload) else {
        return false;
    };
    let Ok(iv) = base64_simd::STANDARD.decode_to_vec(theirs.iv.as_bytes()) else {
        return false;
    };
    let Ok(iv) = <[u8; 16]>::try_from(iv) else {
        return false;
    };
    let ours = payload::encrypt(key, &iv, KNOWN);
    serde_json::from_str::<Confirmation>(&ours).is_ok_and(|ours| {
        let (ours, theirs) = (ours.ciphertext.as_bytes(), theirs.ciphertext.as_bytes());
        ours.ct_eq(theirs).to_bool()
    })
}
