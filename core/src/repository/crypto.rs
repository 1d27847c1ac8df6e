//! The middleware that encrypts and decrypts as records pass between the server and the rest (spec §7.3).
//!
//! It works batch by batch: so the AES of a batch is one call, which a host may lend ([`Cbc`]).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use memchr::memmem::Finder;

use super::server::{PAGE, ServerMark, ServerRepository};
use super::{Batch, Failed, Failure, Kept, Receipt, Record, Repository, Source};
use crate::bso::{OpenedRecord, Opener, RecordError, RecordFault, SealError, Sealer};
use crate::crypto::payload::PayloadError;
use crate::crypto::{Cbc, CbcError, KeyBundle, RustCrypto};
use crate::error::{Error, Result};
use crate::host::{Clock, Random, Revision};
use crate::http::Fetch;
use crate::ids::RecordId;
use crate::reconcile::Fields;
use crate::server::{Added, Committed, PageEvent, Pages, Upload};

/// A batch is opened when it has more records than a page that we ask for, or this many bytes of ciphertext: so a usual
/// page is one batch, and is kept in one commit together with where it ends.
const BATCH_RECORDS: usize = PAGE as usize;
const BATCH_BYTES: usize = 1 << 20;

/// A server's collection as cleartext, under the collection's key.
pub struct CryptoRepository<'c, 'h, H, C> {
    server: ServerRepository<'c, 'h, H>,
    bundle: &'c KeyBundle,
    cbc: C,
    host: &'c H,
    ttl: Option<u32>,
    former: Vec<KeyBundle>,
    upload: Option<Upload<'c, 'h, H, Revision>>,
}

impl<'c, 'h, H: Fetch + Clock + Random, C: Cbc + Clone> CryptoRepository<'c, 'h, H, C> {
    /// Puts the middleware before a collection. `cbc` holds the encryption key of `bundle`; records written here are
    /// kept by the server for `ttl` seconds, or for ever.
    pub const fn new(
        server: ServerRepository<'c, 'h, H>,
        bundle: &'c KeyBundle,
        cbc: C,
        host: &'c H,
        ttl: Option<u32>,
    ) -> Self {
        Self {
            server,
            bundle,
            cbc,
            host,
            ttl,
            former: Vec::new(),
            upload: None,
        }
    }

    /// With keys that were used before: a record that only they open is read all the same, and told as
    /// [`Record::is_under_former_keys`].
    #[must_use]
    pub fn with_former_keys(mut self, former: Vec<KeyBundle>) -> Self {
        self.former = former;
        self.former.retain(|bundle| bundle != self.bundle);
        self
    }

    fn incoming(
        &self,
        pages: Pages<'c, 'h, H>,
        since: Option<ServerMark>,
    ) -> Incoming<'_, 'c, 'h, H, C> {
        Incoming {
            server: &self.server,
            host: self.host,
            pages,
            since,
            opener: Opener::new(self.bundle, self.cbc.clone()),
            former: &self.former,
            failed: Vec::new(),
            deleted: Finder::new("\"deleted\""),
            is_over: false,
        }
    }

    fn receipt(&self, committed: Committed<Revision>, receipt: &mut Receipt<ServerMark>) {
        let Committed {
            modified,
            success,
            failed,
        } = committed;
        let kept = success.into_iter().map(|(id, revision)| Kept {
            id,
            revision,
            modified: Some(modified),
        });
        receipt.kept.extend(kept);
        receipt
            .failed
            .extend(failed.into_iter().map(|failed| Failed {
                failure: Failure::Refused(failed.reason.to_string()),
                id: Some(failed.id),
            }));
        receipt.mark = Some(ServerMark {
            last_sync: modified,
            download: None,
        });
        self.server.see(modified);
    }
}

impl<'c, 'h, H: Fetch + Clock + Random, C: Cbc + Clone> Repository
    for CryptoRepository<'c, 'h, H, C>
{
    type Mark = ServerMark;
    type Source<'s>
        = Incoming<'s, 'c, 'h, H, C>
    where
        Self: 's;

    async fn guids_since(&self, since: &ServerMark) -> Result<Vec<RecordId>> {
        let mut pages = self.server.pages_since(since, false);
        let mut ids = Vec::new();
        while let Some(mut arrived) = pages.next().await? {
            while let Some(event) = arrived.next()? {
                if let PageEvent::Id(Ok(id)) = event {
                    ids.extend(RecordId::new(id));
                }
            }
        }
        Ok(ids)
    }

    async fn fetch_since(&self, since: &ServerMark) -> Result<Incoming<'_, 'c, 'h, H, C>> {
        Ok(self.incoming(self.server.pages_since(since, true), Some(since.clone())))
    }

    async fn fetch(&self, ids: &[RecordId]) -> Result<Incoming<'_, 'c, 'h, H, C>> {
        Ok(self.incoming(self.server.pages_of(ids.to_vec()), None))
    }

    async fn store(
        &mut self,
        records: Vec<Record>,
        _note: Option<String>,
    ) -> Result<Receipt<ServerMark>> {
        let mut receipt = Receipt::default();
        if records.is_empty() {
            return Ok(receipt);
        }
        let mut upload = match self.upload.take() {
            Some(upload) => upload,
            None => self.server.upload().await?,
        };
        let mut sealer = Sealer::new(self.bundle, self.cbc.clone());
        for Record { id, cleartext, .. } in &records {
            match cleartext {
                Some(cleartext) => sealer.add(id.as_str(), cleartext, None, self.ttl),
                None => sealer.add(id.as_str(), &tombstone(id), None, self.ttl),
            }
        }
        let sealed = sealer.seal(self.host).await?;
        for (record, sealed) in records.into_iter().zip(sealed.records()) {
            let (id, revision) = (record.id.clone(), record.revision);
            match upload
                .add(id, revision, sealed.payload_bytes as u64, sealed.bso)
                .await?
            {
                Added::Held => {}
                Added::Committed(committed) => self.receipt(committed, &mut receipt),
                Added::TooLarge => {
                    receipt.failed.push(Failed {
                        id: Some(record.id),
                        failure: Failure::TooLarge,
                    });
                }
            }
        }
        self.upload = Some(upload);
        Ok(receipt)
    }

    async fn store_done(&mut self) -> Result<Receipt<ServerMark>> {
        let mut receipt = Receipt::default();
        if let Some(mut upload) = self.upload.take() {
            while let Some(committed) = upload.finish().await? {
                self.receipt(committed, &mut receipt);
            }
        }
        Ok(receipt)
    }

    /// The server keeps no notes of its readers.
    async fn acknowledge(&self, _kept: Vec<Kept>, _note: Option<String>) -> Result<()> {
        Ok(())
    }

    async fn wipe(&mut self) -> Result<()> {
        self.server.wipe().await
    }
}

/// The cleartext of a deletion (spec §5.9).
fn tombstone(id: &RecordId) -> String {
    serde_json::json!({"id": id, "deleted": true}).to_string()
}

/// Records on their way from the server: verified, decrypted, a batch at a time.
pub struct Incoming<'s, 'c, 'h, H: Fetch, C> {
    server: &'s ServerRepository<'c, 'h, H>,
    host: &'c H,
    pages: Pages<'c, 'h, H>,
    /// Where the reading began; `None` when it is by ids and does not move the mark.
    since: Option<ServerMark>,
    opener: Opener<C>,
    former: &'s [KeyBundle],
    failed: Vec<Failed>,
    deleted: Finder<'static>,
    is_over: bool,
}

impl<H: Fetch + Clock + Random, C: Cbc> Incoming<'_, '_, '_, H, C> {
    /// Reads until a batch is full or a page ends; tells where a reader then stands, if that moved.
    async fn fill(&mut self) -> Result<Option<ServerMark>> {
        while let Some(mut arrived) = self.pages.next().await? {
            while let Some(event) = arrived.next()? {
                match event {
                    PageEvent::Record(Ok(envelope)) => self.opener.add(&envelope),
                    PageEvent::Record(Err(error)) => self.failed.push(failed(error)),
                    PageEvent::Id(_) => {}
                    PageEvent::PageEnd { next: None } => break,
                    PageEvent::PageEnd {
                        next: Some(position),
                    } => {
                        let moved = |since: &ServerMark| ServerMark {
                            download: Some(position),
                            ..since.clone()
                        };
                        return Ok(self.since.as_ref().map(moved));
                    }
                }
                if self.opener.records() > BATCH_RECORDS || self.opener.bytes() >= BATCH_BYTES {
                    return Ok(None);
                }
            }
        }
        self.is_over = true;
        let last_modified = self.pages.last_modified();
        Ok(self.since.as_ref().map(|since| {
            let last_sync = last_modified.unwrap_or(since.last_sync);
            self.server.see(last_sync);
            ServerMark {
                last_sync,
                download: None,
            }
        }))
    }
}

impl<H: Fetch + Clock + Random, C: Cbc> Source for Incoming<'_, '_, '_, H, C> {
    type Mark = ServerMark;

    async fn next(&mut self) -> Result<Option<Batch<ServerMark>>> {
        if self.is_over {
            return Ok(None);
        }
        let mark = self.fill().await?;
        let mut failed = core::mem::take(&mut self.failed);
        let offset = self
            .server
            .client()
            .observed()
            .clock_offset
            .unwrap_or_default();
        let now = offset.server_millis(self.host.now());
        let opened = self.opener.open().await?;
        let mut records = Vec::with_capacity(opened.records().len());
        for opened in opened.records() {
            match record(&opened, now, &self.deleted) {
                Ok(record) => records.push(record),
                Err(error) => failed.push(error),
            }
        }
        self.reopen(&mut records, &mut failed, now).await?;
        Ok(Some(Batch {
            records,
            failed,
            mark,
        }))
    }
}

impl<H: Fetch + Clock + Random, C: Cbc> Incoming<'_, '_, '_, H, C> {
    /// Reads what did not open once more, under the keys that were used before.
    async fn reopen(
        &self,
        records: &mut Vec<Record>,
        failed: &mut Vec<Failed>,
        now: u64,
    ) -> Result<()> {
        for bundle in self.former {
            let foreign = failed
                .iter()
                .filter(|failed| failed.failure == Failure::HmacMismatch);
            let ids: Vec<RecordId> = foreign.filter_map(|failed| failed.id.clone()).collect();
            if ids.is_empty() {
                return Ok(());
            }
            let mut opener = Opener::new(bundle, RustCrypto::new(bundle));
            let mut pages = self.server.pages_of(ids);
            while let Some(mut arrived) = pages.next().await? {
                while let Some(event) = arrived.next()? {
                    if let PageEvent::Record(Ok(envelope)) = event {
                        opener.add(&envelope);
                    }
                }
            }
            for opened in opener.open().await?.records() {
                if let Ok(record) = record(&opened, now, &self.deleted) {
                    failed.retain(|failed| failed.id.as_ref() != Some(&record.id));
                    records.push(Record {
                        is_under_former_keys: true,
                        ..record
                    });
                }
            }
        }
        Ok(())
    }
}

/// An opened record as the other side takes it.
fn record(opened: &OpenedRecord<'_>, now: u64, deleted: &Finder<'_>) -> Result<Record, Failed> {
    match (RecordId::new(opened.id), opened.cleartext) {
        (Ok(id), Ok(cleartext)) => Ok(Record {
            id,
            cleartext: (!is_tombstone(cleartext, deleted)).then(|| cleartext.to_string()),
            age_millis: now.saturating_sub(opened.modified.millis()),
            modified: Some(opened.modified),
            revision: Revision::default(),
            is_under_former_keys: false,
        }),
        (id, cleartext) => Err(Failed {
            id: id.ok(),
            failure: failure(cleartext.err()),
        }),
    }
}

/// A tombstone is a record with a truthy `deleted` (spec §5.4).
fn is_tombstone(cleartext: &str, deleted: &Finder<'_>) -> bool {
    deleted.find(cleartext.as_bytes()).is_some()
        && Fields::parse(cleartext).is_ok_and(|fields| {
            fields
                .get("deleted")
                .is_some_and(|value| !matches!(value, "false" | "null" | "0" | "\"\""))
        })
}

impl From<CbcError> for Error {
    fn from(_: CbcError) -> Self {
        Self::Cipher
    }
}

impl From<SealError> for Error {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Random(error) => error.into(),
            SealError::Cbc(error) => error.into(),
        }
    }
}

fn failure(error: Option<PayloadError>) -> Failure {
    match error {
        Some(PayloadError::HmacMismatch) => Failure::HmacMismatch,
        Some(error) => Failure::Malformed(error.to_string()),
        None => Failure::Malformed("its id is none".into()),
    }
}

fn failed(error: RecordError) -> Failed {
    let failure = match error.fault {
        RecordFault::TooLarge => Failure::TooLarge,
        fault => Failure::Malformed(fault.to_string()),
    };
    Failed {
        id: error.id.and_then(|id| RecordId::new(id).ok()),
        failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tombstone_is_a_record_with_a_truthy_deleted() {
        let rows = [
            (r#"{"id":"a","deleted":true}"#, true),
            (r#"{"id":"a","deleted":1}"#, true),
            (r#"{"id":"a", "deleted" : "yes"}"#, true),
            (r#"{"id":"a","deleted":false}"#, false),
            (r#"{"id":"a","deleted":null}"#, false),
            (r#"{"id":"a","deleted":0}"#, false),
            (r#"{"id":"a","deleted":""}"#, false),
            (r#"{"id":"a","title":"deleted"}"#, false),
            (r#"{"id":"a","deep":{"deleted":true}}"#, false),
        ];
        for (cleartext, expected) in rows {
            assert_eq!(
                is_tombstone(cleartext, &Finder::new("\"deleted\"")),
                expected,
                "{cleartext}"
            );
        }
    }

    #[test]
    fn a_tombstone_written_here_is_read_as_one() {
        let cleartext = tombstone(&RecordId::new("a\"b").unwrap());
        assert_eq!(cleartext, r#"{"deleted":true,"id":"a\"b"}"#);
        assert!(is_tombstone(&cleartext, &Finder::new("\"deleted\"")));
    }
}
