//! The account's clients, including this one (spec §4.8).
//!
//! ```text
//! its entry in meta/global is newer ───────────→ change nothing
//!   not there, older, or without a sync ID ────→ list it; records stay: each names its own client
//!   another sync ID ───────────────────────────→ discard what was read, adopt it
//! info/collections has the time last seen,
//! and no commands wait for this device ────────→ use the remembered records
//! not in info/collections ─────────────────────→ the collection is empty
//! else GET all: open ──────────────────────────→ remember
//!               bad HMAC, of another device ───→ keep it there, and report it: a device with other keys may need it
//!               damaged otherwise ─────────────→ leave it there
//! then: commands (the next step), and this device's record is written if it is
//!   absent · out of date · with commands · written more than 7 days ago; else unchanged
//! ```

mod collection;
mod standing;

use alloc::vec::Vec;

pub(super) use collection::{Collection, Written, collection_name, read, write};
pub use standing::Standing;

use super::association::Association;
use super::report::{ClientsReport, CollectionStatus, Skip};
use super::session::Session;
use crate::crypto::KeyBundle;
use crate::error::{Error, Result};
use crate::host::{Clock, Host, Random};
use crate::http::Fetch;
use crate::ids::Guid;
use crate::json::Value;
use crate::metadata::{ClientRecord, CollectionKeys, KnownClient, OwnClient};
use crate::server::Client;
use crate::time::{LocalTime, ServerTime};
use crate::version::Version;

/// The version of the records' format.
const VERSION: u64 = 1;
/// Seconds after which the server deletes a record that was not renewed: 180 days.
pub(super) const TTL: u32 = 15_552_000;
/// Milliseconds after which this device renews its own record: 7 days.
const RENEW_MILLIS: u64 = 604_800 * 1000;

/// The source of the collection's records.
///
/// ```
/// use selvedge_core::sync::Lookup;
///
/// assert_eq!(Lookup::judge(None, None, false), Lookup::Remembered);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// The remembered records are still current.
    Remembered,
    /// The server has no records.
    Absent,
    /// The records are read from the server.
    Server,
}

impl Lookup {
    /// Decides by the collection's time in info/collections, the time at which it was last seen, and whether commands
    /// wait for this device: commands are not remembered, so the collection is read.
    #[must_use]
    pub fn judge(
        in_info: Option<ServerTime>,
        seen: Option<ServerTime>,
        has_commands: bool,
    ) -> Self {
        match in_info {
            _ if in_info == seen && !has_commands => Self::Remembered,
            None => Self::Absent,
            Some(_) => Self::Server,
        }
    }
}

/// Why this device's record has to be written.
///
/// ```
/// use selvedge_core::sync::Due;
///
/// assert_ne!(Due::Absent, Due::No);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The server has the current record.
    No,
    /// The server has no record of this device.
    Absent,
    /// This device's properties differ from the record.
    Changed,
    /// It contains commands, which have been carried out.
    Commands,
    /// It was written more than 7 days ago.
    Old,
}

/// Decides whether this device's record has to be written: by the record on the server, the properties that this device
/// last uploaded, its current properties, and the time of that upload.
fn due(
    there: Option<&KnownClient>,
    said: Option<&OwnClient>,
    says: &OwnClient,
    said_at: Option<LocalTime>,
    now: LocalTime,
) -> Due {
    // A clock that was set back must not prevent the record from being renewed.
    let is_old =
        |at: LocalTime| now < at || now.millis().saturating_sub(at.millis()) > RENEW_MILLIS;
    match there {
        None => Due::Absent,
        Some(_) if said != Some(says) => Due::Changed,
        Some(there) if there.commands > 0 => Due::Commands,
        Some(_) if said_at.is_none_or(is_old) => Due::Old,
        Some(_) => Due::No,
    }
}

/// Whether this step has something to do, according to the remembered state.
pub(super) fn is_waiting<H: Host>(session: &Session<'_, H>) -> bool {
    let state = &session.state.device.clients;
    state.sync_id.is_none()
        || state.seen != session.modified_of("clients")
        || is_due(session) != Due::No
}

/// Whether this device's record has to be written.
pub(super) fn is_due<H: Host>(session: &Session<'_, H>) -> Due {
    let state = &session.state.device.clients;
    due(
        state.own(),
        state.uploaded.as_ref(),
        &session.options.client,
        state.uploaded_at,
        session.host.now(),
    )
}

/// The result of the step.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// The commands that wait for this device, in their order.
    Inbox(Vec<Value>),
    /// The collection is in a newer format: it must not be changed.
    OutOfDate,
}

/// Associates the collection, and reads it if it changed.
pub(super) async fn step<H: Host>(
    session: &mut Session<'_, H>,
    report: &mut ClientsReport,
) -> Result<Found> {
    if let Some(skip) = associate(session)? {
        report.status = CollectionStatus::Skipped(skip);
        return Ok(Found::OutOfDate);
    }
    if let Err(error) = bundle(session) {
        report.status = CollectionStatus::Failed(error);
        return Ok(Found::OutOfDate);
    }
    if session.state.device.clients.id.is_none() {
        session.state.device.clients.id = Some(Guid::make(session.host)?);
    }
    let state = &session.state.device.clients;
    let has_commands = state.own().is_some_and(|own| own.commands > 0);
    let in_info = session.modified_of("clients");
    let inbox = match Lookup::judge(in_info, state.seen, has_commands) {
        Lookup::Remembered => Vec::new(),
        Lookup::Absent => {
            session.state.device.clients.see(&[], ServerTime::ZERO);
            session.state.device.clients.seen = None;
            Vec::new()
        }
        Lookup::Server => fetch(session, report).await?,
    };
    report.known = session.state.device.clients.known.len();
    session.save().await?;
    Ok(Found::Inbox(inbox))
}

/// Carries out what the entry in meta/global means. Returns the reason if the collection must not be changed.
fn associate<H: Host>(session: &mut Session<'_, H>) -> Result<Option<Skip>> {
    let known = session.state.device.clients.sync_id.as_deref();
    let meta = session.meta.as_mut().ok_or(Error::NotSetUp)?;
    let entry = meta.engine("clients");
    // It cannot be declined: without it, devices have no information about each other.
    let sync_id = match Association::judge(VERSION, known, entry.as_ref(), false) {
        Association::Proceed => return Ok(None),
        Association::OutOfDate { server } => {
            let ours = VERSION;
            return Ok(Some(Skip::OutOfDate { server, ours }));
        }
        Association::Unreadable => return Ok(Some(Skip::Unreadable)),
        Association::ResetLocalAndAdopt { sync_id } => sync_id,
        Association::MergeAndAdopt | Association::Declined => {
            let sync_id = Guid::make(session.host)?;
            meta.set_engine("clients", VERSION, sync_id.as_str());
            sync_id.as_str().into()
        }
    };
    session.state.device.clients.forget_server();
    session.state.device.clients.sync_id = Some(sync_id);
    Ok(None)
}

/// Whether the records must not be changed: they are of a newer or unknown format, or have no usable key.
pub(super) fn is_out_of_date<H: Host>(session: &Session<'_, H>) -> bool {
    let entry = session
        .meta
        .as_ref()
        .and_then(|meta| meta.engine("clients"));
    let is_ours = |version: Option<Version>| version.is_some_and(|v| v <= Version::from(VERSION));
    entry.is_some_and(|entry| !is_ours(entry.version)) || bundle(session).is_err()
}

async fn fetch<H: Host>(
    session: &mut Session<'_, H>,
    report: &mut ClientsReport,
) -> Result<Vec<Value>> {
    let mut collection = read(&session.client, bundle(session)?).await?;
    let own = session.state.device.clients.id.clone();
    let own = own.as_ref().map_or("", Guid::as_str);
    // The device's own record is overwritten.
    let unreadable = core::mem::take(&mut collection.mismatched);
    report.unreadable = unreadable
        .into_iter()
        .filter(|id| id.as_str() != own)
        .collect();
    report.passed_over = collection.passed_over;
    let inbox = collection.get(own).map(ClientRecord::commands);
    let inbox = inbox.unwrap_or_default().to_vec();
    session.see_clients(&collection);
    Ok(inbox)
}

/// The key of the collection.
pub(super) fn bundle<'a, H: Host>(session: &'a Session<'_, H>) -> Result<&'a KeyBundle> {
    let keys = session.keys.as_ref().ok_or(Error::NotSetUp)?;
    keys.bundle("clients")
}

/// Writes this device's record without commands, if the collection has not changed since it was read.
pub(super) async fn upload<H: Host>(session: &mut Session<'_, H>) -> Result<()> {
    let (Some(id), says) = (
        session.state.device.clients.id.clone(),
        &session.options.client,
    ) else {
        return Ok(());
    };
    let record = Written {
        id: id.clone().into(),
        cleartext: says.to_cleartext(&id, &session.state.device.clients.others),
        ttl: Some(TTL),
    };
    let cleartext = record.cleartext.clone();
    let seen = session.state.device.clients.seen.unwrap_or_default();
    let limits = session.limits().await?;
    let modified = write(
        &session.client,
        session.host,
        bundle(session)?,
        limits,
        &[record],
        seen,
    )
    .await?;
    let own = ClientRecord::parse(id.into(), modified, &cleartext);
    let state = &mut session.state.device.clients;
    state.uploaded = Some(says.clone());
    state.uploaded_at = Some(session.host.now());
    state.executed.clear();
    session.wrote_clients(own, modified);
    session.save().await
}

/// Reads the account's clients from the server, outside of a sync, in order of name.
///
/// ```
/// use selvedge_core::error::Result;
/// use selvedge_core::host::{Clock, Random};
/// use selvedge_core::http::Fetch;
/// use selvedge_core::sync::{CollectionKeys, Standing, list_clients};
/// use selvedge_core::server::Client;
///
/// async fn count<H: Fetch + Clock + Random>(client: &Client<'_, H>, keys: &CollectionKeys) -> Result<usize> {
///     let standings = Standing::of_all(&list_clients(client, keys).await?);
///     Ok(standings.iter().filter(|standing| **standing == Standing::Current).count())
/// }
/// ```
///
/// # Errors
/// Errors from the server. Records that cannot be read are omitted.
pub async fn list_clients<H: Fetch + Clock + Random>(
    client: &Client<'_, H>,
    keys: &CollectionKeys,
) -> Result<Vec<KnownClient>> {
    let collection = read(client, keys.bundle("clients")?).await?;
    let mut known: Vec<KnownClient> = collection.records.iter().map(ClientRecord::known).collect();
    crate::sorted::sort(&mut known, |a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Ok(known)
}

impl<H: Host> Session<'_, H> {
    /// Remembers the collection as it was read.
    pub(super) fn see_clients(&mut self, collection: &Collection) {
        self.state
            .device
            .clients
            .see(&collection.records, collection.modified);
        self.know_time_of_clients(collection.modified);
    }

    /// Remembers a write of this device's own record, if no other write preceded it.
    fn wrote_clients(&mut self, own: Option<ClientRecord>, modified: ServerTime) {
        let state = &mut self.state.device.clients;
        state.seen = Some(modified);
        let own = own.map(|own| own.known());
        state
            .known
            .retain(|client| own.as_ref().is_none_or(|own| own.id != client.id));
        state.known.extend(own);
        self.know_time_of_clients(modified);
    }

    fn know_time_of_clients(&mut self, modified: ServerTime) {
        if let Some(info) = &mut self.state.server.info {
            info.collections.insert(collection_name(), modified);
        }
    }
}

#[cfg(test)]
mod tests;
