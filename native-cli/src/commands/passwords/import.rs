//! Imports logins from CSV files.

use std::path::Path;

use selvedge_host::exit::{HostError, Result};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{csv, is_same, new_id, new_login, origin};
use crate::commands::records;
use crate::commands::typed::{collection, load_or_empty, now, read_file, text};
use crate::device::Device;

/// What happens to a login of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Added,
    Replaced,
    /// It is there with the same password.
    Same,
    /// It is there with another password, which stays.
    Differs,
    /// It has no site or no password.
    Skipped,
}

pub(super) async fn run(device: &Device, file: &Path, replace: bool, dry_run: bool) -> Result<()> {
    let bytes = read_file(file)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        HostError::Usage(format!(
            "{} is not UTF-8: save the file as UTF-8",
            file.display()
        ))
    })?;
    let rows = csv::read(text).ok_or_else(|| {
        HostError::Usage(format!(
            "{} has no columns of a known program: its first line needs url, username and password",
            file.display()
        ))
    })?;
    let passwords = collection("passwords");
    let loaded = load_or_empty(device, &passwords, false).await?;
    let mut known: Vec<(String, Value)> = loaded
        .iter()
        .map(|record| (record.id.clone(), record.json()))
        .collect();
    let mut steps = [0_u64; 5];
    let mut changed = Vec::new();
    for row in rows {
        let step = apply(&row, &mut known, replace, &mut changed)?;
        if step == Step::Skipped {
            device.output.note(format!(
                "line {}: skipped, because it has no site like https://shop.example or no password",
                row.line
            ));
        }
        steps[step as usize] += 1;
    }
    let [added, replaced, same, differ, skipped] = steps;
    let mut note = format!(
        "{added} new, {replaced} with a new password, {same} already there, {skipped} skipped"
    );
    if differ > 0 {
        note += &format!(
            ", {differ} with another password than here, which stays: --replace takes the file's"
        );
    }
    device.output.note(note + ".");
    if changed.is_empty() {
        return Ok(());
    }
    changed.sort_unstable();
    changed.dedup();
    let records: Vec<&Value> = known
        .iter()
        .filter(|(id, _)| changed.contains(id))
        .map(|(_, record)| record)
        .collect();
    let json = Zeroizing::new(serde_json::to_string(&records).unwrap_or_default());
    records::put(device, passwords, None, json.to_string(), (false, dry_run)).await
}

fn apply(
    row: &csv::Row,
    known: &mut Vec<(String, Value)>,
    replace: bool,
    changed: &mut Vec<String>,
) -> Result<Step> {
    let Some(site) = origin(&row.url).filter(|_| !row.password.is_empty()) else {
        return Ok(Step::Skipped);
    };
    let target = match (&row.realm, &row.action) {
        (Some(realm), _) => json!({"formSubmitURL": null, "httpRealm": realm}),
        (None, Some(action)) => {
            json!({"formSubmitURL": origin(action).unwrap_or_default(), "httpRealm": null})
        }
        (None, None) => json!({"formSubmitURL": site, "httpRealm": null}),
    };
    let login = new_login(&site, &row.username, &row.password, &target);
    let Some((id, found)) = known.iter_mut().find(|(_, record)| is_same(record, &login)) else {
        let id = new_id()?.to_string();
        let mut login = login;
        login["id"] = id.as_str().into();
        changed.push(id.clone());
        known.push((id, login));
        return Ok(Step::Added);
    };
    if text(found, "password") == row.password.as_str() {
        return Ok(Step::Same);
    }
    if !replace {
        return Ok(Step::Differs);
    }
    let last = found["timePasswordChanged"].as_u64().unwrap_or_default();
    found["id"] = id.as_str().into();
    found["password"] = row.password.as_str().into();
    found["timePasswordChanged"] = now().max(last + 1).into();
    changed.push(id.clone());
    Ok(Step::Replaced)
}
