//! Commands to other clients: added to their records, once each, within the size limit (spec §4.8).
//!
//! ```text
//! the command waits there already, the same arguments → nothing to do
//! else add it to the end; while the record is too large:
//!   others can be removed ──→ the oldest of the least important
//!   it is the only one ─────→ too large
//! write, if the collection has not changed since; 412 → read again, add again
//! ```

use alloc::vec::Vec;

use super::super::clients::{Collection, Written, read, write};
use super::super::error_policy::{Place, Reach, reach};
use crate::crypto::KeyBundle;
use crate::error::{Error, RequestLine, Result};
use crate::host::{Clock, Random};
use crate::http::{Fetch, Method};
use crate::ids::{CollectionName, RecordId};
use crate::json::Value;
use crate::metadata::{
    ClientRecord, CollectionKeys, Command, Listed, MetaGlobal, Seen, Verdict, importance, is_same,
};
use crate::server::{Client, Limits};

/// Maximum number of attempts to send a command when other clients write to the collection at the same moment.
const ATTEMPTS: u32 = 3;

/// The recipients of a command.
///
/// ```
/// use selvedge_core::ids::RecordId;
/// use selvedge_core::sync::Recipients;
///
/// let attic = RecordId::new("npwmPOsO89Am").unwrap();
/// assert_ne!(Recipients::One(&attic), Recipients::AllBut(Some("npwmPOsO89Am")));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipients<'a> {
    /// One client.
    One(&'a RecordId),
    /// All clients of the account except the one with this id, which is the sender.
    AllBut(Option<&'a str>),
}

/// The result of sending commands to one client.
///
/// ```
/// use selvedge_core::ids::RecordId;
/// use selvedge_core::sync::Sent;
///
/// let sent = Sent { id: RecordId::new("npwmPOsO89Am").unwrap(), name: "Attic".into(), added: 1, left_out: 0 };
/// assert_eq!(sent.added, 1, "of two commands, one waited there already");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// The client.
    pub id: RecordId,
    /// Its name, as people see it.
    pub name: alloc::string::String,
    /// Number of commands added; the others were already there.
    pub added: usize,
    /// Number of older commands removed to stay within the limit.
    pub left_out: usize,
}

/// Sends commands to other clients, outside of a sync.
///
/// A command that already waits in a client's record is not added again. Nothing is written when the account's data are
/// in a newer format.
///
/// ```
/// use selvedge_core::error::Result;
/// use selvedge_core::host::{Clock, Random};
/// use selvedge_core::http::Fetch;
/// use selvedge_core::sync::{CollectionKeys, Command, Recipients, send_commands};
/// use selvedge_core::server::Client;
///
/// async fn reset_others<H: Fetch + Clock + Random>(
///     client: &Client<'_, H>, host: &H, keys: &CollectionKeys, own_id: Option<&str>,
/// ) -> Result<usize> {
///     Ok(send_commands(client, host, keys, Recipients::AllBut(own_id), &[Command::ResetAll]).await?.len())
/// }
/// ```
///
/// # Errors
/// Errors from the server; [`Error::NoSuchRecord`] when the client does not exist, [`Error::TooLarge`] when a single
/// command exceeds the server's limit, [`Error::UpgradeNeeded`], [`Error::NotSetUp`].
pub async fn send_commands<H: Fetch + Clock + Random>(
    client: &Client<'_, H>,
    random: &impl Random,
    keys: &CollectionKeys,
    recipients: Recipients<'_>,
    commands: &[Command],
) -> Result<Vec<Sent>> {
    let (meta, global) = (
        CollectionName::new("meta").expect("the name is valid"),
        RecordId::new("global").expect("the id is valid"),
    );
    let record = client.get_record(&meta, &global).await?;
    let seen = record
        .as_ref()
        .map_or(Seen::Missing, |record| Seen::Payload(&record.payload));
    let listed = match record {
        Some(_) => Listed::Meta,
        None => Listed::Nothing,
    };
    match MetaGlobal::judge(listed, seen, None) {
        Verdict::Proceed(_) | Verdict::ResetAllAndAdopt(_) => {}
        Verdict::FreshStart => return Err(Error::NotSetUp),
        other => return Err(other.into_error()),
    }
    let limits = client.info_configuration().await?;
    let bundle = keys.bundle("clients")?;
    let (sent, _) = deliver(client, random, bundle, limits, recipients, commands).await?;
    Ok(sent)
}

/// Sends commands; also returns the collection as it is afterwards, unless another client has written to it since.
pub(super) async fn deliver<H: Fetch + Clock + Random>(
    client: &Client<'_, H>,
    random: &impl Random,
    bundle: &KeyBundle,
    limits: Limits,
    recipients: Recipients<'_>,
    commands: &[Command],
) -> Result<(Vec<Sent>, Collection)> {
    let commands: Vec<Value> = commands.iter().map(Command::to_json).collect();
    let mut attempt = 1;
    loop {
        let mut collection = read(client, bundle).await?;
        let (sent, written) = address(&mut collection, recipients, &commands, &limits)?;
        if written.is_empty() {
            return Ok((sent, collection));
        }
        let seen = collection.modified;
        match write(client, random, bundle, limits, &written, seen).await {
            Ok(modified) => {
                collection.modified = modified;
                for record in &mut collection.records {
                    if written.iter().any(|written| written.id == record.id) {
                        record.modified = modified;
                    }
                }
                return Ok((sent, collection));
            }
            Err(error) if reach(&error, Place::Account) == Reach::Again && attempt < ATTEMPTS => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Adds the commands to the records of the recipients; returns the records to write.
fn address(
    collection: &mut Collection,
    recipients: Recipients<'_>,
    commands: &[Value],
    limits: &Limits,
) -> Result<(Vec<Sent>, Vec<Written>)> {
    let (mut sent, mut written) = (Vec::new(), Vec::new());
    let is_recipient = |record: &ClientRecord| match recipients {
        Recipients::One(id) => record.id == *id,
        Recipients::AllBut(own) => Some(record.id.as_str()) != own,
    };
    for record in &mut collection.records {
        if !is_recipient(record) {
            continue;
        }
        let Delivery { added, left_out } = add(record, commands, budget(limits))?;
        if added > 0 {
            written.push(Written {
                id: record.id.clone(),
                cleartext: record.to_cleartext(),
                // A command to a device that no longer exists must not extend the life of its record.
                ttl: None,
            });
        }
        let (id, name) = (record.id.clone(), record.known().name);
        sent.push(Sent {
            id,
            name,
            added,
            left_out,
        });
    }
    match recipients {
        Recipients::One(id) if sent.is_empty() => Err(Error::NoSuchRecord { id: id.clone() }),
        _ => Ok((sent, written)),
    }
}

/// Maximum size of a cleartext, in bytes, so that its payload is within the limit: base64 makes 4 of 3, and the rest of
/// the payload, with the padding, takes less than 1500.
fn budget(limits: &Limits) -> usize {
    let bytes = (limits.max_record_payload_bytes / 4 * 3).saturating_sub(1500);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Delivery {
    added: usize,
    left_out: usize,
}

/// Adds the commands that are not in the record yet, and removes others to stay within the limit.
fn add(record: &mut ClientRecord, commands: &[Value], budget: usize) -> Result<Delivery> {
    let mut waiting = record.commands().to_vec();
    let before = waiting.len();
    for command in commands {
        if !waiting.iter().any(|there| is_same(there, command)) {
            waiting.push(command.clone());
        }
    }
    let added = waiting.len() - before;
    if added == 0 {
        return Ok(Delivery { added, left_out: 0 });
    }
    let mut older = before;
    record.set_commands(waiting);
    let mut bytes = record.to_cleartext().len();
    while bytes > budget {
        let mut waiting = record.commands().to_vec();
        let candidates = waiting.iter().enumerate().take(older);
        // Of equally important ones `min_by_key` takes the first, which is the oldest.
        let Some((least, _)) = candidates.min_by_key(|(_, command)| importance(command)) else {
            return Err(Error::TooLarge {
                status: 413,
                request: RequestLine::new(Method::Post, "storage/clients"),
            });
        };
        waiting.remove(least);
        older -= 1;
        record.set_commands(waiting);
        bytes = record.to_cleartext().len();
    }
    Ok(Delivery {
        added,
        left_out: before - older,
    })
}

#[cfg(test)]
mod tests;
