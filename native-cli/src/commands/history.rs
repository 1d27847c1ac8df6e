//! `selvedge history`: pages and when they were visited.

use clap::Subcommand;
use selvedge_core::firefox::history::{MAX_VISITS, Visit, visits};
use selvedge_core::ids::RecordId;
use selvedge_host::exit::{HostError, Result};
use serde_json::{Value, json};

use super::records::{self, ViewArgs};
use super::typed::{
    Change, collection, contains, id_of, load_or_empty, new_id, now, since, text, time,
};
use crate::device::Device;

/// The subcommands of `history`.
#[derive(Debug, Subcommand)]
pub enum HistoryCommand {
    /// List the pages that were visited.
    #[command(after_help = "Example:\n  selvedge history list --since 2w")]
    List {
        /// Only pages that were visited after this: 30m, 12h, 3d, 2w, or a date like 2026-11-21.
        #[arg(long, value_name = "TIME", value_parser = since)]
        since: Option<u64>,
        /// How they are listed.
        #[command(flatten)]
        view: ViewArgs,
    },
    /// List pages whose title or URL has this text.
    #[command(after_help = "Example:\n  selvedge history search recipes")]
    Search {
        /// The text.
        text: String,
        /// Only pages that were visited after this: 30m, 12h, 3d, 2w, or a date like 2026-11-21.
        #[arg(long, value_name = "TIME", value_parser = since)]
        since: Option<u64>,
        /// How they are listed.
        #[command(flatten)]
        view: ViewArgs,
    },
    /// List every visit: one row each, with its time.
    #[command(after_help = "Example:\n  selvedge history export --format csv")]
    Export {
        /// Only visits after this: 30m, 12h, 3d, 2w, or a date like 2026-11-21.
        #[arg(long, value_name = "TIME", value_parser = since)]
        since: Option<u64>,
        /// How they are listed.
        #[command(flatten)]
        view: ViewArgs,
    },
    /// Add a visit of a page.
    #[command(after_help = "Example:\n  selvedge history add https://example.org/ --title Example")]
    Add {
        /// The URL.
        url: String,
        /// The title; without it, a known page keeps its title.
        #[arg(long)]
        title: Option<String>,
        /// Where it is made.
        #[command(flatten)]
        change: Change,
    },
    /// Delete pages.
    #[command(after_help = "Example:\n  selvedge history delete https://example.org/")]
    Delete {
        /// Their URLs or ids.
        #[arg(required = true, value_name = "URL|ID")]
        pages: Vec<String>,
        /// Where it is made.
        #[command(flatten)]
        change: Change,
    },
    /// Delete all pages of a site and of its subdomains.
    #[command(after_help = "Example:\n  selvedge history forget example.org --dry-run")]
    Forget {
        /// The site, like example.org.
        site: String,
        /// Where it is made.
        #[command(flatten)]
        change: Change,
    },
}

const COLUMNS: &[&str] = &["lastVisit", "visits", "title", "url"];

/// Runs it.
///
/// # Errors
/// When a page does not exist, the input is invalid, or the store or the server fails.
pub async fn run(device: &Device, command: HistoryCommand) -> Result<()> {
    let history = collection("history");
    match command {
        HistoryCommand::List { since, view } => {
            let row = move |id: &str, record: &Value| page(id, record, since, "");
            view.list(device, history, true, COLUMNS, row).await
        }
        HistoryCommand::Search { text, since, view } => {
            let row = move |id: &str, record: &Value| page(id, record, since, &text);
            view.list(device, history, true, COLUMNS, row).await
        }
        HistoryCommand::Export { since, view } => {
            let row = move |_: &str, record: &Value| each_visit(record, since.unwrap_or(0));
            view.list(
                device,
                history,
                true,
                &["time", "type", "title", "url"],
                row,
            )
            .await
        }
        HistoryCommand::Add { url, title, change } => add(device, &url, title, change).await,
        HistoryCommand::Delete { pages, change } => {
            let known = records::load(device, &history, change.remote).await?;
            let mut ids = Vec::new();
            for page in pages {
                let found = known
                    .iter()
                    .find(|record| record.id == page || text(&record.json(), "histUri") == page);
                let found = found.ok_or_else(|| {
                    HostError::NotFound(format!("the history has no page {page}"))
                })?;
                ids.push(id_of(found)?);
            }
            records::delete(device, history, ids, change.parts()).await
        }
        HistoryCommand::Forget { site, change } => {
            let known = records::load(device, &history, change.remote).await?;
            let of_site = known
                .iter()
                .filter(|record| is_of_site(text(&record.json(), "histUri"), &site));
            let ids: Vec<RecordId> = of_site.map(id_of).collect::<Result<_>>()?;
            if ids.is_empty() {
                return Err(HostError::NotFound(format!(
                    "the history has no page of {site}"
                )));
            }
            records::delete(device, history, ids, change.parts()).await
        }
    }
}

fn core_value(record: &Value) -> selvedge_core::json::Value {
    record
        .to_string()
        .parse()
        .expect("serde_json writes valid JSON")
}

/// The visits of a page, newest first, none in the future.
fn known_visits(record: &Value) -> Vec<Visit> {
    let now = now();
    let visits = visits(&core_value(record));
    visits.into_iter().map(|visit| visit.at_most(now)).collect()
}

fn page(id: &str, record: &Value, since: Option<u64>, wanted: &str) -> Vec<Value> {
    let visits = known_visits(record);
    let last = visits.first().map_or(0, |visit| visit.date / 1000);
    let (title, url) = (text(record, "title"), text(record, "histUri"));
    let is_found = contains(title, wanted) || contains(url, wanted);
    if !is_found || since.is_some_and(|since| last <= since) {
        return Vec::new();
    }
    vec![
        json!({"id": id, "url": url, "title": title, "lastVisit": time(last), "visits": visits.len()}),
    ]
}

fn each_visit(record: &Value, since: u64) -> Vec<Value> {
    let kinds = [
        "link",
        "typed",
        "bookmark",
        "embed",
        "permanent redirect",
        "temporary redirect",
        "download",
        "frame",
        "reload",
    ];
    let visits = known_visits(record).into_iter();
    visits
        .filter(|visit| visit.date / 1000 > since)
        .map(|visit| {
            let kind = usize::try_from(visit.kind).ok().and_then(|kind| kinds.get(kind - 1));
            json!({"time": time(visit.date / 1000), "type": kind, "title": text(record, "title"), "url": text(record, "histUri")})
        })
        .collect()
}

/// Whether a URL is of a site or of one of its subdomains.
fn is_of_site(url: &str, site: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) {
            host
        } else {
            authority
        }
    });
    let (host, site) = (host.to_lowercase(), site.trim_matches('.').to_lowercase());
    !site.is_empty()
        && host
            .strip_suffix(&site)
            .is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

async fn add(device: &Device, url: &str, title: Option<String>, change: Change) -> Result<()> {
    let history = collection("history");
    let known = load_or_empty(device, &history, change.remote).await?;
    let found = known
        .iter()
        .find(|record| text(&record.json(), "histUri") == url);
    let (id, mut record) = match found {
        Some(found) => (id_of(found)?, found.json()),
        None => (
            new_id()?,
            json!({"histUri": url, "title": "", "visits": []}),
        ),
    };
    if let Some(title) = title {
        record["title"] = title.into();
    }
    let mut visits = vec![json!({"date": now() * 1000, "type": 1})];
    visits.extend(record["visits"].as_array().into_iter().flatten().cloned());
    visits.truncate(MAX_VISITS);
    record["visits"] = visits.into();
    records::put(
        device,
        history,
        Some(id),
        record.to_string(),
        change.parts(),
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_and_their_subdomains() {
        for (url, is_of) in [
            ("https://example.org/", true),
            ("https://www.Example.org:8080/x", true),
            ("https://user@example.org?q", true),
            ("https://badexample.org/", false),
            ("https://example.org.evil.test/", false),
            ("https://other.test/example.org", false),
            ("about:example.org", false),
        ] {
            assert_eq!(is_of_site(url, "example.org"), is_of, "{url}");
        }
        assert!(!is_of_site("https://example.org/", ""));
    }
}
