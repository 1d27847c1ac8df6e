//! Records received from the server: fetched, verified, decrypted, a batch at a time (spec §5.3, §5.4).
//!
//! ```text
//! newer than the mark, oldest first ──────────────────────────→ read all pages
//! limited, never read: newest first ── limit reached ─────────→ list the ids of the rest: the backlog
//! bad HMAC ───────────────────────────→ retry with the former keys
//! ```

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::contract::{Batch, Source};
use super::record::{Failed, Failure, Record};
use super::server::{PAGE, ServerMark, ServerRepository};
use crate::bso::{OpenedRecord, Opener, RecordError, RecordFault};
use crate::crypto::payload::PayloadError;
use crate::crypto::{KeyBundle, RustCrypto};
use crate::error::Result;
use crate::host::Cbc;
use crate::host::{Clock, Random, Revision};
use crate::http::Fetch;
use crate::ids::RecordId;
use crate::json::push_text;
use crate::reconcile::{Fields, TombstoneFinder};
use crate::server::{PageEvent, Pages, Position};

/// A batch is opened when it has more records than a requested page, or this many bytes of ciphertext: a usual page is
/// one batch, and is stored in one commit together with its end position.
const BATCH_RECORDS: usize = PAGE as usize;
const BATCH_BYTES: usize = 1 << 20;

/// A stream of records from the server.
pub(crate) struct Incoming<'s, 'c, 'h, H: Fetch, C> {
    server: &'s ServerRepository<'c, 'h, H>,
    host: &'c H,
    opener: Opener<C>,
    former: &'s [KeyBundle],
    pages: Pages<'c, 'h, H>,
    /// The position of the reader; `None` if it reads by ids and has no position.
    mark: Option<ServerMark>,
    is_over: bool,
    failed: Vec<Failed>,
    tombstones: TombstoneFinder,
}

/// Why the read pauses.
enum Turn {
    /// A page is complete; the next one begins here.
    Page(Position),
    /// All pages are complete.
    End,
}

impl<'s, 'c, 'h, H: Fetch + Clock + Random, C: Cbc> Incoming<'s, 'c, 'h, H, C> {
    /// Reads `pages`, starting at `mark`.
    pub(super) fn new(
        server: &'s ServerRepository<'c, 'h, H>,
        host: &'c H,
        opener: Opener<C>,
        former: &'s [KeyBundle],
        pages: Pages<'c, 'h, H>,
        mark: Option<ServerMark>,
    ) -> Self {
        Self {
            server,
            host,
            opener,
            former,
            pages,
            mark,
            is_over: false,
            failed: Vec::new(),
            tombstones: TombstoneFinder::default(),
        }
    }

    /// Reads until a batch is full or a page ends; returns the reader's new position, if it moved, and the ids that it
    /// defers.
    async fn fill(&mut self) -> Result<(Option<ServerMark>, Vec<RecordId>)> {
        let mut turn = Turn::End;
        let believable = self.server.client().latest_believable();
        'pages: while let Some(mut arrived) = self.pages.next().await? {
            while let Some(event) = arrived.next()? {
                match event {
                    PageEvent::Record(record) => {
                        if let Some(mark) = &mut self.mark {
                            let modified = record.as_ref().ok().map(|envelope| envelope.modified);
                            mark.take(modified, believable);
                        }
                        match record {
                            Ok(envelope) => self.opener.add(&envelope),
                            Err(error) => self.failed.push(failed(error)),
                        }
                    }
                    PageEvent::Id(_) => {}
                    // Pages of ids are small: several make a batch.
                    PageEvent::PageEnd { next: Some(_) } if self.mark.is_none() => {}
                    PageEvent::PageEnd { next } => {
                        turn = next.map_or(Turn::End, Turn::Page);
                        break 'pages;
                    }
                }
                if self.opener.records() > BATCH_RECORDS || self.opener.bytes() >= BATCH_BYTES {
                    return Ok((None, Vec::new()));
                }
            }
        }
        let Some(mark) = &mut self.mark else {
            self.is_over = true;
            return Ok((None, Vec::new()));
        };
        let mut backlog = Vec::new();
        match turn {
            Turn::Page(position) if !self.server.is_enough(mark) => {
                mark.download = Some(position);
                return Ok((self.mark.clone(), backlog));
            }
            // The remaining records are only listed, if the collection has not changed since the first page.
            Turn::Page(_) => {
                backlog = self
                    .server
                    .list_rest(mark, self.pages.last_modified())
                    .await?
            }
            Turn::End => {}
        }
        self.is_over = true;
        mark.arrive(self.pages.last_modified(), believable);
        // The next write uses the server's own time as its condition, whatever its value.
        let seen = self.pages.last_modified().unwrap_or(mark.last_sync);
        self.server.see(seen);
        Ok((self.mark.clone(), backlog))
    }

    /// Retries the decryption of the records that did not open, with the former keys.
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
                if let Ok(record) = record(&opened, now, &self.tombstones) {
                    failed.retain(|failed| failed.id.as_ref() != Some(&record.id));
                    records.push(Record {
                        is_to_be_sent_again: true,
                        ..record
                    });
                }
            }
        }
        Ok(())
    }
}

impl<H: Fetch + Clock + Random, C: Cbc> Source for Incoming<'_, '_, '_, H, C> {
    type Mark = ServerMark;

    async fn next(&mut self) -> Result<Option<Batch<ServerMark>>> {
        if self.is_over {
            return Ok(None);
        }
        let (mark, backlog) = self.fill().await?;
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
            match record(&opened, now, &self.tombstones) {
                Ok(record) => records.push(record),
                Err(error) => failed.push(error),
            }
        }
        self.reopen(&mut records, &mut failed, now).await?;
        Ok(Some(Batch {
            records,
            failed,
            mark,
            backlog,
        }))
    }
}

/// An opened record in the form of the other side.
fn record(
    opened: &OpenedRecord<'_>,
    now: u64,
    tombstones: &TombstoneFinder,
) -> Result<Record, Failed> {
    match (RecordId::new(opened.id), opened.cleartext) {
        (Ok(id), Ok(cleartext)) => Ok(Record {
            cleartext: (!tombstones.is_tombstone(cleartext)).then(|| match opened.has_id {
                true => cleartext.to_string(),
                false => with_id(&id, cleartext),
            }),
            id,
            sortindex: opened.sortindex,
            age_millis: now.saturating_sub(opened.modified.millis()),
            modified: Some(opened.modified),
            revision: Revision::default(),
            is_to_be_sent_again: false,
        }),
        (id, cleartext) => Err(Failed {
            id: id.ok(),
            modified: Some(opened.modified),
            failure: failure(cleartext.err()),
        }),
    }
}

/// Records are stored with their ids, which other clients may omit (spec §0.8).
fn with_id(id: &RecordId, cleartext: &str) -> String {
    let mut quoted = String::new();
    push_text(&mut quoted, id.as_str());
    match Fields::parse(cleartext) {
        Ok(fields) => fields.with("id", &quoted),
        Err(_) => cleartext.to_string(),
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
        modified: None,
        failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_tombstone_written_here_is_read_as_one() {
        let cleartext = super::super::crypto::tombstone(&RecordId::new("a\"b").unwrap());
        assert_eq!(cleartext, r#"{"deleted":true,"id":"a\"b"}"#);
        assert!(TombstoneFinder::default().is_tombstone(&cleartext));
    }
}
