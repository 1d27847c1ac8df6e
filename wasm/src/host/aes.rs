//! AES with the host's WebCrypto, for batches that are large enough to justify the call.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use selvedge_core::crypto::RustCrypto;
use selvedge_core::host::{Cbc, CbcError};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CryptoKey, SubtleCrypto};

use crate::types::member;

/// Minimum size of a batch for WebCrypto, in bytes: below it the call takes more time than it saves.
const MIN_BYTES: usize = 32 * 1024;

/// AES-256-CBC for batches: by WebCrypto if it is available and the batch is large enough, else in Rust. The results are the
/// same.
#[derive(Clone)]
pub struct HostCbc {
    rust: RustCrypto,
    web: Rc<RefCell<Web>>,
}

/// The state of the key in WebCrypto.
enum Web {
    /// WebCrypto is not available, or it has failed before.
    Missing,
    /// WebCrypto is available; the key is imported at the first use.
    Untried(SubtleCrypto, Uint8Array),
    Ready(SubtleCrypto, CryptoKey),
}

impl HostCbc {
    /// A cipher with this key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        let web = match subtle() {
            Some(subtle) => Web::Untried(subtle, Uint8Array::from(&key[..])),
            None => Web::Missing,
        };
        Self {
            rust: RustCrypto::with_key(key),
            web: Rc::new(RefCell::new(web)),
        }
    }

    /// WebCrypto with the imported key; `None` if the import fails.
    async fn ready(&self) -> Option<(SubtleCrypto, CryptoKey)> {
        let untried = match &*self.web.borrow() {
            Web::Missing => return None,
            Web::Ready(subtle, key) => return Some((subtle.clone(), key.clone())),
            Web::Untried(subtle, key) => (subtle.clone(), key.clone()),
        };
        let (subtle, bytes) = untried;
        let key = import(&subtle, &bytes).await;
        // Erase JavaScript's copy of the key.
        bytes.fill(0, 0, bytes.length());
        let mut web = self.web.borrow_mut();
        match key {
            Some(key) => {
                *web = Web::Ready(subtle.clone(), key.clone());
                Some((subtle, key))
            }
            None => {
                *web = Web::Missing;
                None
            }
        }
    }

    /// WebCrypto with its key, if the batch is large enough.
    async fn ready_for(&self, bytes: usize) -> Option<(SubtleCrypto, CryptoKey)> {
        if bytes < MIN_BYTES {
            return None;
        }
        self.ready().await
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        if let Self::Untried(_, key) = self {
            key.fill(0, 0, key.length());
        }
    }
}

impl Cbc for HostCbc {
    async fn decrypt(&self, buffer: &mut [u8]) -> Result<(), CbcError> {
        if let Some((subtle, key)) = self.ready_for(buffer.len()).await
            && decrypt(&subtle, &key, buffer).await.is_some()
        {
            return Ok(());
        }
        // WebCrypto fails if the padding of the last record is invalid. Only that record may be damaged: decrypt the batch in Rust.
        self.rust.decrypt(buffer).await
    }

    async fn encrypt(&self, buffer: &mut [u8], starts: &[usize]) -> Result<(), CbcError> {
        if let Some((subtle, key)) = self.ready_for(buffer.len()).await
            && encrypt(&subtle, &key, buffer).await.is_some()
        {
            return Ok(());
        }
        self.rust.encrypt(buffer, starts).await
    }
}

/// WebCrypto, if available: pages without a secure connection have none.
fn subtle() -> Option<SubtleCrypto> {
    let crypto = member(&js_sys::global(), "crypto");
    let subtle = member(&crypto, "subtle");
    // Hosts without a window do not have the class that a checked cast needs.
    subtle.is_object().then(|| subtle.unchecked_into())
}

async fn import(subtle: &SubtleCrypto, key: &Uint8Array) -> Option<CryptoKey> {
    let usages = Array::of2(&"encrypt".into(), &"decrypt".into());
    let imported = subtle
        .import_key_with_str("raw", key, "AES-CBC", false, &usages)
        .ok()?;
    Some(Promise::resolve(&imported).await.ok()?.unchecked_into())
}

/// Decrypts the whole buffer as one message whose IV is its first block. `None`, with an unchanged buffer, if WebCrypto fails.
async fn decrypt(subtle: &SubtleCrypto, key: &CryptoKey, buffer: &mut [u8]) -> Option<()> {
    let (iv, rest) = buffer.split_at_mut_checked(16)?;
    let text = Uint8Array::from(&*rest);
    let answer = subtle
        .decrypt_with_object_and_js_u8_array(&algorithm(iv), key, &text)
        .ok()?;
    let plain = Uint8Array::new(&Promise::resolve(&answer).await.ok()?);
    let length = usize::try_from(plain.length()).ok()?;
    // WebCrypto removed the last record's padding: restore it, because the caller checks the padding of all records.
    let padding = rest.len().checked_sub(length)?;
    let (start, end) = rest.split_at_mut_checked(length)?;
    plain.copy_to(start);
    end.fill(u8::try_from(padding).ok()?);
    Some(())
}

/// Encrypts the whole buffer as one message: the ciphertext of a record's random first block is its IV.
async fn encrypt(subtle: &SubtleCrypto, key: &CryptoKey, buffer: &mut [u8]) -> Option<()> {
    let text = Uint8Array::from(&*buffer);
    let answer = subtle
        .encrypt_with_object_and_js_u8_array(&algorithm(&[0; 16]), key, &text)
        .ok()?;
    let cipher = Uint8Array::new(&Promise::resolve(&answer).await.ok()?);
    let length = u32::try_from(buffer.len()).ok()?;
    // WebCrypto adds a padding of its own: ignore the last block.
    if cipher.length() < length {
        return None;
    }
    cipher.subarray(0, length).copy_to(buffer);
    Some(())
}

fn algorithm(iv: &[u8]) -> Object {
    let algorithm = Object::new();
    let set = |name: &str, value: &JsValue| drop(Reflect::set(&algorithm, &name.into(), value));
    set("name", &"AES-CBC".into());
    set("iv", &Uint8Array::from(iv));
    algorithm
}
