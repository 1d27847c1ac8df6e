//! Logins that are there twice, and passwords that several sites share.

use std::collections::BTreeMap;
use std::fmt;

use selvedge_host::exit::Result;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::is_same;
use crate::commands::records::Loaded;
use crate::commands::typed::text;
use crate::device::Device;

/// What a person should change.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    /// Logins of the same user at the same site.
    duplicates: Vec<Vec<Login>>,
    /// Logins of different sites with the same password.
    reused: Vec<Vec<Login>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Login {
    id: String,
    hostname: String,
    username: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = [
            ("The same login twice", &self.duplicates),
            ("The same password", &self.reused),
        ];
        for (title, groups) in groups {
            for group in groups {
                writeln!(f, "{title}:")?;
                for Login {
                    id,
                    hostname,
                    username,
                } in group
                {
                    writeln!(f, "  {hostname}  {username}  {id}")?;
                }
            }
        }
        Ok(())
    }
}

pub(super) fn run(device: &Device, known: &[Loaded]) -> Result<()> {
    let report = report(known);
    let (twice, shared) = (report.duplicates.len(), report.reused.len());
    device.output.answer(&report)?;
    device.output.note(format!(
        "{} logins: {twice} are there several times, {shared} passwords are used for several sites.",
        known.len()
    ));
    Ok(())
}

fn report(known: &[Loaded]) -> Report {
    let mut by_site: BTreeMap<String, Vec<(Login, serde_json::Value)>> = BTreeMap::new();
    // By hash, so that no list of passwords is in memory.
    let mut by_password: BTreeMap<[u8; 32], Vec<Login>> = BTreeMap::new();
    for record in known {
        let value = record.json();
        let login = Login {
            id: record.id.clone(),
            hostname: text(&value, "hostname").to_owned(),
            username: text(&value, "username").to_owned(),
        };
        let password = text(&value, "password");
        if !password.is_empty() {
            let hash = Sha256::digest(password.as_bytes()).into();
            by_password.entry(hash).or_default().push(login.clone());
        }
        by_site
            .entry(login.hostname.clone())
            .or_default()
            .push((login, value));
    }
    let mut duplicates = Vec::new();
    for mut logins in by_site.into_values() {
        while let Some((login, value)) = logins.pop() {
            let (same, others): (Vec<_>, Vec<_>) = logins
                .into_iter()
                .partition(|(_, other)| is_same(&value, other));
            logins = others;
            if !same.is_empty() {
                let mut group: Vec<Login> = same.into_iter().map(|(login, _)| login).collect();
                group.push(login);
                duplicates.push(group);
            }
        }
    }
    let is_shared = |logins: &Vec<Login>| {
        logins
            .iter()
            .any(|login| Some(&login.hostname) != logins.first().map(|first| &first.hostname))
    };
    Report {
        duplicates,
        reused: by_password.into_values().filter(is_shared).collect(),
    }
}

#[cfg(test)]
mod tests {
    use selvedge_core::time::ServerTime;
    use serde_json::json;

    use super::*;

    #[test]
    fn duplicates_and_shared_passwords() {
        let login = |id: &str, host: &str, action: &str, password: &str| {
            Loaded {
            id: id.into(),
            modified: ServerTime::ZERO,
            text: json!({"hostname": host, "formSubmitURL": action, "username": "u", "password": password})
                .to_string()
                .into(),
        }
        };
        let report = report(&[
            login("a", "https://a.example", "https://a.example", "one"),
            login("b", "https://a.example", "", "two"),
            login("c", "https://c.example", "https://c.example", "one"),
            login("d", "https://d.example", "https://d.example", "three"),
            login("e", "https://d.example", "https://e.example", "three"),
        ]);
        let ids = |groups: &[Vec<Login>]| -> Vec<Vec<String>> {
            groups
                .iter()
                .map(|group| group.iter().map(|login| login.id.clone()).collect())
                .collect()
        };
        assert_eq!(ids(&report.duplicates), [["a", "b"]]);
        assert_eq!(ids(&report.reused), [["a", "c"]]);
        assert!(!serde_json::to_string(&report).unwrap().contains("one"));
    }
}
