//! `selvedge santa rules`.

mod check;
mod list;
mod local;

use std::io::Read as _;
use std::path::Path;

use super::grammar::{Format, RulesCommand};
use crate::device::Device;
use selvedge_host::byte_order_mark::remove_mark;
use selvedge_host::exit::{HostError, Result};
use selvedge_santa_host::rule_file::RuleFile;

/// The maximum size of a file of rules.
const MAX_BYTES: u64 = 256 << 20;

pub(super) async fn run(device: &Device, command: RulesCommand) -> Result<()> {
    match command {
        RulesCommand::Check { file } => check::check(device.output, &file),
        RulesCommand::List { from, config } => list::list(device, from, &config).await,
        RulesCommand::Export {
            format,
            from,
            config,
        } => list::export(device, format, from, &config).await,
        RulesCommand::Add(args) => local::add(device, *args),
        RulesCommand::Remove {
            identifier,
            rule_type,
            dry_run,
        } => local::remove(device, rule_type, &identifier, dry_run.dry_run),
        RulesCommand::Import {
            file,
            format,
            dry_run,
        } => local::import(device, &file, format, dry_run.dry_run),
    }
}

/// What a file's name says of its form.
fn format_of(path: &Path) -> Format {
    match path.extension().is_some_and(|name| name == "toml") {
        true => Format::Moroz,
        false => Format::Jsonl,
    }
}

/// Reads a file of rules; - is standard input.
fn file(path: &Path, format: Format) -> Result<RuleFile> {
    let bytes = read(path).map_err(HostError::file(path))?;
    let read = match format {
        Format::Jsonl => RuleFile::read(&bytes),
        Format::Moroz => RuleFile::read_moroz(&bytes),
    };
    read.map_err(|error| HostError::BadFile {
        path: path.to_owned(),
        detail: format!(
            "{error}; pass a list of rules in JSON, one rule per line, or a moroz configuration"
        ),
    })
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin()
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(path)?
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::other(
            "the input is larger than the maximum of 256 MiB: split it",
        ));
    }
    remove_mark(&mut bytes);
    Ok(bytes)
}
