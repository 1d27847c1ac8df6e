//! The claims that must hold at the end, checked in the stores and in the server's own files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use selvedge_core::host::{PageLimit, Store as _};
use selvedge_core::ids::RecordId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::device::DemoDevice;
use super::story::{BOTH, DELETED, EDIT_WORD, EDITED, SECRET_WORD, id};
use super::{NOTES, WRITTEN};
use crate::commands::checks::Check;
use selvedge_host::exit::{HostError, Result};

/// A row of the server's database.
#[derive(Serialize)]
pub(super) struct StoredRow {
    pub(super) id: String,
    pub(super) payload: String,
}

/// Checks of the stores of both devices.
pub(super) async fn of_devices(a: &DemoDevice, b: &DemoDevice) -> Result<Vec<Check>> {
    let (on_a, on_b) = (contents(a).await?, contents(b).await?);
    let left = WRITTEN - DELETED.len();
    let titles_have = |notes: &BTreeMap<RecordId, Value>, number: usize| -> Result<bool> {
        let title = notes
            .get(&id(number)?)
            .and_then(|note| note["title"].as_str());
        Ok(title.is_some_and(|title| title.contains(EDIT_WORD)))
    };
    let mut edits_arrived = true;
    for number in EDITED {
        edits_arrived &= titles_have(&on_a, number)?;
    }
    let mut deletions_arrived = true;
    for number in DELETED {
        deletions_arrived &= !on_a.contains_key(&id(number)?) && !on_b.contains_key(&id(number)?);
    }
    let both = on_b.get(&id(BOTH)?);
    let merged = titles_have(&on_b, BOTH)? && both.is_some_and(|note| note["done"] == true);
    Ok(vec![
        Check::new(
            format!("both devices have the same {left} notes, and no changes are pending"),
            on_a == on_b && on_a.len() == left && is_settled(a).await? && is_settled(b).await?,
        ),
        Check::new(
            format!("the {} edits of device B are on device A", EDITED.len()),
            edits_arrived,
        ),
        Check::new(
            format!("the {} deleted notes are on neither", DELETED.len()),
            deletions_arrived,
        ),
        Check::new(
            format!("note {BOTH} has the changes of both devices"),
            merged,
        ),
    ])
}

/// All notes of a device, as values, so that only their contents are compared.
async fn contents(device: &DemoDevice) -> Result<BTreeMap<RecordId, Value>> {
    let mut notes = BTreeMap::new();
    let mut after: Option<RecordId> = None;
    loop {
        let page = device
            .notes()
            .page(after.as_ref(), PageLimit::default())
            .await?;
        let Some(last) = page.last() else { break };
        after = Some(last.item.id.clone());
        for stored in page {
            let text = stored.item.cleartext.unwrap_or_default();
            let value = serde_json::from_str(&text)
                .map_err(|_| HostError::Failed(format!("note {} is not JSON", stored.item.id)))?;
            notes.insert(stored.item.id, value);
        }
    }
    Ok(notes)
}

async fn is_settled(device: &DemoDevice) -> Result<bool> {
    let counts = device.host.store.counts(&device.collection).await?;
    Ok(counts.pending == 0)
}

/// Checks of the server's own files, read without the server.
pub(super) fn of_server(data: &Path) -> Result<(StoredRow, Vec<Check>)> {
    let rows = stored_rows(data)
        .map_err(|error| HostError::Failed(format!("the server's database: {error}")))?;
    let encrypted = rows
        .iter()
        .filter(|row| is_ciphertext(&row.payload))
        .count();
    let clean = !is_in_files(data, &[SECRET_WORD, EDIT_WORD, "shears"])?;
    let count = rows.len();
    let checks = vec![
        Check::new(
            format!(
                "all {count} notes and tombstones on the server are {{ciphertext, IV, hmac}} and nothing else"
            ),
            count == WRITTEN && encrypted == count,
        ),
        Check::new(
            "no text of the notes is in any of the server's files",
            clean,
        ),
    ];
    let first = rows
        .into_iter()
        .next()
        .ok_or_else(|| HostError::Failed("the server has no notes".into()))?;
    Ok((first, checks))
}

fn stored_rows(data: &Path) -> rusqlite::Result<Vec<StoredRow>> {
    let database =
        Connection::open_with_flags(data.join("server.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = database.prepare(
        "SELECT records.id, CAST(payload AS TEXT) FROM records
         JOIN collections ON collections.id = records.collection WHERE name = ? ORDER BY records.id",
    )?;
    let rows = statement.query_map([NOTES], |row| {
        Ok(StoredRow {
            id: row.get(0)?,
            payload: row.get(1)?,
        })
    })?;
    rows.collect()
}

fn is_ciphertext(payload: &str) -> bool {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only their being there counts")]
    struct Encrypted {
        ciphertext: String,
        #[serde(rename = "IV")]
        iv: String,
        hmac: String,
    }
    serde_json::from_str::<Encrypted>(payload).is_ok()
}

fn is_in_files(dir: &Path, words: &[&str]) -> Result<bool> {
    for entry in fs::read_dir(dir).map_err(HostError::file(dir))? {
        let path = entry.map_err(HostError::file(dir))?.path();
        let bytes = fs::read(&path).map_err(HostError::file(&path))?;
        if words
            .iter()
            .any(|word| memchr::memmem::find(&bytes, word.as_bytes()).is_some())
        {
            return Ok(true);
        }
    }
    Ok(false)
}
