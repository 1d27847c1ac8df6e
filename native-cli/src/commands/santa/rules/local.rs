//! `selvedge santa rules add`, `remove` and `import`: rules that no server touches.

use std::fmt;
use std::path::Path;

use selvedge_santa::wire::{RuleMessage, RuleType};
use selvedge_santa::{Change, RuleKey};
use serde::Serialize;

use crate::commands::santa::grammar::{AddArgs, Format};
use crate::commands::santa::{store, store_if_there};
use crate::device::Device;
use crate::output::printable;
use selvedge_host::exit::{HostError, Result};
use selvedge_santa_host::expression::sift;

#[derive(Serialize)]
struct Changed {
    added: usize,
    removed: usize,
    dry_run: bool,
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let would = if self.dry_run { "would be " } else { "" };
        let (added, removed) = (self.added, self.removed);
        writeln!(f, "{would}added: {added}, {would}removed: {removed}")
    }
}

pub(super) fn add(device: &Device, args: AddArgs) -> Result<()> {
    let message = RuleMessage {
        identifier: args.identifier,
        policy: Some(args.policy),
        rule_type: Some(args.rule_type),
        custom_msg: args.message,
        custom_url: args.url,
        cel_expr: args.cel,
        ..RuleMessage::default()
    };
    let change = Change::read(&message).map_err(|error| HostError::Usage(error.to_string()))?;
    let sifted = sift(vec![change]).map_err(|error| HostError::Failed(error.to_string()))?;
    if let Some((.., error)) = sifted.bad.first() {
        return Err(HostError::Usage(printable(&error.to_string())));
    }
    for (_, warning) in &sifted.useless {
        let warning = warning.to_string();
        device.output.note(format_args!("{}", printable(&warning)));
    }
    apply(device, &sifted.good, args.dry_run.dry_run)
}

pub(super) fn remove(
    device: &Device,
    rule_type: RuleType,
    identifier: &str,
    is_dry: bool,
) -> Result<()> {
    let key = RuleKey::new(rule_type, identifier);
    let key = key.map_err(|error| HostError::Usage(error.to_string()))?;
    let is_there = match store_if_there(device)? {
        // The key before this one is unknown, so that all are looked through.
        Some(store) => all_local(&store)?.contains(&key),
        None => false,
    };
    if !is_there {
        return Err(HostError::NotFound(format!(
            "no rule of type {rule_type} for {} was added here: see `selvedge santa rules list --from local`",
            key.identifier()
        )));
    }
    apply(device, &[Change::Remove(key)], is_dry)
}

fn all_local(store: &selvedge_santa_host::SantaStore) -> Result<Vec<RuleKey>> {
    let rules = store.local_rules(None, usize::MAX)?;
    Ok(rules.into_iter().map(|rule| rule.key).collect())
}

pub(super) fn import(
    device: &Device,
    path: &Path,
    format: Option<Format>,
    is_dry: bool,
) -> Result<()> {
    let format = format.unwrap_or_else(|| super::format_of(path));
    let file = super::file(path, format)?;
    for bad in file.bad.iter().chain(&file.useless) {
        device.output.note(format_args!(
            "rule {} ({}): {}",
            bad.number,
            printable(&bad.identifier),
            printable(&bad.problem)
        ));
    }
    apply(device, &file.changes, is_dry)?;
    match file.bad.len() {
        0 => Ok(()),
        bad => Err(HostError::Partial(format!(
            "{bad} rules were skipped: fix the errors above"
        ))),
    }
}

fn apply(device: &Device, changes: &[Change], is_dry: bool) -> Result<()> {
    let added = changes
        .iter()
        .filter(|change| matches!(change, Change::Put(_)))
        .count();
    let removed = match is_dry {
        true => changes.len() - added,
        false => store(device)?.change_local(changes)?.saturating_sub(added),
    };
    device.output.answer(&Changed {
        added,
        removed,
        dry_run: is_dry,
    })
}
