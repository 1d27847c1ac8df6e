//! `selvedge santa rules list` and `export`.

use selvedge_santa::wire::RuleType;
use selvedge_santa::{Rule, RuleKey, RuleState, RuleStore as _};
use serde::Serialize;

use crate::commands::santa::grammar::{ConfigFile, Format, Origin};
use crate::commands::santa::{config, store_if_there};
use crate::device::Device;
use crate::output::{Align, Column, Rows as _};
use selvedge_host::exit::{HostError, Result};
use selvedge_santa_host::{SantaStore, rule_file};

/// Rules that are read at once.
const PAGE: usize = 500;

/// Hands over all rules of some origin or of all, page by page: the server's first, then those that were added here.
async fn each(
    store: Option<&SantaStore>,
    configured: &[Rule],
    from: Option<Origin>,
    mut take: impl FnMut(Origin, Vec<Rule>) -> Result<()>,
) -> Result<()> {
    let wanted = |origin| from.is_none_or(|from| from == origin);
    for origin in [Origin::Server, Origin::Local] {
        let Some(store) = store.filter(|_| wanted(origin)) else {
            continue;
        };
        let mut after: Option<RuleKey> = None;
        loop {
            let page = match origin {
                Origin::Server => store.rules(after.as_ref(), PAGE).await?,
                Origin::Local | Origin::Configured => store.local_rules(after.as_ref(), PAGE)?,
            };
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            take(origin, page)?;
        }
    }
    if wanted(Origin::Configured) && !configured.is_empty() {
        take(Origin::Configured, configured.to_vec())?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    rule: Rule,
    origin: Origin,
    /// Whether an agent on Linux can match it: only by the file itself.
    active: bool,
}

/// On Linux a program is known by its file alone; the others are kept and counted for the server's sake.
fn is_active(rule: &Rule) -> bool {
    rule.key.rule_type() == RuleType::Binary && rule.state != RuleState::Cel
}

pub(super) async fn list(device: &Device, from: Option<Origin>, file: &ConfigFile) -> Result<()> {
    let configured = config(device, file)?.static_rules;
    let store = store_if_there(device)?;
    let output = device.output;
    let mut count = 0_u64;
    if output.json {
        let mut array = output.array();
        let take = |origin, page: Vec<Rule>| {
            page.into_iter()
                .try_for_each(|rule| array.element(&Row::new(origin, rule)))
                .map_err(HostError::Output)
        };
        each(store.as_ref(), &configured, from, take).await?;
        return array.finish("").map_err(HostError::Output);
    }
    let mut table = output.table(&COLUMNS);
    let take = |origin, page: Vec<Rule>| {
        count += page.len() as u64;
        page.into_iter()
            .try_for_each(|rule| table.row(Row::new(origin, rule).cells()))
            .map_err(HostError::Output)
    };
    each(store.as_ref(), &configured, from, take).await?;
    if count > 0 {
        table.finish().map_err(HostError::Output)
    } else {
        drop(table);
        output.print("No rules.\n")
    }
}

const COLUMNS: [Column; 5] = [
    ("TYPE", Align::Left),
    ("IDENTIFIER", Align::Left),
    ("STATE", Align::Left),
    ("FROM", Align::Left),
    ("MATCHED HERE", Align::Left),
];

impl Row {
    fn new(origin: Origin, rule: Rule) -> Self {
        Self {
            active: is_active(&rule),
            origin,
            rule,
        }
    }

    fn cells(self) -> Vec<String> {
        let origin = match self.origin {
            Origin::Server => "server",
            Origin::Local => "local",
            Origin::Configured => "configured",
        };
        vec![
            self.rule.key.rule_type().to_string(),
            self.rule.key.identifier().into(),
            words(self.rule.state),
            origin.into(),
            if self.active { "yes" } else { "no" }.into(),
        ]
    }
}

/// A state as its JSON has it, with spaces.
fn words(state: RuleState) -> String {
    match serde_json::to_value(state) {
        Ok(serde_json::Value::String(name)) => name.replace('_', " "),
        _ => String::new(),
    }
}

pub(super) async fn export(
    device: &Device,
    format: Format,
    from: Option<Origin>,
    file: &ConfigFile,
) -> Result<()> {
    let configured = config(device, file)?.static_rules;
    let store = store_if_there(device)?;
    let mut passed_over = 0_u64;
    each(store.as_ref(), &configured, from, |_, page| {
        let mut text = String::new();
        for rule in &page {
            let written = match format {
                Format::Moroz => rule_file::moroz(rule),
                Format::Jsonl => rule_file::message(rule)
                    .and_then(|message| serde_json::to_string(&message).ok())
                    .map(|line| line + "\n"),
            };
            match written {
                Some(written) => text += &written,
                None => passed_over += 1,
            }
        }
        device.output.print(&text)
    })
    .await?;
    match passed_over {
        0 => Ok(()),
        count => Err(HostError::Partial(format!(
            "{count} rules cannot be written in this format and were left out: transitive rules of this machine, and for moroz those with other policies than ALLOWLIST, ALLOWLIST_COMPILER and BLOCKLIST"
        ))),
    }
}
