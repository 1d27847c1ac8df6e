//! `selvedge account reinitialize`: sets up an account again that cannot be synced, after a person agreed to the loss.

use std::fmt;

use selvedge_core::ids::CollectionName;
use selvedge_core::sync::{self, Consent, Remedy};
use serde::Serialize;

use super::Syncing;
use super::report::ReportView;
use super::selection::Selection;
use crate::commands::consent::sentences;
use crate::confirm::agree;
use crate::device::Device;
use crate::output::records;
use crate::progress::Progress;
use selvedge_host::exit::{HostError, Result};

/// The planned action, or that no action is needed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Assessment {
    /// What the user has to agree to; `None` if the account is in order or empty.
    consent: Option<Consent>,
    dry_run: bool,
}

impl fmt::Display for Assessment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.consent {
            Some(consent) => f.write_str(&sentences(consent)),
            None => f.write_str(
                "This account does not need to be set up again: `selvedge sync` can sync it. Nothing was changed.",
            ),
        }
    }
}

/// Reads the account, asks the user, and carries out the agreement.
///
/// # Errors
/// When the answer is no, the server's data changed in the meantime, or the sync was incomplete.
pub(in crate::commands) async fn run(
    device: &Device,
    remedy: Remedy,
    yes: bool,
    dry_run: bool,
) -> Result<()> {
    device.credentials()?;
    let _lock = device.profile.lock()?;
    let host = device.host()?;
    let credentials = device.account(&host).await?;
    let kept = device.token()?;
    let mut token = kept.clone();
    let selection = Selection::new(device, &host, Vec::<CollectionName>::new()).await?;
    let progress = Progress::new(&device.output);
    let stage = |stage: sync::Stage<'_>| progress.stage(stage);
    let client = super::own_name::own_client(device, &host).await?;
    let syncing = Syncing::new(device, &host, &credentials, &selection, client, &stage)?;
    let engines = selection.engines(&host).await?;
    let options = syncing.options(&engines);
    let consent = sync::assess(&host, &credentials, &mut token, &options).await;
    device.keep_token(kept.as_ref(), token.as_ref())?;
    let consent = consent?;
    let consent = match consent {
        Some(consent) if !dry_run => consent,
        consent => {
            drop(progress);
            return device.output.answer(&Assessment { consent, dry_run });
        }
    };
    if remedy == Remedy::Restore && !consent.can_restore {
        return Err(HostError::NotFound(format!(
            "{}, and this device does not remember it: leave out --restore to see what setting up the account again would delete",
            consent.reason
        )));
    }
    if remedy == Remedy::StartOver {
        if !device.output.json {
            device.output.note(sentences(&consent));
        }
        agree(&device.output, &loss(&consent), yes)?;
    }
    let before = token.clone();
    let report =
        sync::reinitialize(&host, &credentials, &mut token, &options, consent, remedy).await;
    drop(progress);
    device.keep_token(before.as_ref(), token.as_ref())?;
    let view = ReportView(report);
    if view.is_logged_out() {
        device.forget_account()?;
    }
    device.output.answer(&view)?;
    view.explain(device);
    view.verdict()
}

/// The loss, in a sentence.
fn loss(consent: &Consent) -> String {
    let counted = consent.collections.iter().filter_map(|found| found.records);
    let count = consent.collections.len();
    let collections = if count == 1 {
        "1 collection".into()
    } else {
        format!("{count} collections")
    };
    format!(
        "{} in {collections} on the server would be deleted, including those of other programs and devices",
        records(counted.sum())
    )
}
