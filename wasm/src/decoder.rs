//! Decrypts many records of a server's response, for programs with their own protocol.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::futures::future_to_promise;
use js_sys::{Array, Object, Promise, Reflect, Uint8Array, Uint32Array};
use selvedge_core::bso::{Decoder, Format, Opened, Opener, RecordError};
use selvedge_core::crypto::payload::PayloadError;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::client::promise;
use crate::host::HostCbc;
use crate::{Error, KeyBundle, json};

/// Maximum size of an envelope: twice the limit of the largest servers.
const MAX_ENVELOPE_BYTES: usize = 8 << 20;

/// A batch is decrypted when it has this many records.
const BATCH_RECORDS: usize = 500;
/// A batch is decrypted when it has this many bytes.
const BATCH_BYTES: usize = 1 << 20;

/// Verifies and decrypts the records of a server's response as it arrives. `decodeRecords` is easier to use.
#[wasm_bindgen]
#[derive(Debug)]
pub struct RecordDecoder(Rc<RefCell<Option<State>>>);

struct State {
    decoder: Decoder,
    /// Collects the records of the next batch.
    opener: Opener<HostCbc>,
    /// The second opener, while no batch is running.
    spare: Option<Opener<HostCbc>>,
    /// The batch that is being decrypted while the next one fills: WebCrypto runs in parallel to this thread.
    running: Option<RunningBatch>,
    as_bytes: bool,
    /// Records that cannot be read.
    failed: Failed,
}

/// Ids and error codes of records that cannot be read.
type Failed = Vec<(String, &'static str)>;

/// A batch that is being decrypted.
struct RunningBatch {
    /// Resolves when the batch is decrypted; never rejects.
    ended: Promise,
    outcome: Rc<RefCell<Option<Outcome>>>,
}

/// A batch for JavaScript, and the opener, which is reused for another batch.
type Outcome = (Opener<HostCbc>, Result<Object, Error>);

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

#[wasm_bindgen]
impl RecordDecoder {
    /// `format` is "newlines" or "array", as requested from the server; with `as_bytes` the records stay JSON texts.
    ///
    /// Throws "input" if the format is another one.
    #[wasm_bindgen(constructor)]
    pub fn new(keys: &KeyBundle, format: &str, as_bytes: bool) -> Result<RecordDecoder, Error> {
        let format = match format {
            "newlines" => Format::Newlines,
            "array" => Format::Array,
            _ => return Err(Error::input("the format must be \"newlines\" or \"array\"")),
        };
        let cbc = HostCbc::new(keys.keys().encryption_key());
        Ok(Self(Rc::new(RefCell::new(Some(State {
            decoder: Decoder::new(format, MAX_ENVELOPE_BYTES),
            opener: Opener::new(keys.keys(), cbc.clone()),
            spare: Some(Opener::new(keys.keys(), cbc)),
            running: None,
            as_bytes,
            failed: Vec::new(),
        })))))
    }

    /// Takes the next chunk; returns the batches that are ready, usually none or one: a batch is decrypted while the next
    /// one arrives.
    ///
    /// Rejects with "answer" if the body is not a list of records, and with "input" while another call is running.
    #[wasm_bindgen(unchecked_return_type = "Promise<(DecodedRecords | DecodedBytes)[]>")]
    pub fn push(&self, chunk: Vec<u8>) -> Promise {
        self.decode(Some(chunk))
    }

    /// Ends the body; returns the remaining batches.
    ///
    /// Rejects with "answer" if the body is incomplete.
    #[wasm_bindgen(unchecked_return_type = "Promise<(DecodedRecords | DecodedBytes)[]>")]
    pub fn finish(&self) -> Promise {
        self.decode(None)
    }

    fn decode(&self, chunk: Option<Vec<u8>>) -> Promise {
        let slot = Rc::clone(&self.0);
        promise(async move {
            let mut state = slot.take().ok_or(Error::input(
                "this decoder is busy or has failed: await the last call, or create a new decoder",
            ))?;
            let batches = state.take(chunk).await?;
            slot.replace(Some(state));
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
            if self.opener.records() >= BATCH_RECORDS || self.opener.bytes() >= BATCH_BYTES {
                self.end(&batches).await?;
                self.begin();
            }
        }
        if is_last {
            self.end(&batches).await?;
            if self.opener.records() > 0 || !self.failed.is_empty() {
                self.begin();
                self.end(&batches).await?;
            }
        }
        Ok(batches)
    }

    /// Starts to decrypt the batch, and makes the other opener collect the next one. Call it only while no batch is running.
    fn begin(&mut self) {
        let Some(spare) = self.spare.take() else {
            return;
        };
        let mut opener = std::mem::replace(&mut self.opener, spare);
        let failed = std::mem::take(&mut self.failed);
        let as_bytes = self.as_bytes;
        let outcome = Rc::new(RefCell::new(None));
        let slot = Rc::clone(&outcome);
        let ended = future_to_promise(async move {
            let batch = open(&mut opener, failed, as_bytes).await;
            slot.replace(Some((opener, batch)));
            Ok(JsValue::UNDEFINED)
        });
        self.running = Some(RunningBatch { ended, outcome });
    }

    /// Waits for the running batch, if there is one.
    async fn end(&mut self, batches: &Array) -> Result<(), Error> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        // It never rejects.
        drop(running.ended.await);
        if let Some((opener, batch)) = running.outcome.take() {
            self.spare = Some(opener);
            batches.push(&batch?.into());
        }
        Ok(())
    }
}

async fn open(
    opener: &mut Opener<HostCbc>,
    mut failed: Failed,
    as_bytes: bool,
) -> Result<Object, Error> {
    let opened = opener
        .open()
        .await
        .map_err(selvedge_core::error::Error::from)?;
    let batch = if as_bytes {
        bytes(&opened, &mut failed)
    } else {
        objects(&opened, &mut failed)?
    };
    let failed = failed.into_iter().map(|(id, code)| {
        let failure = Object::new();
        set(&failure, "id", id.into());
        set(&failure, "code", code.into());
        JsValue::from(failure)
    });
    set(&batch, "failed", failed.collect::<Array>().into());
    Ok(batch)
}

fn set(object: &Object, name: &str, value: JsValue) {
    drop(Reflect::set(object, &name.into(), &value));
}

/// The valid records as objects. JavaScript parses one JSON text faster than it builds the objects one by one.
fn objects(opened: &Opened<'_>, failed: &mut Failed) -> Result<Object, Error> {
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

fn bytes(opened: &Opened<'_>, failed: &mut Failed) -> Object {
    let mut cleartexts = Vec::new();
    let mut ends = Vec::new();
    for record in opened.records() {
        match record.cleartext {
            Ok(cleartext) => {
                cleartexts.extend_from_slice(cleartext.as_bytes());
                // A batch is far below 4 GiB: the sizes of envelopes and batches are limited.
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
