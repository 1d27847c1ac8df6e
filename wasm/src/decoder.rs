//! Many records at once, for those who bring their own protocol.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Object, Promise, Reflect, Uint8Array, Uint32Array};
use selvedge_core::bso::{Decoder, Format, Opened, Opener, RecordError};
use selvedge_core::crypto::payload::PayloadError;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::client::promise;
use crate::host::HostCbc;
use crate::{Error, KeyBundle, json};

/// No envelope is larger: twice what the largest servers take.
const LARGEST: usize = 8 << 20;

/// A batch is opened when so many records or bytes have come.
const BATCH: (usize, usize) = (2000, 2 << 20);

/// Verifies and decrypts the records of a server's answer as it arrives. `decodeRecords` is its comfortable form.
#[wasm_bindgen]
#[derive(Debug)]
pub struct RecordDecoder(Rc<RefCell<Option<State>>>);

struct State {
    decoder: Decoder,
    opener: Opener<HostCbc>,
    as_bytes: bool,
    /// Records that are none.
    failed: Vec<(String, &'static str)>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

#[wasm_bindgen]
impl RecordDecoder {
    /// `format` is "newlines" or "array", as the server was asked for; `as_bytes` leaves the records as JSON.
    ///
    /// Throws "input" for another format.
    #[wasm_bindgen(constructor)]
    pub fn new(keys: &KeyBundle, format: &str, as_bytes: bool) -> Result<RecordDecoder, Error> {
        let format = match format {
            "newlines" => Format::Newlines,
            "array" => Format::Array,
            _ => return Err(Error::input("a format is \"newlines\" or \"array\"")),
        };
        let cbc = HostCbc::new(keys.keys().encryption_key());
        Ok(Self(Rc::new(RefCell::new(Some(State {
            decoder: Decoder::new(format, LARGEST),
            opener: Opener::new(keys.keys(), cbc),
            as_bytes,
            failed: Vec::new(),
        })))))
    }

    /// Takes the next chunk; answers with the batches that are whole with it, mostly none or one.
    ///
    /// Rejects with "answer" when the body is no list of records, and with "input" while another call is under way.
    #[wasm_bindgen(unchecked_return_type = "Promise<(DecodedRecords | DecodedBytes)[]>")]
    pub fn push(&self, chunk: Vec<u8>) -> Promise {
        self.go_on(Some(chunk))
    }

    /// The body is over; answers with the rest.
    ///
    /// Rejects with "answer" when it broke off early.
    #[wasm_bindgen(unchecked_return_type = "Promise<(DecodedRecords | DecodedBytes)[]>")]
    pub fn finish(&self) -> Promise {
        self.go_on(None)
    }

    fn go_on(&self, chunk: Option<Vec<u8>>) -> Promise {
        let place = Rc::clone(&self.0);
        promise(async move {
            let mut state = place.take().ok_or(Error::input(
                "wait for the last chunk, and use no decoder after it failed",
            ))?;
            let batches = state.take(chunk).await?;
            place.replace(Some(state));
            Ok(batches.into())
        })
    }
}

impl State {
    async fn take(&mut self, chunk: Option<Vec<u8>>) -> Result<Array, Error> {
        let batches = Array::new();
        let is_last = chunk.is_none();
        match chunk {
            Some(chunk) => self.decoder.push(&chunk),
            None => self.decoder.finish().map_err(|_| Error::Body)?,
        }
        while let Some(record) = self.decoder.next_record().map_err(|_| Error::Body)? {
            match record {
                Ok(envelope) => self.opener.add(&envelope),
                Err(RecordError { id, .. }) => {
                    self.failed
                        .push((id.unwrap_or_default(), "malformed-payload"));
                }
            }
            if self.opener.records() >= BATCH.0 || self.opener.bytes() >= BATCH.1 {
                batches.push(&self.open().await?);
            }
        }
        if is_last && (self.opener.records() > 0 || !self.failed.is_empty()) {
            batches.push(&self.open().await?);
        }
        Ok(batches)
    }

    async fn open(&mut self) -> Result<JsValue, Error> {
        let opened = self
            .opener
            .open()
            .await
            .map_err(selvedge_core::error::Error::from)?;
        let mut failed = std::mem::take(&mut self.failed);
        let batch = match self.as_bytes {
            true => bytes(&opened, &mut failed),
            false => objects(&opened, &mut failed)?,
        };
        let failed = failed.into_iter().map(|(id, code)| {
            let failure = Object::new();
            set(&failure, "id", id.into());
            set(&failure, "code", code.into());
            JsValue::from(failure)
        });
        set(&batch, "failed", failed.collect::<Array>().into());
        Ok(batch.into())
    }
}

fn set(object: &Object, name: &str, value: JsValue) {
    drop(Reflect::set(object, &name.into(), &value));
}

/// The sound ones as one JSON text, which JavaScript reads faster than anything that is built piece by piece.
fn objects(opened: &Opened<'_>, failed: &mut Vec<(String, &'static str)>) -> Result<Object, Error> {
    let mut text = String::from("[");
    let mut modified = Vec::new();
    for record in opened.records() {
        match record.cleartext {
            Ok(cleartext) => {
                if text.len() > 1 {
                    text.push(',');
                }
                text.push_str(cleartext);
                // Exact until the year 287396.
                modified.push(record.modified.hundredths() as f64 * 10.0);
            }
            Err(error) => failed.push((record.id.into(), code(error))),
        }
    }
    text.push(']');
    let batch = Object::new();
    set(&batch, "records", json::from_text(&text)?);
    set(
        &batch,
        "modified",
        js_sys::Float64Array::from(modified.as_slice()).into(),
    );
    Ok(batch)
}

fn bytes(opened: &Opened<'_>, failed: &mut Vec<(String, &'static str)>) -> Object {
    let mut cleartexts = Vec::new();
    let mut ends = Vec::new();
    for record in opened.records() {
        match record.cleartext {
            Ok(cleartext) => {
                cleartexts.extend_from_slice(cleartext.as_bytes());
                // A batch is far below 4 GiB: every body is bounded, and so is a batch.
                ends.push(u32::try_from(cleartexts.len()).unwrap_or(u32::MAX));
            }
            Err(error) => failed.push((record.id.into(), code(error))),
        }
    }
    let batch = Object::new();
    set(
        &batch,
        "cleartexts",
        Uint8Array::from(cleartexts.as_slice()).into(),
    );
    set(&batch, "ends", Uint32Array::from(ends.as_slice()).into());
    batch
}

fn code(error: PayloadError) -> &'static str {
    Error::Record(error).code()
}
