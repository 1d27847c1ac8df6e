//! Reads a collection from the server and decrypts it, record by record.

use selvedge_core::bso::Opener;
use selvedge_core::crypto::RustCrypto;
use selvedge_core::ids::CollectionName;
use selvedge_core::server::{PageEvent, Query};
use selvedge_core::time::ServerTime;

use crate::remote::Remote;
use selvedge_host::exit::{HostError, Result};

/// The maximum number of records that are decrypted together,
const BATCH_RECORDS: usize = 256;
/// and the maximum number of their bytes.
const BATCH_BYTES: usize = 1 << 19;

/// A record of the server.
pub(super) struct Downloaded<'a> {
    pub(super) id: &'a str,
    pub(super) modified: ServerTime,
    pub(super) sortindex: Option<i32>,
    /// Its cleartext, or why it cannot be read.
    pub(super) cleartext: std::result::Result<&'a str, String>,
}

/// Hands over each record of a collection, and returns the collection's time. Memory does not depend on the number of
/// records.
pub(super) async fn download(
    remote: &Remote<'_>,
    name: &CollectionName,
    mut each: impl FnMut(Downloaded<'_>) -> Result<()>,
) -> Result<Option<ServerTime>> {
    let mut pages = remote
        .client
        .pages(name.clone(), Query::full())
        .reading_ahead();
    // The records of meta are not encrypted.
    let mut opener = if name.as_str() == "meta" {
        None
    } else {
        let keys = remote.keys()?;
        let bundle = keys.bundle(name.as_str())?;
        Some(Opener::new(bundle, RustCrypto::new(bundle)))
    };
    while let Some(mut arrived) = pages.next().await? {
        while let Some(event) = arrived.next()? {
            match (event, &mut opener) {
                (PageEvent::Record(Ok(envelope)), Some(opener)) => {
                    opener.add(&envelope);
                    if opener.records() >= BATCH_RECORDS || opener.bytes() >= BATCH_BYTES {
                        hand_over(opener, &mut each).await?;
                    }
                }
                (PageEvent::Record(Ok(envelope)), None) => {
                    let text = envelope.payload.unescaped();
                    let cleartext = text
                        .as_deref()
                        .ok_or_else(|| "its payload is not text".to_owned());
                    each(Downloaded {
                        id: envelope.id,
                        modified: envelope.modified,
                        sortindex: envelope.sortindex,
                        cleartext,
                    })?;
                }
                (PageEvent::Record(Err(error)), _) => each(Downloaded {
                    id: error.id.as_deref().unwrap_or("without id"),
                    modified: ServerTime::ZERO,
                    sortindex: None,
                    cleartext: Err(error.to_string()),
                })?,
                (PageEvent::Id(_) | PageEvent::PageEnd { .. }, _) => {}
            }
        }
    }
    if let Some(opener) = &mut opener {
        hand_over(opener, &mut each).await?;
    }
    Ok(pages.last_modified())
}

async fn hand_over(
    opener: &mut Opener<RustCrypto>,
    each: &mut impl FnMut(Downloaded<'_>) -> Result<()>,
) -> Result<()> {
    if opener.records() == 0 {
        return Ok(());
    }
    let opened = opener
        .open()
        .await
        .map_err(|error| HostError::Failed(error.to_string()))?;
    for record in opened.records() {
        each(Downloaded {
            id: record.id,
            modified: record.modified,
            sortindex: record.sortindex,
            cleartext: record.cleartext.map_err(|error| error.to_string()),
        })?;
    }
    Ok(())
}
