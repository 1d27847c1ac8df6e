//! The steps of the two devices.

use selvedge_core::ids::RecordId;

use super::device::DemoDevice;
use super::{MAX_ROUNDS, Synced, WRITTEN};
use crate::output::Output;
use crate::progress::Progress;
use selvedge_host::exit::{HostError, Result};

/// The notes that device B edits,
pub(super) const EDITED: std::ops::Range<usize> = 100..110;
/// those that it deletes,
pub(super) const DELETED: std::ops::Range<usize> = 200..205;
/// and the one that both edit, each a different field.
pub(super) const BOTH: usize = 500;

/// A word of every note, which must not be found on the server.
pub(super) const SECRET_WORD: &str = "lavender";
/// A word of every edit, likewise.
pub(super) const EDIT_WORD: &str = "saffron";

/// The id of a note.
pub(super) fn id(number: usize) -> Result<RecordId> {
    RecordId::new(format!("note{number:08}")).map_err(|error| HostError::Failed(error.to_string()))
}

/// The notes as device A writes them first.
fn note(number: usize) -> String {
    serde_json::json!({
        "title": format!("Note {number}: {SECRET_WORD}"),
        "body": format!("{} — grüße, 世界, 🧵", "Bring the shears, the thread and the linen. ".repeat(number % 8)),
        "done": false,
    })
    .to_string()
}

/// Runs the demo, and prints every sync of it.
pub(super) async fn tell(
    output: &Output,
    a: &DemoDevice,
    b: &DemoDevice,
    syncs: &mut Vec<Synced>,
) -> Result<()> {
    write_all(a).await?;
    output.note(format_args!("Device A wrote {WRITTEN} notes."));
    sync(output, a, "first, to send", syncs).await?;
    sync(output, b, "first, to receive", syncs).await?;

    for number in EDITED {
        let patch = format!("{{\"title\":\"Note {number}: {EDIT_WORD}\"}}");
        b.notes().edit(&id(number)?, &patch).await?;
    }
    for number in DELETED {
        b.notes().delete(&id(number)?).await?;
    }
    b.notes().edit(&id(BOTH)?, "{\"done\":true}").await?;
    let patch = format!("{{\"title\":\"Note {BOTH}: {EDIT_WORD}\"}}");
    a.notes().edit(&id(BOTH)?, &patch).await?;
    output.note(format_args!(
        "Device B edited {} notes and deleted {}; both edited note {BOTH}, A its title and B whether it is done.",
        EDITED.len(),
        DELETED.len()
    ));
    for _ in 0..MAX_ROUNDS {
        let of_b = sync(output, b, "until settled", syncs).await?;
        let of_a = sync(output, a, "until settled", syncs).await?;
        if !of_a && !of_b {
            return Ok(());
        }
    }
    Err(HostError::Failed(format!(
        "the devices did not converge in {MAX_ROUNDS} rounds"
    )))
}

async fn write_all(device: &DemoDevice) -> Result<()> {
    let numbers: Vec<usize> = (0..WRITTEN).collect();
    for numbers in numbers.chunks(500) {
        let texts: Vec<String> = numbers.iter().copied().map(note).collect();
        let ids = numbers
            .iter()
            .copied()
            .map(id)
            .collect::<Result<Vec<_>>>()?;
        let records: Vec<_> = ids
            .into_iter()
            .map(Some)
            .zip(texts.iter().map(String::as_str))
            .collect();
        device.notes().put_many(&records).await?;
    }
    Ok(())
}

/// Syncs a device and prints the counts; returns whether records were received or sent.
async fn sync(
    output: &Output,
    device: &DemoDevice,
    what: &'static str,
    syncs: &mut Vec<Synced>,
) -> Result<bool> {
    let progress = Progress::new(output);
    let synced = device.sync(what, &progress).await?;
    drop(progress);
    let (mut received, mut sent) = (0, 0);
    for collection in &synced.report.collections {
        received += collection.pulled.received;
        sent += collection.pushed.sent;
    }
    let requests = synced.report.traffic.requests;
    let plural = if requests == 1 { "" } else { "s" };
    output.note(format_args!(
        "Device {} synced: {received} received, {sent} sent, {requests} request{plural}.",
        device.name
    ));
    syncs.push(synced);
    Ok(received + sent > 0)
}
