//! Opens records in batches: verifies them all, decrypts them all, and checks their contents.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use base64_simd::STANDARD as BASE64;
use ctutils::CtEq;
use selvedge_blocks::MacKey;

use super::envelope::Envelope;
use super::fields::Fields;
use crate::crypto::KeyBundle;
use crate::crypto::arena::Arena;
use crate::crypto::payload::{PayloadError, check_cleartext, unpadded};
use crate::host::{Cbc, CbcError};
use crate::time::ServerTime;

/// The fast path from envelopes to cleartexts (spec §4.5): keys are expanded once, buffers are reused, and the AES of a
/// batch is one call, which the host may implement.
///
/// ```
/// use selvedge_core::bso::{Decoder, Format, Opener};
/// use selvedge_core::crypto::{KeyBundle, RustCrypto, payload};
///
/// let bundle = KeyBundle::new([1; 32], [2; 32]);
/// let text = payload::encrypt(&bundle, &[9; 16], br#"{"id":"7vO3Zcdu6V4I","title":"milk"}"#);
/// let mut decoder = Decoder::new(Format::Newlines, 1 << 20);
/// decoder.push(format!("{{\"id\":\"7vO3Zcdu6V4I\",\"modified\":1.5,\"payload\":{text:?}}}\n").as_bytes());
///
/// let mut opener = Opener::new(&bundle, RustCrypto::new(&bundle));
/// while let Some(record) = decoder.next_record()? {
///     opener.add(&record.expect("it is sound"));
/// }
/// let opened = pollster::block_on(opener.open()).expect("Rust's AES does not fail");
/// for record in opened.records() {
///     assert_eq!(record.id, "7vO3Zcdu6V4I");
///     assert_eq!(record.cleartext, Ok(r#"{"id":"7vO3Zcdu6V4I","title":"milk"}"#));
/// }
/// # Ok::<(), selvedge_core::bso::StreamError>(())
/// ```
pub struct Opener<C> {
    cbc: C,
    mac_key: MacKey,
    /// The ids of the batch, concatenated.
    ids: String,
    /// The base64 of the batch's ciphertexts, as received.
    texts: Vec<u8>,
    entries: Vec<Entry>,
    macs: Vec<[u8; 32]>,
    /// `IV₁ C₁ IV₂ C₂ …`; after decryption, the cleartexts.
    arena: Arena,
    /// Whether the batch was opened, so that the next record starts a new batch.
    is_opened: bool,
}

struct Entry {
    id: Range<usize>,
    modified: ServerTime,
    sortindex: Option<i32>,
    state: Result<Place, PayloadError>,
}

/// The positions of a valid record's parts.
#[derive(Clone)]
struct Place {
    text: Range<usize>,
    /// As received: the length of 16 bytes is checked only after the MAC.
    iv: Result<[u8; 16], PayloadError>,
    mac: [u8; 32],
    /// In the arena, after the IV.
    cleartext: Range<usize>,
}

impl<C: Cbc> Opener<C> {
    /// An opener for the records of one key. `cbc` must have the same bundle's encryption key.
    #[must_use]
    pub fn new(bundle: &KeyBundle, cbc: C) -> Self {
        Self {
            cbc,
            mac_key: MacKey::new(bundle.hmac_key()),
            ids: String::new(),
            texts: Vec::new(),
            entries: Vec::new(),
            macs: Vec::new(),
            arena: Arena::default(),
            is_opened: false,
        }
    }

    /// Adds a record to the batch. After [`Opener::open`], it starts a new batch.
    pub fn add(&mut self, envelope: &Envelope<'_>) {
        if self.is_opened {
            self.clear();
        }
        let id = self.ids.len()..self.ids.len() + envelope.id.len();
        self.ids.push_str(envelope.id);
        let start = self.texts.len();
        let state = Fields::read(&envelope.payload, &mut self.texts).map(|fields| Place {
            text: start..self.texts.len(),
            iv: fields.iv.ok_or(PayloadError::MalformedPayload),
            mac: fields.mac,
            cleartext: 0..0,
        });
        if state.is_err() {
            self.texts.truncate(start);
        }
        self.entries.push(Entry {
            id,
            modified: envelope.modified,
            sortindex: envelope.sortindex,
            state,
        });
    }

    /// The number of records in the batch.
    #[must_use]
    pub fn records(&self) -> usize {
        if self.is_opened {
            0
        } else {
            self.entries.len()
        }
    }

    /// The number of bytes of base64 ciphertext in the batch. Memory use is about twice that.
    #[must_use]
    pub fn bytes(&self) -> usize {
        if self.is_opened { 0 } else { self.texts.len() }
    }

    /// Verifies and decrypts the batch. A record that fails does not affect the others.
    ///
    /// # Errors
    /// When the host's AES fails; the batch is lost then.
    pub async fn open(&mut self) -> Result<Opened<'_>, CbcError> {
        if self.is_opened {
            self.clear();
        }
        self.is_opened = true;
        self.verify();
        self.decode();
        if let Err(error) = self.cbc.decrypt(&mut self.arena).await {
            self.clear();
            return Err(error);
        }
        Ok(Opened {
            ids: &self.ids,
            entries: &self.entries,
            arena: &self.arena,
        })
    }

    /// Compares the MACs of all texts before anything is decrypted.
    fn verify(&mut self) {
        let places = self
            .entries
            .iter()
            .filter_map(|entry| entry.state.as_ref().ok());
        let texts: Vec<_> = places.map(|place| place.text.clone()).collect();
        self.mac_key.macs(&self.texts, &texts, &mut self.macs);
        let entries = self.entries.iter_mut().filter(|entry| entry.state.is_ok());
        for (entry, mac) in entries.zip(&self.macs) {
            if let Ok(place) = &entry.state
                && !mac.as_slice().ct_eq(&place.mac).to_bool()
            {
                entry.state = Err(PayloadError::HmacMismatch);
            }
        }
    }

    /// Concatenates the IVs and ciphertexts of all verified records.
    fn decode(&mut self) {
        self.arena.clear();
        self.arena
            .reserve(self.texts.len() / 4 * 3 + self.entries.len() * 16);
        for entry in &mut self.entries {
            let Ok(place) = &mut entry.state else {
                continue;
            };
            let text = self.texts.get(place.text.clone()).unwrap_or_default();
            if let Err(error) =
                append(&place.iv, text, &mut self.arena).map(|range| place.cleartext = range)
            {
                entry.state = Err(error);
            }
        }
    }

    fn clear(&mut self) {
        self.ids.clear();
        self.texts.clear();
        self.entries.clear();
        self.is_opened = false;
    }
}

/// Appends an IV and a decoded ciphertext of whole blocks, or nothing.
fn append(
    iv: &Result<[u8; 16], PayloadError>,
    text: &[u8],
    arena: &mut Arena,
) -> Result<Range<usize>, PayloadError> {
    let iv = iv.as_ref().map_err(|error| *error)?;
    let before = arena.len();
    arena.extend_from_slice(iv);
    let start = arena.len();
    let decoded = BASE64.decode_append(text, &mut **arena);
    let length = arena.len() - start;
    if decoded.is_err() || length == 0 || !length.is_multiple_of(16) {
        arena.truncate(before);
        return Err(PayloadError::MalformedPayload);
    }
    Ok(start..arena.len())
}

/// A batch that was verified and decrypted; valid until the next one starts.
pub struct Opened<'a> {
    ids: &'a str,
    entries: &'a [Entry],
    arena: &'a [u8],
}

impl<'a> Opened<'a> {
    /// The records in the order in which they were added. The content of each is checked when the iterator returns it.
    pub fn records(&self) -> impl ExactSizeIterator<Item = OpenedRecord<'a>> + use<'a> {
        let Self {
            ids,
            entries,
            arena,
        } = *self;
        entries.iter().map(move |entry| {
            let id = ids.get(entry.id.clone()).unwrap_or_default();
            let cleartext = match &entry.state {
                Err(error) => Err(*error),
                Ok(place) => arena
                    .get(place.cleartext.clone())
                    .and_then(unpadded)
                    .ok_or(PayloadError::MalformedPayload)
                    .and_then(|bytes| check_cleartext(bytes, id)),
            };
            OpenedRecord {
                id,
                modified: entry.modified,
                sortindex: entry.sortindex,
                has_id: cleartext.is_ok_and(|checked| checked.has_id),
                cleartext: cleartext.map(|checked| checked.text),
            }
        })
    }
}

/// One record of an [`Opened`] batch.
#[derive(Clone, Copy)]
pub struct OpenedRecord<'a> {
    /// The envelope's id.
    pub id: &'a str,
    /// When the server stored it.
    pub modified: ServerTime,
    /// Its sort index, if it has one.
    pub sortindex: Option<i32>,
    /// Whether the JSON object contains the id.
    pub has_id: bool,
    /// The JSON object, whose `id`, if present, is the envelope's; or why it could not be opened.
    pub cleartext: Result<&'a str, PayloadError>,
}
