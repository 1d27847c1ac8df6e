//! Writes records of a backup to a collection of the server, in batches that require that nobody else wrote meanwhile.

use selvedge_core::bso::Sealer;
use selvedge_core::crypto::RustCrypto;
use selvedge_core::error::Error;
use selvedge_core::ids::{CollectionName, RecordId};
use selvedge_core::server::{Added, Committed, Limits, Upload};
use selvedge_core::time::ServerTime;

use crate::remote::Remote;
use selvedge_host::backup::line::Line;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::{NativeHost, SystemRandom};

const BATCH_RECORDS: usize = 256;
const BATCH_BYTES: usize = 1 << 19;

/// A collection that is being written.
pub(super) struct Writer<'c, 'h> {
    sealer: Sealer<RustCrypto>,
    upload: Upload<'c, 'h, NativeHost<()>, ()>,
    /// Number of records that the server has stored.
    pub(super) written: u64,
    /// The records that it did not accept, with its reasons.
    pub(super) failed: Vec<(String, String)>,
}

impl<'c, 'h> Writer<'c, 'h> {
    /// The collection must be unmodified since `seen`.
    pub(super) fn new(
        remote: &'c Remote<'h>,
        name: CollectionName,
        limits: Limits,
        seen: ServerTime,
    ) -> Result<Self> {
        let keys = remote.keys()?;
        let bundle = keys.bundle(name.as_str())?;
        Ok(Self {
            sealer: Sealer::new(bundle, RustCrypto::new(bundle)),
            upload: remote.client.upload(name, limits, seen)?,
            written: 0,
            failed: Vec::new(),
        })
    }

    /// Adds a record; it is stored after [`Writer::finish`] at the latest.
    pub(super) async fn add(&mut self, line: &Line<'_>) -> Result<()> {
        self.sealer
            .add(&line.id, line.payload.get(), line.sortindex, line.ttl);
        if self.sealer.records() >= BATCH_RECORDS || self.sealer.bytes() >= BATCH_BYTES {
            self.send().await?;
        }
        Ok(())
    }

    /// Sends what is left, and commits.
    pub(super) async fn finish(&mut self) -> Result<()> {
        self.send().await?;
        while let Some(committed) = self.upload.finish().await? {
            count(&mut self.written, &mut self.failed, committed);
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<()> {
        if self.sealer.records() == 0 {
            return Ok(());
        }
        let sealed = self
            .sealer
            .seal(&SystemRandom)
            .await
            .map_err(|error| HostError::Failed(error.to_string()))?;
        for record in sealed.records() {
            let id = RecordId::new(record.id).map_err(|error| Error::Input(error.to_string()))?;
            let size = record.payload_bytes as u64;
            match self.upload.add(id, (), size, record.bso).await? {
                Added::Held => {}
                Added::Committed(committed) => {
                    count(&mut self.written, &mut self.failed, committed);
                }
                Added::TooLarge => self.failed.push((
                    record.id.into(),
                    format!("its {size} bytes are more than this server accepts for a record: raise that limit on the server"),
                )),
            }
        }
        Ok(())
    }
}

fn count(written: &mut u64, failed: &mut Vec<(String, String)>, committed: Committed<()>) {
    *written += committed.success.len() as u64;
    let reasons = committed.failed.into_iter();
    failed.extend(reasons.map(|record| (record.id.to_string(), record.reason.to_string())));
}
