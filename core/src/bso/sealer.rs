//! Seals records in batches: encrypts them all and writes them in the form of a POST body.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use base64_simd::STANDARD as BASE64;
use selvedge_blocks::MacKey;

use super::encoder::{append_numbers, escape};
use crate::crypto::KeyBundle;
use crate::crypto::arena::Arena;
use crate::host::{Cbc, CbcError};
use crate::host::{Random, RandomError};

/// The text around the three strings of a payload in its envelope, and its length without escapes.
const BEFORE_CIPHERTEXT: &[u8] = b"\",\"payload\":\"{\\\"ciphertext\\\":\\\"";
const BEFORE_IV: &[u8] = b"\\\",\\\"IV\\\":\\\"";
const BEFORE_HMAC: &[u8] = b"\\\",\\\"hmac\\\":\\\"";
const AFTER_HMAC: &[u8] = b"\\\"}\"";
const PAYLOAD_AROUND: usize = r#"{"ciphertext":"","IV":"","hmac":""}"#.len();
const IV_DIGITS: usize = 24;
const HMAC_DIGITS: usize = 64;

/// The fast path from cleartexts to uploads (spec §4.5): keys are expanded once, buffers are reused, all IVs are
/// generated at once, and the AES of a batch is one call, which the host may implement.
///
/// ```
/// use selvedge_core::bso::Sealer;
/// use selvedge_core::crypto::{KeyBundle, RustCrypto};
/// # use selvedge_core::host::{Random, RandomError};
/// # struct Host;
/// # impl Random for Host {
/// #     fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> { bytes.fill(9); Ok(()) }
/// # }
/// # let host = Host;
/// let bundle = KeyBundle::make(&host).expect("the host has random bytes");
/// let mut sealer = Sealer::new(&bundle, RustCrypto::new(&bundle));
/// sealer.add("7vO3Zcdu6V4I", r#"{"id":"7vO3Zcdu6V4I","title":"milk"}"#, None, Some(5_184_000));
/// let sealed = pollster::block_on(sealer.seal(&host)).expect("Rust's AES does not fail");
/// for record in sealed.records() {
///     assert!(record.bso.starts_with(br#"{"id":"7vO3Zcdu6V4I","payload":"{\"ciphertext\":\""#));
///     assert!(record.bso.ends_with(br#"\"}","ttl":5184000}"#));
/// }
/// ```
pub struct Sealer<C> {
    cbc: C,
    mac_key: MacKey,
    ids: String,
    entries: Vec<Entry>,
    /// A random block and the padded cleartext of each record, concatenated; after encryption, IVs and ciphertexts.
    arena: Arena,
    starts: Vec<usize>,
    ivs: Vec<u8>,
    macs: Vec<[u8; 32]>,
    body: Vec<u8>,
    is_sealed: bool,
}

struct Entry {
    id: Range<usize>,
    sortindex: Option<i32>,
    ttl: Option<u32>,
    /// Positions in the body: the whole object, and the base64 of its ciphertext.
    bso: Range<usize>,
    text: Range<usize>,
}

/// Why a batch could not be sealed.
///
/// ```
/// use selvedge_core::bso::SealError;
/// use selvedge_core::host::RandomError;
///
/// assert_eq!(SealError::from(RandomError).to_string(), "the system has no random bytes");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The host cannot provide random bytes: nothing was encrypted.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The host's AES failed.
    #[error(transparent)]
    Cbc(#[from] CbcError),
}

impl<C: Cbc> Sealer<C> {
    /// A sealer for the records of one key. `cbc` must have the same bundle's encryption key.
    #[must_use]
    pub fn new(bundle: &KeyBundle, cbc: C) -> Self {
        Self {
            cbc,
            mac_key: MacKey::new(bundle.hmac_key()),
            ids: String::new(),
            entries: Vec::new(),
            arena: Arena::default(),
            starts: Vec::new(),
            ivs: Vec::new(),
            macs: Vec::new(),
            body: Vec::new(),
            is_sealed: false,
        }
    }

    /// Adds a record, whose cleartext contains the same `id`. After [`Sealer::seal`], it starts a new batch.
    pub fn add(&mut self, id: &str, cleartext: &str, sortindex: Option<i32>, ttl: Option<u32>) {
        if self.is_sealed {
            self.clear();
        }
        let padding = 16 - cleartext.len() % 16;
        self.starts.push(self.arena.len());
        self.arena.reserve(16 + cleartext.len() + padding);
        self.arena.extend_from_slice(&[0; 16]);
        self.arena.extend_from_slice(cleartext.as_bytes());
        let length = self.arena.len() + padding;
        self.arena.resize(length, padding as u8);
        self.entries.push(Entry {
            id: self.ids.len()..self.ids.len() + id.len(),
            sortindex,
            ttl,
            bso: 0..0,
            text: 0..0,
        });
        self.ids.push_str(id);
    }

    /// The number of records in the batch.
    #[must_use]
    pub fn records(&self) -> usize {
        if self.is_sealed {
            0
        } else {
            self.entries.len()
        }
    }

    /// The total size of the batch's payloads, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        if self.is_sealed {
            return 0;
        }
        let around = PAYLOAD_AROUND + IV_DIGITS + HMAC_DIGITS;
        (self.arena.len() - 16 * self.entries.len()).div_ceil(3) * 4 + around * self.entries.len()
    }

    /// Encrypts the batch with new IVs.
    ///
    /// # Errors
    /// When the host cannot provide random bytes or its AES fails; the batch is lost then.
    pub async fn seal(&mut self, random: &impl Random) -> Result<Sealed<'_>, SealError> {
        if self.is_sealed {
            self.clear();
        }
        self.is_sealed = true;
        let encrypted = match self.draw(random) {
            Ok(()) => self
                .cbc
                .encrypt(&mut self.arena, &self.starts)
                .await
                .map_err(SealError::from),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = encrypted {
            self.clear();
            return Err(error);
        }
        self.write();
        Ok(Sealed {
            ids: &self.ids,
            entries: &self.entries,
            body: &self.body,
        })
    }

    /// Writes a random block before each cleartext.
    fn draw(&mut self, random: &impl Random) -> Result<(), RandomError> {
        self.ivs.resize(self.starts.len() * 16, 0);
        random.fill(&mut self.ivs)?;
        for (start, iv) in self.starts.iter().zip(self.ivs.as_chunks::<16>().0) {
            if let Some(block) = self.arena.get_mut(*start..start + 16) {
                block.copy_from_slice(iv);
            }
        }
        Ok(())
    }

    /// Writes all envelopes with space for the MACs, then the MACs.
    fn write(&mut self) {
        let body = &mut self.body;
        body.clear();
        let ends = self
            .starts
            .iter()
            .skip(1)
            .copied()
            .chain([self.arena.len()]);
        for ((entry, start), end) in self.entries.iter_mut().zip(&self.starts).zip(ends) {
            let encrypted = self.arena.get(*start..end).unwrap_or_default();
            let (iv, ciphertext) = encrypted.split_at_checked(16).unwrap_or_default();
            let bso = body.len();
            body.extend_from_slice(b"{\"id\":\"");
            escape(self.ids.get(entry.id.clone()).unwrap_or_default(), body);
            body.extend_from_slice(BEFORE_CIPHERTEXT);
            let text = body.len();
            BASE64.encode_append(ciphertext, body);
            entry.text = text..body.len();
            body.extend_from_slice(BEFORE_IV);
            BASE64.encode_append(iv, body);
            body.extend_from_slice(BEFORE_HMAC);
            body.extend_from_slice(&[b'0'; HMAC_DIGITS]);
            body.extend_from_slice(AFTER_HMAC);
            append_numbers(entry.sortindex, entry.ttl, body);
            entry.bso = bso..body.len();
        }
        let texts: Vec<_> = self
            .entries
            .iter()
            .map(|entry| entry.text.clone())
            .collect();
        self.mac_key.macs(body, &texts, &mut self.macs);
        for (entry, mac) in self.entries.iter().zip(&self.macs) {
            let start = entry.text.end + BEFORE_IV.len() + IV_DIGITS + BEFORE_HMAC.len();
            if let Some(digits) = body.get_mut(start..start + HMAC_DIGITS) {
                const_hex::encode_to_slice(mac, digits).expect("64 digits write 32 bytes");
            }
        }
    }

    fn clear(&mut self) {
        self.ids.clear();
        self.entries.clear();
        self.arena.clear();
        self.starts.clear();
        self.is_sealed = false;
    }
}

/// An encrypted batch; valid until the next one starts.
pub struct Sealed<'a> {
    ids: &'a str,
    entries: &'a [Entry],
    body: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// The records in the order in which they were added.
    pub fn records(&self) -> impl ExactSizeIterator<Item = SealedRecord<'a>> + use<'a> {
        let Self { ids, entries, body } = *self;
        entries.iter().map(move |entry| SealedRecord {
            id: ids.get(entry.id.clone()).unwrap_or_default(),
            payload_bytes: entry.text.len() + PAYLOAD_AROUND + IV_DIGITS + HMAC_DIGITS,
            bso: body.get(entry.bso.clone()).unwrap_or_default(),
        })
    }
}

/// One record of a [`Sealed`] batch.
#[derive(Clone, Copy)]
pub struct SealedRecord<'a> {
    /// Its id.
    pub id: &'a str,
    /// The size of the payload string in bytes, which servers limit (spec §3.7).
    pub payload_bytes: usize,
    /// The JSON object, in the form for the body of a PUT or POST.
    pub bso: &'a [u8],
}
