//! The keys that sign access tokens. They rotate, and are encrypted in the database with a key from the master secret.

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use rsa::pkcs8::EncodePrivateKey;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::error::ApiError;
use super::rows::{decode_row, seconds};
use super::token::random;
use crate::model::{EntryChange, EntryKey, EntryKind, Expected};
use crate::storage::accounts::Accounts;
use crate::token::issuers::PublicKey;

/// Seconds after which a new key signs.
const ROTATION: u64 = 30 * 24 * 3600;
/// Seconds that a key is published; longer than any token that it signed is valid.
const PUBLISHED: u64 = ROTATION + 24 * 3600;
/// The owner of the keys' entries.
const OWNER: &str = "server";

/// A key.
#[derive(Clone)]
pub(super) struct SigningKey {
    pub(super) id: String,
    created: u64,
    pair: Arc<RsaKeyPair>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    created: u64,
    nonce: String,
    sealed: String,
}

/// All keys, newest first, read once.
pub(super) struct SigningKeys {
    sealing_key: Zeroizing<[u8; 32]>,
    keys: Mutex<Vec<SigningKey>>,
}

impl SigningKey {
    /// The signature of a text by RS256.
    pub(super) fn sign(&self, text: &str) -> Result<Vec<u8>, ApiError> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        let random = ring::rand::SystemRandom::new();
        self.pair
            .sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
            .map_err(|_| ApiError::Unavailable)?;
        Ok(signature)
    }

    /// What verifies its signatures.
    pub(super) fn public(&self) -> PublicKey {
        let RsaPublicKeyComponents { n, e } =
            RsaPublicKeyComponents::<Vec<u8>>::from(self.pair.public());
        PublicKey {
            id: Some(self.id.clone()),
            n,
            e,
        }
    }

    /// As clients read it.
    pub(super) fn jwk(&self) -> serde_json::Value {
        let public = self.public();
        serde_json::json!({
            "kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.id,
            "n": Base64UrlUnpadded::encode_string(&public.n),
            "e": Base64UrlUnpadded::encode_string(&public.e),
        })
    }
}

impl SigningKeys {
    pub(super) fn new(sealing_key: Zeroizing<[u8; 32]>) -> Self {
        Self {
            sealing_key,
            keys: Mutex::default(),
        }
    }

    /// The keys, the one that signs first. It is made when there is none or the newest is due to be replaced.
    pub(super) async fn all(
        &self,
        storage: &dyn Accounts,
        now: u64,
    ) -> Result<Vec<SigningKey>, ApiError> {
        let mut keys = self.keys.lock().await;
        if keys.is_empty() {
            *keys = self.read(storage).await?;
        }
        keys.retain(|key| now < key.created + PUBLISHED);
        if keys.first().is_none_or(|key| now >= key.created + ROTATION) {
            let key = self.make(storage, now).await?;
            keys.insert(0, key);
        }
        Ok(keys.clone())
    }

    async fn read(&self, storage: &dyn Accounts) -> Result<Vec<SigningKey>, ApiError> {
        let mut keys = Vec::new();
        let entries = storage.entries(OWNER.to_owned(), EntryKind::SigningKey);
        for entry in entries.await? {
            let row: Row = decode_row(&entry.value)?;
            // Another master secret encrypted it: a new key takes its place.
            let Some(pkcs8) = self.open(&row) else {
                continue;
            };
            let pair = RsaKeyPair::from_pkcs8(&pkcs8).map_err(|_| ApiError::Unavailable)?;
            keys.push(SigningKey {
                id: entry.name,
                created: row.created,
                pair: Arc::new(pair),
            });
        }
        keys.sort_by_key(|key| std::cmp::Reverse(key.created));
        Ok(keys)
    }

    async fn make(&self, storage: &dyn Accounts, now: u64) -> Result<SigningKey, ApiError> {
        let made = tokio::task::spawn_blocking(|| {
            let mut random = rsa::rand_core::UnwrapErr(getrandom::SysRng);
            let key = rsa::PrivateKey::new(&mut random, 2048).ok()?;
            Some(Zeroizing::new(key.to_pkcs8_der().ok()?.as_bytes().to_vec()))
        });
        let pkcs8 = made.await.ok().flatten().ok_or(ApiError::Unavailable)?;
        let pair = RsaKeyPair::from_pkcs8(&pkcs8).map_err(|_| ApiError::Unavailable)?;
        let id = const_hex::encode(*random::<8>()?);
        let put = EntryChange::Put {
            key: EntryKey::new(EntryKind::SigningKey, id.clone()),
            expected: Expected::Absent,
            owner: OWNER.to_owned(),
            expires: Some(seconds(now + PUBLISHED)),
            value: serde_json::to_vec(&self.seal(&pkcs8, now)?)
                .map_err(|_| ApiError::Unavailable)?,
        };
        if !storage.change_entries(vec![put]).await? {
            return Err(ApiError::Concurrent);
        }
        Ok(SigningKey {
            id,
            created: now,
            pair: Arc::new(pair),
        })
    }

    fn key(&self) -> Result<LessSafeKey, ApiError> {
        UnboundKey::new(&CHACHA20_POLY1305, &*self.sealing_key)
            .map(LessSafeKey::new)
            .map_err(|_| ApiError::Unavailable)
    }

    fn seal(&self, pkcs8: &[u8], created: u64) -> Result<Row, ApiError> {
        let nonce = *random::<12>()?;
        let mut sealed = pkcs8.to_vec();
        self.key()?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::empty(),
                &mut sealed,
            )
            .map_err(|_| ApiError::Unavailable)?;
        Ok(Row {
            created,
            nonce: const_hex::encode(nonce),
            sealed: const_hex::encode(sealed),
        })
    }

    fn open(&self, row: &Row) -> Option<Zeroizing<Vec<u8>>> {
        let nonce: [u8; 12] = const_hex::decode(&row.nonce).ok()?.try_into().ok()?;
        let mut sealed = Zeroizing::new(const_hex::decode(&row.sealed).ok()?);
        let key = self.key().ok()?;
        let opened = key.open_in_place(
            Nonce::assume_unique_for_key(nonce),
            Aad::empty(),
            &mut sealed,
        );
        Some(Zeroizing::new(opened.ok()?.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Bounds;
    use crate::storage::open;

    #[tokio::test]
    async fn keys_are_kept_rotate_and_are_published_until_their_tokens_expire() {
        let storage = open("sqlite::memory:", Bounds::default()).unwrap();
        let accounts = &*storage.accounts;
        let now = crate::storage::wall_clock::seconds();
        let ids = async |keys: &SigningKeys, now| -> Vec<String> {
            let all = keys.all(accounts, now).await.unwrap();
            all.into_iter().map(|key| key.id).collect()
        };
        let keys = SigningKeys::new(Zeroizing::new([1; 32]));
        let first = ids(&keys, now).await;
        assert_eq!(first.len(), 1);
        assert_eq!(ids(&keys, now + 5).await, first);
        let restarted = SigningKeys::new(Zeroizing::new([1; 32]));
        assert_eq!(ids(&restarted, now).await, first, "kept");
        let rotated = ids(&restarted, now + ROTATION).await;
        assert_eq!(rotated[1..], first, "the old one is published");
        assert_eq!(ids(&restarted, now + PUBLISHED).await, rotated[..1]);
        let other_secret = SigningKeys::new(Zeroizing::new([2; 32]));
        assert!(!ids(&other_secret, now).await.contains(&first[0]));
    }
}
