//! The owner of a profile's records, when the profile gets an account: records of another account are kept apart, or
//! adopted by choice.
//!
//! ```text
//! the store's records are        --keep-apart              --adopt-records                neither
//! no account's, this account's   (nothing to choose)       (nothing to choose)            used as they are
//! another account's              moved to a file of their  shown, and after a yes this    refused, with the
//!                                own                       account's                      choices
//! then: without a store, the file with this account's own earlier records is restored
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use selvedge_core::account::{Credentials, Owner};
use selvedge_core::host::Store as _;
use selvedge_core::ids::CollectionName;
use selvedge_core::journal::{collections, count_unsent};
use selvedge_core::sync;
use sha2::{Digest as _, Sha256};

use crate::confirm::agree;
use crate::device::{Device, global_state};
use crate::output::{Align, Table, records};
use selvedge_host::SqliteStore;
use selvedge_host::exit::{HostError, Result};
use selvedge_host::profile::Profile;

/// What becomes of another account's records in this profile.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct RecordsChoice {
    /// If this profile has records of another account: keep them in a separate file, for when that account is used again.
    #[arg(long, conflicts_with = "adopt_records")]
    pub keep_apart: bool,
    /// If this profile has records of another account: move them to this account. The next sync sends them.
    #[arg(long)]
    pub adopt_records: bool,
    /// Agree to --adopt-records without a prompt.
    #[arg(long, requires = "adopt_records")]
    pub yes: bool,
}

/// The action for the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// They are used as they are.
    Use,
    /// They are moved to a separate file.
    MoveAway,
    /// They are assigned to the new account.
    Adopt,
    /// The user has to choose first.
    Ask,
}

const fn decide(is_anothers: bool, choice: RecordsChoice) -> Step {
    match (is_anothers, choice.keep_apart, choice.adopt_records) {
        (false, ..) => Step::Use,
        (true, true, _) => Step::MoveAway,
        (true, false, true) => Step::Adopt,
        (true, false, false) => Step::Ask,
    }
}

/// The decision, to be carried out once the account's credentials are stored.
pub(super) struct Decided(Step);

/// Decides the action for the local records, and asks the user if necessary. Nothing is changed. `credentials` is the
/// account that the profile gets; `None` for an account that is not created yet, which cannot own any record.
pub(super) async fn look(
    device: &Device,
    credentials: Option<&Credentials>,
    choice: RecordsChoice,
    dry_run: bool,
) -> Result<Decided> {
    let Some(store) = device.store_if_there()? else {
        return Ok(Decided(Step::Use));
    };
    let is_anothers = match credentials {
        Some(credentials) => sync::owner(&store, credentials).await? == Owner::Other,
        None => sync::has_owner(&store).await?,
    };
    let step = decide(is_anothers, choice);
    if matches!(step, Step::Adopt | Step::Ask) {
        let held = held(&store).await?;
        let total: u64 = held.iter().map(|row| row.records).sum();
        if step == Step::Ask {
            return Err(HostError::OtherRecords { total });
        }
        device.output.note(table(&held));
        if !dry_run {
            let loss = format!(
                "{} of another account would be moved to this account: the next sync uploads them, and its other devices can read them",
                records(total)
            );
            agree(&device.output, &loss, choice.yes)?;
        }
    }
    Ok(Decided(step))
}

/// Carries out the decision, and assigns the records to the account.
pub(super) async fn settle(
    device: &Device,
    credentials: &Credentials,
    Decided(step): Decided,
) -> Result<()> {
    let profile = &device.profile;
    match step {
        Step::MoveAway => {
            let path = move_away(profile).await?;
            device.output.note(format_args!(
                "The other account's records are kept in {}; they are restored when that account is used again.",
                path.display()
            ));
        }
        Step::Adopt => sync::adopt_records(&profile.open_store()?, credentials).await?,
        Step::Use | Step::Ask => {}
    }
    if !profile.store_path().exists()
        && let Some(path) = own_from_before(profile, credentials).await?
    {
        let target = profile.store_path();
        fs::rename(&path, &target).map_err(HostError::file(&path))?;
        device
            .output
            .note("The earlier records of this account are restored.");
    }
    if let Some(store) = device.store_if_there()? {
        sync::bind(&store, credentials).await?;
    }
    Ok(())
}

/// One collection of another account.
struct Held {
    name: CollectionName,
    records: u64,
    unsent: u64,
}

async fn held(store: &SqliteStore) -> Result<Vec<Held>> {
    let unsent = count_unsent(store).await?;
    let mut held = Vec::new();
    for name in collections(store).await? {
        let records = store.counts(&name).await?.live;
        let found = unsent.iter().find(|(of, _)| *of == name);
        held.push(Held {
            records,
            unsent: found.map_or(0, |(_, count)| *count),
            name,
        });
    }
    Ok(held)
}

fn table(held: &[Held]) -> Table {
    let mut table = Table::new(&[
        ("COLLECTION", Align::Left),
        ("RECORDS", Align::Right),
        ("UNSENT", Align::Right),
    ]);
    for row in held {
        table.row(vec![
            row.name.to_string(),
            row.records.to_string(),
            row.unsent.to_string(),
        ]);
    }
    table
}

/// Moves the store to a file that is named for its account.
async fn move_away(profile: &Profile) -> Result<PathBuf> {
    let store = profile.open_store()?;
    let tag = match sync::bound_to(&store).await? {
        Some(binding) => binding.tag().to_owned(),
        // A store of an older release has no fingerprint: its sync state identifies the account.
        None => {
            let state = global_state(&store).await?;
            let known = [
                state.server.endpoint,
                state.server.key_id,
                state.server.sync_id,
            ];
            let digest = Sha256::digest(known.map(Option::unwrap_or_default).join("\n"));
            digest
                .iter()
                .take(11)
                .map(|byte| format!("{byte:02x}"))
                .collect()
        }
    };
    let path = profile.apart_path(&tag);
    if path.exists() {
        return Err(HostError::Failed(format!(
            "{} already has earlier records of the same account: move one of the two stores elsewhere first",
            path.display()
        )));
    }
    store.fold()?;
    drop(store);
    let [file, side_files @ ..] = profile.store_files();
    if side_files.iter().any(|path| path.exists()) {
        return Err(HostError::InUse);
    }
    fs::rename(&file, &path).map_err(HostError::file(&file))?;
    Ok(path)
}

/// The file with the account's earlier records, if it exists.
async fn own_from_before(profile: &Profile, credentials: &Credentials) -> Result<Option<PathBuf>> {
    for path in profile.apart_files()? {
        let store = SqliteStore::open(&path)?;
        let owner = sync::owner(&store, credentials).await?;
        store.fold()?;
        drop(store);
        if matches!(owner, Owner::Same | Owner::SameUser) && !has_side_files(&path) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Whether another process has the store open.
fn has_side_files(path: &Path) -> bool {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    Path::new(&name).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row() {
        let choice = |keep_apart, adopt_records| RecordsChoice {
            keep_apart,
            adopt_records,
            yes: false,
        };
        let rows = [
            (false, choice(false, false), Step::Use),
            (false, choice(true, false), Step::Use),
            (false, choice(false, true), Step::Use),
            (true, choice(false, false), Step::Ask),
            (true, choice(true, false), Step::MoveAway),
            (true, choice(false, true), Step::Adopt),
        ];
        for (is_anothers, choice, expected) in rows {
            assert_eq!(
                decide(is_anothers, choice),
                expected,
                "{is_anothers} {choice:?}"
            );
        }
    }
}
