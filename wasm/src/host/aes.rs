//! AES of the host's WebCrypto, for batches that are worth the way to it and back.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use selvedge_core::crypto::RustCrypto;
use selvedge_core::host::{Cbc, CbcError};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CryptoKey, SubtleCrypto};

use crate::types::member;

/// Below so many bytes the way to WebCrypto and back takes longer than what it saves.
const WORTH_IT: usize = 32 * 1024;

/// AES-256-CBC in bulk: WebCrypto's where there is one and the batch is large enough, Rust's otherwise. Both give the
/// same, for the caller cannot tell them apart.
#[derive(Clone)]
pub struct HostCbc {
    rust: RustCrypto,
    web: Rc<RefCell<Web>>,
}

/// The key as WebCrypto has it.
enum Web {
    /// There is none, or it has failed before.
    Missing,
    /// There is one; the key is handed to it when it is first needed.
    Untried(SubtleCrypto, Uint8Array),
    Ready(SubtleCrypto, CryptoKey),
}

impl HostCbc {
    /// Sets up a key.
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

    /// WebCrypto and its key, if it takes it.
    async fn ready(&self) -> Option<(SubtleCrypto, CryptoKey)> {
        let untried = match &*self.web.borrow() {
            Web::Missing => return None,
            Web::Ready(subtle, key) => return Some((subtle.clone(), key.clone())),
            Web::Untried(subtle, key) => (subtle.clone(), key.clone()),
        };
        let (subtle, bytes) = untried;
        let key = import(&subtle, &bytes).await;
        // JavaScript's copy has done its work.
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

    async fn worthy(&self, bytes: usize) -> Option<(SubtleCrypto, CryptoKey)> {
        if bytes < WORTH_IT {
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
        if let Some((subtle, key)) = self.worthy(buffer.len()).await
            && decrypt(&subtle, &key, buffer).await.is_some()
        {
            return Ok(());
        }
        // WebCrypto judges the padding of the last record, which is not its affair: that one record may be damaged.
        self.rust.decrypt(buffer).await
    }

    async fn encrypt(&self, buffer: &mut [u8], starts: &[usize]) -> Result<(), CbcError> {
        if let Some((subtle, key)) = self.worthy(buffer.len()).await
            && encrypt(&subtle, &key, buffer).await.is_some()
        {
            return Ok(());
        }
        self.rust.encrypt(buffer, starts).await
    }
}

/// WebCrypto, where there is one: pages that did not come over a secure connection have none.
fn subtle() -> Option<SubtleCrypto> {
    let crypto = member(&js_sys::global(), "crypto");
    let subtle = member(&crypto, "subtle");
    // Hosts without a window have no class of that name to ask for.
    subtle.is_object().then(|| subtle.unchecked_into())
}

async fn import(subtle: &SubtleCrypto, key: &Uint8Array) -> Option<CryptoKey> {
    let usages = Array::of2(&"encrypt".into(), &"decrypt".into());
    let imported = subtle
        .import_key_with_str("raw", key, "AES-CBC", false, &usages)
        .ok()?;
    Some(Promise::resolve(&imported).await.ok()?.unchecked_into())
}

/// The whole buffer as one run whose IV is its first block. `None`, with the buffer as it was, if WebCrypto refuses.
async fn decrypt(subtle: &SubtleCrypto, key: &CryptoKey, buffer: &mut [u8]) -> Option<()> {
    let (iv, rest) = buffer.split_at_mut_checked(16)?;
    let text = Uint8Array::from(&*rest);
    let answer = subtle
        .decrypt_with_object_and_js_u8_array(&algorithm(iv), key, &text)
        .ok()?;
    let plain = Uint8Array::new(&Promise::resolve(&answer).await.ok()?);
    let length = usize::try_from(plain.length()).ok()?;
    // The last record's padding was taken off: it is put on again, for it is checked with all others.
    let padding = rest.len().checked_sub(length)?;
    let (start, end) = rest.split_at_mut_checked(length)?;
    plain.copy_to(start);
    end.fill(u8::try_from(padding).ok()?);
    Some(())
}

/// The whole buffer as one run: what becomes of a record's random block is its IV.
async fn encrypt(subtle: &SubtleCrypto, key: &CryptoKey, buffer: &mut [u8]) -> Option<()> {
    let text = Uint8Array::from(&*buffer);
    let answer = subtle
        .encrypt_with_object_and_js_u8_array(&algorithm(&[0; 16]), key, &text)
        .ok()?;
    let cipher = Uint8Array::new(&Promise::resolve(&answer).await.ok()?);
    let length = u32::try_from(buffer.len()).ok()?;
    // WebCrypto pads what is padded already: one block too many.
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
