//! The middleware that encrypts and decrypts records between the server and the rest (spec §7.3).
//!
//! It works batch by batch: the AES of a batch is one call, which a host may implement ([`Cbc`]).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::contract::{Kept, Receipt, Repository};
use super::incoming::Incoming;
use super::record::{Failed, Failure, Record};
use super::server::{ServerMark, ServerRepository};
use crate::bso::{Opener, SealError, Sealer};
use crate::crypto::KeyBundle;
use crate::error::{Error, Result};
use crate::host::{Cbc, CbcError};
use crate::host::{Clock, Random, Revision};
use crate::http::Fetch;
use crate::ids::RecordId;
use crate::json::push_text;
use crate::server::{Added, Committed, PageEvent, Pages, Upload};

/// A server's collection as cleartext, under the collection's key.
pub(crate) struct CryptoRepository<'c, 'h, H, C> {
    server: ServerRepository<'c, 'h, H>,
    bundle: &'c KeyBundle,
    cbc: C,
    host: &'c H,
    ttl: Option<u32>,
    former: Vec<KeyBundle>,
    upload: Option<Upload<'c, 'h, H, Revision>>,
}

impl<'c, 'h, H: Fetch + Clock + Random, C: Cbc + Clone> CryptoRepository<'c, 'h, H, C> {
    /// Places the middleware before a collection. `cbc` has the encryption key of `bundle`; the server keeps records
    /// written here for `ttl` seconds, or permanently.
    pub(crate) const fn new(
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

    /// Adds keys that were used before: a record that only they open is still read, and marked with
    /// [`Record::is_to_be_sent_again`].
    #[must_use]
    pub(crate) fn with_former_keys(mut self, former: Vec<KeyBundle>) -> Self {
        self.former = former;
        self.former.retain(|bundle| bundle != self.bundle);
        self
    }

    fn incoming(
        &self,
        pages: Pages<'c, 'h, H>,
        mark: Option<ServerMark>,
    ) -> Incoming<'_, 'c, 'h, H, C> {
        let opener = Opener::new(self.bundle, self.cbc.clone());
        Incoming::new(&self.server, self.host, opener, &self.former, pages, mark)
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
                modified: None,
                id: Some(failed.id),
            }));
        if modified <= self.server.client().latest_believable() {
            receipt.mark = Some(ServerMark::at(modified));
        }
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

    async fn store(&mut self, records: Vec<Record>) -> Result<Receipt<ServerMark>> {
        let mut receipt = Receipt::default();
        if records.is_empty() {
            return Ok(receipt);
        }
        let mut upload = match self.upload.take() {
            Some(upload) => upload,
            None => self.server.upload().await?,
        };
        let mut sealer = Sealer::new(self.bundle, self.cbc.clone());
        for record in &records {
            let (id, sortindex) = (record.id.as_str(), record.sortindex);
            match &record.cleartext {
                Some(cleartext) => sealer.add(id, cleartext, sortindex, self.ttl),
                None => sealer.add(id, &tombstone(&record.id), None, self.ttl),
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
                        modified: None,
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
}

/// The cleartext of a deletion (spec §5.9).
pub(super) fn tombstone(id: &RecordId) -> String {
    let mut text = String::from("{\"deleted\":true,\"id\":");
    push_text(&mut text, id.as_str());
    text.push('}');
    text
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
