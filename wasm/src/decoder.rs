//! Many records at once, for those who bring their own protocol.

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

/// No envelope is larger: twice what the largest servers take.
const LARGEST: usize = 8 << 20;

/// A batch is opened when so many records or bytes have come.
const BATCH: (usize, usize) = (500, 1 << 20);

/// Verifies and decrypts the records of a server's answer as it arrives. `decodeRecords` is its comfortable form.
#[wasm_bindgen]
#[derive(Debug)]
pub struct RecordDecoder(Rc<RefCell<Option<State>>>);

struct State {
    decoder: Decoder,
    /// Takes the records of the next batch.
    opener: Opener<HostCbc>,
    /// The other one, while no batch is under way.
    spare: Option<Opener<HostCbc>>,
    /// Is opened while the next one fills: WebCrypto works beside this thread.
    under_way: Option<UnderWay>,
    as_bytes: bool,
    /// Records that are none.
    failed: Failed,
}

/// Ids and codes of what cannot be read.
type Failed = Vec<(String, &'static str)>;

/// A batch that is being opened.
struct UnderWay {
    /// Fulfilled when it is; it is never rejected.
    ended: Promise,
    outcome: Rc<RefCell<Option<Outcome>>>,
}

/// A batch as JavaScript gets it, and the opener for another one.
type Outcome = (Opener<HostCbc>, Result<Object, Error>);

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
            opener: Opener::new(keys.keys(), cbc.clone()),
            spare: Some(Opener::new(keys.keys(), cbc)),
            under_way: None,
            as_bytes,
            failed: Vec::new(),
        })))))
    }

    /// Takes the next chunk; answers with the batches that are ready by now, mostly none or one: a batch is opened while
    /// the next one arrives.
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

    /// Has the batch opened, and the other opener take the next one. None is under way then.
    fn begin(&mut self) {
        let Some(spare) = self.spare.take() else {
            return;
        };
        let mut opener = std::mem::replace(&mut self.opener, spare);
        let failed = std::mem::take(&mut self.failed);
        let as_bytes = self.as_bytes;
        let outcome = Rc::new(RefCell::new(None));
        let place = Rc::clone(&outcome);
        let ended = future_to_promise(async move {
            let batch = open(&mut opener, failed, as_bytes).await;
            place.replace(Some((opener, batch)));
            Ok(JsValue::UNDEFINED)
        });
        self.under_way = Some(UnderWay { ended, outcome });
    }

    /// Waits for the batch that is under way, if there is one.
    async fn end(&mut self, batches: &Array) -> Result<(), Error> {
        let Some(under_way) = self.under_way.take() else {
            return Ok(());
        };
        // It is never rejected.
        drop(under_way.ended.await);
        if let Some((opener, batch)) = under_way.outcome.take() {
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
    let batch = match as_bytes {
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
    Ok(batch)
}

fn set(object: &Object, name: &str, value: JsValue) {
    drop(Reflect::set(object, &name.into(), &value));
}

/// The sound ones as one JSON text, which JavaScript reads faster than anything that is built piece by piece.
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
