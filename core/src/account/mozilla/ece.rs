//! Encryption of device commands to one device: `aes128gcm` with P-256 (RFC 8188, RFC 8291).

use alloc::vec::Vec;

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce};
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{PublicKey, SecretKey};
use zeroize::Zeroizing;

use crate::crypto::hkdf;
use crate::host::{Random, RandomError};

/// The size of a record with its tag, as Firefox writes it.
const RECORD_SIZE: u32 = 4096;
/// The tag and the delimiter.
const OVERHEAD: usize = 17;
/// The maximum size of a message that is opened: commands are below 16 KiB.
const MAX_MESSAGE: usize = 64 << 10;
const POINT: usize = 65;

/// Draws a private key.
pub(super) fn make_key(random: &impl Random) -> Result<Zeroizing<[u8; 32]>, RandomError> {
    let mut key = Zeroizing::new([0; 32]);
    loop {
        random.fill(&mut *key)?;
        // All but one in 2^32 are valid.
        if SecretKey::from_slice(&*key).is_ok() {
            return Ok(key);
        }
    }
}

/// The public key of a private one: an uncompressed point.
pub(super) fn public_key(private_key: &[u8; 32]) -> Option<[u8; POINT]> {
    let key = SecretKey::from_slice(private_key).ok()?;
    point(&key.public_key())
}

fn point(key: &PublicKey) -> Option<[u8; POINT]> {
    key.to_sec1_point(false).as_bytes().try_into().ok()
}

struct Keys {
    cipher: Aes128Gcm,
    nonce: Zeroizing<[u8; 12]>,
}

/// The keys of a message between a sender and a receiver; each side has one private key.
fn keys(
    private_key: &[u8; 32],
    other: &[u8],
    receiver: &[u8],
    sender: &[u8],
    auth_secret: &[u8; 16],
    salt: &[u8],
) -> Option<Keys> {
    let private_key = SecretKey::from_slice(private_key).ok()?;
    // Refuses points that are not on the curve.
    let other = PublicKey::from_sec1_bytes(other).ok()?;
    let shared = p256::ecdh::diffie_hellman(private_key.to_nonzero_scalar(), other.as_affine());
    let mut info = b"WebPush: info\0".to_vec();
    info.extend_from_slice(receiver);
    info.extend_from_slice(sender);
    let ikm = hkdf::derive::<32>(shared.raw_secret_bytes(), auth_secret, &info);
    let key = hkdf::derive::<16>(&*ikm, salt, b"Content-Encoding: aes128gcm\0");
    Some(Keys {
        cipher: Aes128Gcm::new_from_slice(&*key).ok()?,
        nonce: hkdf::derive::<12>(&*ikm, salt, b"Content-Encoding: nonce\0"),
    })
}

impl Keys {
    /// The nonce of a record: its number under an exclusive or.
    fn nonce(&self, number: usize) -> Nonce<aes_gcm::aead::consts::U12> {
        let mut nonce = *self.nonce;
        for (to, byte) in nonce.iter_mut().skip(4).zip((number as u64).to_be_bytes()) {
            *to ^= byte;
        }
        nonce.into()
    }
}

/// Encrypts for a device; `sender` is a new private key and `salt` is new too. `None` if a key is invalid.
pub(super) fn seal(
    receiver: &[u8],
    auth_secret: &[u8; 16],
    sender: &[u8; 32],
    salt: &[u8; 16],
    plaintext: &[u8],
) -> Option<Vec<u8>> {
    let own = public_key(sender)?;
    let keys = keys(sender, receiver, receiver, &own, auth_secret, salt)?;
    let mut message = salt.to_vec();
    message.extend_from_slice(&RECORD_SIZE.to_be_bytes());
    message.push(POINT as u8);
    message.extend_from_slice(&own);
    let mut rest = plaintext;
    for number in 0.. {
        let (part, left) = rest.split_at(rest.len().min(RECORD_SIZE as usize - OVERHEAD));
        rest = left;
        let mut record = Zeroizing::new(Vec::with_capacity(part.len() + 1));
        record.extend_from_slice(part);
        record.push(if rest.is_empty() { 2 } else { 1 });
        message.extend(
            keys.cipher
                .encrypt(&keys.nonce(number), record.as_slice())
                .ok()?,
        );
        if rest.is_empty() {
            break;
        }
    }
    Some(message)
}

/// Decrypts a message for the device with this private key; `None` if it is damaged or for another key.
pub(super) fn open(
    private_key: &[u8; 32],
    auth_secret: &[u8; 16],
    message: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    if message.len() > MAX_MESSAGE {
        return None;
    }
    let (salt, rest) = message.split_first_chunk::<16>()?;
    let (size, rest) = rest.split_first_chunk::<4>()?;
    let size = usize::try_from(u32::from_be_bytes(*size)).ok()?;
    let (length, rest) = rest.split_first()?;
    let (sender, body) = rest.split_at_checked(usize::from(*length))?;
    if size <= OVERHEAD || body.is_empty() {
        return None;
    }
    let own = public_key(private_key)?;
    let keys = keys(private_key, sender, &own, sender, auth_secret, salt)?;
    let mut plaintext = Zeroizing::new(Vec::with_capacity(body.len()));
    let count = body.len().div_ceil(size);
    for (number, record) in body.chunks(size).enumerate() {
        let opened = Zeroizing::new(keys.cipher.decrypt(&keys.nonce(number), record).ok()?);
        // The last byte that is not zero ends the content, and says whether this is the last record.
        let end = opened.iter().rposition(|byte| *byte != 0)?;
        let expected = if number + 1 == count { 2 } else { 1 };
        if opened.get(end) != Some(&expected) {
            return None;
        }
        plaintext.extend_from_slice(opened.get(..end)?);
    }
    Some(plaintext)
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use base64ct::{Base64UrlUnpadded, Encoding};
    use serde_json::Value;

    use super::*;

    fn bytes(value: &Value) -> Vec<u8> {
        Base64UrlUnpadded::decode_vec(value.as_str().unwrap()).unwrap()
    }

    fn fixed<const N: usize>(value: &Value) -> [u8; N] {
        bytes(value).try_into().unwrap()
    }

    fn vectors() -> Value {
        serde_json::from_str(include_str!(
            "../../../../tests/vectors/device_commands.json"
        ))
        .unwrap()
    }

    #[test]
    fn messages_are_sealed_and_opened_as_documented() {
        let vectors = vectors();
        for (case, message) in [
            (
                &vectors["aes128gcm"][0],
                &vectors["aes128gcm"][0]["message"],
            ),
            (
                &vectors["command_payload"][0],
                &vectors["command_payload"][0]["payload"]["encrypted"],
            ),
        ] {
            let plaintext = case["plaintext"].as_str().unwrap();
            let receiver = fixed(&case["receiver_private"]);
            assert_eq!(
                public_key(&receiver).unwrap().to_vec(),
                bytes(&case["receiver_public"])
            );
            let secret = fixed(&case["auth_secret"]);
            let sealed = seal(
                &bytes(&case["receiver_public"]),
                &secret,
                &fixed(&case["sender_private"]),
                &fixed(&case["salt"]),
                plaintext.as_bytes(),
            );
            assert_eq!(sealed.unwrap(), bytes(message));
            let opened = open(&receiver, &secret, &bytes(message)).unwrap();
            assert_eq!(*opened, plaintext.as_bytes());
        }
    }

    #[test]
    fn long_messages_have_several_records_and_damage_is_refused() {
        let (receiver, secret) = ([7; 32], [8; 16]);
        let public = public_key(&receiver).unwrap();
        for length in [0, 1, 4078, 4079, 4080, 12_000] {
            let text = "x".repeat(length);
            let sealed = seal(&public, &secret, &[9; 32], &[1; 16], text.as_bytes()).unwrap();
            let opened = open(&receiver, &secret, &sealed).unwrap();
            assert_eq!(String::from_utf8(opened.to_vec()).unwrap(), text);
            for cut in [0, 16, 20, 86, sealed.len() - 1] {
                assert!(
                    open(&receiver, &secret, &sealed[..cut]).is_none(),
                    "{length} {cut}"
                );
            }
            assert!(open(&[6; 32], &secret, &sealed).is_none());
        }
        assert!(
            seal(&[4; 65], &secret, &[9; 32], &[1; 16], b"x").is_none(),
            "not on the curve"
        );
    }
}
