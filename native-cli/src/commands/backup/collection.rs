//! Reads one collection of the server into a backup.

use std::io::{BufWriter, Write};
use std::path::Path;

use selvedge_core::engines::FIREFOX_ENGINES;
use selvedge_core::error::Error;
use selvedge_core::ids::CollectionName;
use selvedge_core::time::ServerTime;

use super::download::download;
use crate::remote::Remote;
use selvedge_host::backup::folder::new_file;
use selvedge_host::backup::line;
use selvedge_host::backup::manifest::Entry;
use selvedge_host::backup::verify::Tally;
use selvedge_host::exit::{HostError, Result};

/// Maximum number of attempts to read what another device changes meanwhile.
pub(super) const ATTEMPTS: u32 = 3;

/// Reads a collection into a file, again if another device writes to it meanwhile.
pub(super) async fn read_to_file(
    remote: &mut Remote<'_>,
    name: &CollectionName,
    time: ServerTime,
    path: &Path,
) -> Result<Entry> {
    let mut attempt = 1;
    loop {
        let mut out = BufWriter::with_capacity(1 << 16, new_file(path)?);
        match read_to(remote, name, time, &mut out, path).await {
            Err(HostError::Core(Error::Conflict { .. })) if attempt < ATTEMPTS => attempt += 1,
            read => {
                let entry = read?;
                out.flush()
                    .and_then(|()| out.get_ref().sync_all())
                    .map_err(HostError::file(path))?;
                return Ok(entry);
            }
        }
    }
}

/// Writes the lines of a collection, each of which is checked as `backup verify` does.
pub(super) async fn read_to(
    remote: &mut Remote<'_>,
    name: &CollectionName,
    time: ServerTime,
    out: &mut impl Write,
    path: &Path,
) -> Result<Entry> {
    if name.as_str() != "meta" {
        remote.fetch_keys().await?;
    }
    let engine = FIREFOX_ENGINES
        .iter()
        .find(|engine| engine.name == name.as_str());
    let ttl = engine.and_then(|engine| engine.ttl);
    let mut entry = Entry::new(name.clone(), time);
    let mut tally = Tally::default();
    let mut text = String::new();
    let modified = download(remote, name, |record| {
        match record.cleartext {
            Ok(cleartext) => {
                let (id, modified) = (record.id, record.modified);
                line::write(&mut text, id, modified, record.sortindex, ttl, cleartext);
                match line::Line::parse(text.trim_end()) {
                    Ok(_) => {
                        tally.add(&text);
                        out.write_all(text.as_bytes())
                            .map_err(HostError::file(path))?;
                    }
                    Err(bad) => entry.add_damaged(record.id, &bad.to_string()),
                }
            }
            Err(reason) => entry.add_damaged(record.id, &reason),
        }
        Ok(())
    })
    .await?;
    // If it was written after the list of collections was read, the next backup reads it again.
    entry.modified = modified.map_or(time, |modified| modified.max(time));
    tally.fill(&mut entry);
    Ok(entry)
}
