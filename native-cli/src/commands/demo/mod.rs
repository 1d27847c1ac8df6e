//! `selvedge demo`: two devices synchronize one encrypted collection through a real server, all on this machine.

mod device;
mod proof;
mod story;

use std::fmt;

use selvedge_core::account::{JoinCode, embedded};
use selvedge_core::error::Error;
use selvedge_core::sync::Report;
use serde::Serialize;
use tokio::sync::oneshot;

use self::device::DemoDevice;
use self::proof::StoredRow;
use crate::commands::checks::{Concluded, unless_stopped};
use crate::output::{Align, Output, Table, bytes, duration};
use selvedge_host::exit::{HostError, Result};
use selvedge_host::{NativeFetch, NativeHost};
use selvedge_server::{Location, Options, Server, local_token};

/// The collection.
const NOTES: &str = "notes";
/// The number of records that device A writes at first.
const WRITTEN: usize = 1000;
/// Maximum number of rounds, each with one sync per device; two devices without other writers converge much earlier.
const MAX_ROUNDS: usize = 5;

/// One sync of one device.
struct Synced {
    device: &'static str,
    what: &'static str,
    report: Report,
}

/// The results of the demo.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Demo {
    server: String,
    syncs: Vec<Row>,
    stored_row: StoredRow,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    device: &'static str,
    what: &'static str,
    received: u64,
    applied: u64,
    sent: u64,
    requests: u64,
    bytes_sent: u64,
    bytes_received: u64,
    milliseconds: u64,
}

/// Runs the demo.
///
/// # Errors
/// When a step fails, a check does not hold, or it is stopped.
pub async fn run(output: Output) -> Result<()> {
    unless_stopped(show(output)).await
}

async fn show(output: Output) -> Result<()> {
    let dir = tempfile::Builder::new()
        .prefix("selvedge-demo-")
        .tempdir()
        .map_err(HostError::file(&std::env::temp_dir()))?;
    let data = dir.path().join("server");
    let server = Server::bind(Options {
        data: Location::Directory(data.clone()),
        ..Options::default()
    })
    .await
    .map_err(|error| HostError::Failed(error.to_string()))?;
    let url = server.public_url().to_owned();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async {
        // The server also stops when the demo ends early and drops its end of the channel.
        let _ = stopped.await;
    }));
    output.note(format_args!(
        "A server runs on {url}; its data are in {}.",
        data.display()
    ));

    let (a, b) = two_devices(&output, &url, dir.path(), &data).await?;
    let mut syncs = Vec::new();
    story::tell(&output, &a, &b, &mut syncs).await?;

    let mut checks = proof::of_devices(&a, &b).await?;
    drop((a, b));
    let _ = stop.send(());
    running
        .await
        .map_err(|error| HostError::Failed(format!("the server failed: {error}")))?;
    let (stored_row, of_server) = proof::of_server(&data)?;
    checks.extend(of_server);

    let demo = Demo {
        server: url,
        syncs: syncs.into_iter().map(Row::from).collect(),
        stored_row,
    };
    Concluded::new(demo, checks).tell(output)
}

/// An account, and two devices that have it: the second one joins with the join code.
async fn two_devices(
    output: &Output,
    url: &str,
    dir: &std::path::Path,
    data: &std::path::Path,
) -> Result<(DemoDevice, DemoDevice)> {
    let token = local_token(data).map_err(HostError::file(data))?;
    let host = NativeHost::new(NativeFetch::new(), ());
    let credentials = embedded::create_account(&host, url, Some(&token)).await?;
    let line = credentials.join_code()?.to_line();
    let code: JoinCode = line.parse().map_err(Error::from)?;
    output.note("Device A created an account; device B joined it with the join code.");
    let a = DemoDevice::new("A", NativeFetch::new(), &dir.join("a.sqlite"), credentials)?;
    let b = DemoDevice::new(
        "B",
        NativeFetch::new(),
        &dir.join("b.sqlite"),
        code.into_credentials(),
    )?;
    Ok((a, b))
}

impl From<Synced> for Row {
    fn from(synced: Synced) -> Self {
        let Synced {
            device,
            what,
            report,
        } = synced;
        let sum = |of: fn(&selvedge_core::sync::CollectionReport) -> u64| {
            report.collections.iter().map(of).sum()
        };
        Self {
            device,
            what,
            received: sum(|collection| collection.pulled.received),
            applied: sum(|collection| collection.pulled.applied.total()),
            sent: sum(|collection| collection.pushed.sent),
            requests: report.traffic.requests,
            bytes_sent: report.traffic.bytes_sent,
            bytes_received: report.traffic.bytes_received,
            milliseconds: report.millis,
        }
    }
}

impl fmt::Display for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&[
            ("DEVICE", Align::Left),
            ("SYNC", Align::Left),
            ("RECEIVED", Align::Right),
            ("APPLIED", Align::Right),
            ("SENT", Align::Right),
            ("REQUESTS", Align::Right),
            ("BYTES OUT", Align::Right),
            ("BYTES IN", Align::Right),
            ("TIME", Align::Right),
        ]);
        for row in &self.syncs {
            table.row(vec![
                row.device.into(),
                row.what.into(),
                row.received.to_string(),
                row.applied.to_string(),
                row.sent.to_string(),
                row.requests.to_string(),
                bytes(row.bytes_sent),
                bytes(row.bytes_received),
                duration(row.milliseconds),
            ]);
        }
        writeln!(f, "{table}")?;
        writeln!(f, "A row in the server's database:")?;
        writeln!(f, "  id       {}", self.stored_row.id)?;
        writeln!(f, "  payload  {}", self.stored_row.payload)
    }
}
