//! The conditions at the end of the scenario, independent of the injected fault.

use std::collections::{BTreeMap, BTreeSet};

use selvedge_core::ids::RecordId;
use selvedge_tests::Heard;
use serde_json::Value;

/// Number of notes before the conflicting edits.
pub(crate) const NOTES: usize = 14;

/// The live records of a device: collection, id, cleartext.
pub(crate) type Contents = BTreeMap<String, BTreeMap<String, Value>>;

/// The id of a note.
pub(crate) fn note(number: usize) -> RecordId {
    RecordId::new(format!("note-{number:02}")).unwrap()
}

/// Checks that every edit and every deletion is applied, and that one of two titles for one note has won.
pub(crate) fn check_contents(contents: &Contents) -> Result<(), String> {
    let notes = &contents["notes"];
    let expected: BTreeSet<String> = (0..NOTES + 2)
        .filter(|number| ![1, 3].contains(number))
        .map(|number| note(number).to_string())
        .collect();
    if !notes.keys().eq(&expected) {
        return Err(format!("the notes are {:?}", notes.keys()));
    }
    if !contents["lists"].keys().eq(["list-1", "list-2"]) {
        return Err(format!("the lists are {:?}", contents["lists"].keys()));
    }
    let body = "x".repeat(40);
    for (id, record) in notes {
        let plain = format!("title of {id}");
        let number = id.trim_start_matches("note-");
        let titles: &[&str] = match number {
            "00" | "04" => &["by A"],
            "05" => &["by A", "by B"],
            _ => &[&plain],
        };
        let body = match number {
            "02" | "04" | "06" => "by B",
            _ => &body,
        };
        let has_title = titles.iter().any(|title| record["title"] == **title);
        if !has_title || record["body"] != body || record["id"] != **id {
            return Err(format!("{id} is {record}"));
        }
    }
    Ok(())
}

/// Checks that every write and every page after the first is conditional, and that nothing was deleted without a rule.
pub(crate) fn check_requests(heard: &[Heard], must_start_fresh: bool) -> Result<(), String> {
    let mut has_records = false;
    for request in heard {
        let Heard {
            method,
            target,
            is_conditional,
            status,
            ..
        } = request;
        let is_of_storage = target.contains("/storage");
        let is_write = matches!(method.as_str(), "PUT" | "POST") && is_of_storage;
        if (is_write || target.contains("offset=")) && !is_conditional {
            return Err(format!("{method} {target} is not conditional"));
        }
        let is_fresh_start = target.ends_with("/storage") && (!has_records || must_start_fresh);
        if method == "DELETE" && !is_fresh_start {
            return Err(format!("{method} {target} was sent"));
        }
        has_records |= method == "POST" && is_of_storage && *status == 200;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn end() -> Contents {
        let record = |id: String| {
            let title = match id.as_str() {
                "note-00" | "note-04" | "note-05" => "by A".to_owned(),
                _ => format!("title of {id}"),
            };
            let body = match id.as_str() {
                "note-02" | "note-04" | "note-06" => "by B".to_owned(),
                _ => "x".repeat(40),
            };
            (id.clone(), json!({"id": id, "title": title, "body": body}))
        };
        let notes = (0..NOTES + 2).filter(|number| ![1, 3].contains(number));
        let notes = notes.map(|number| record(note(number).to_string()));
        let lists = ["list-1", "list-2"].map(|id| record(id.into()));
        [
            ("notes".to_owned(), notes.collect()),
            ("lists".to_owned(), lists.into()),
        ]
        .into()
    }

    #[test]
    fn lost_duplicated_and_returned_records_are_detected() {
        type Change = fn(&mut Contents);
        let rows: [(&str, Change, bool); 6] = [
            ("unchanged", |_| {}, true),
            (
                "the other title won",
                |end| {
                    end.get_mut("notes").unwrap().get_mut("note-05").unwrap()["title"] =
                        "by B".into()
                },
                true,
            ),
            (
                "lost",
                |end| drop(end.get_mut("notes").unwrap().remove("note-07")),
                false,
            ),
            (
                "duplicated",
                |end| {
                    let notes = end.get_mut("notes").unwrap();
                    let twin = notes["note-07"].clone();
                    notes.insert("twin".into(), twin);
                },
                false,
            ),
            (
                "returned",
                |end| {
                    let notes = end.get_mut("notes").unwrap();
                    let old = json!({"id": "note-01", "title": "title of note-01", "body": "x".repeat(40)});
                    notes.insert("note-01".into(), old);
                },
                false,
            ),
            (
                "half a merge",
                |end| {
                    end.get_mut("notes").unwrap().get_mut("note-04").unwrap()["body"] =
                        "x".repeat(40).into();
                },
                false,
            ),
        ];
        for (name, change, is_right) in rows {
            let mut end = end();
            change(&mut end);
            assert_eq!(check_contents(&end).is_ok(), is_right, "{name}");
        }
    }

    #[test]
    fn a_request_that_no_rule_allows_is_detected() {
        let heard = |method: &str, target: &str, is_conditional| Heard {
            method: method.into(),
            target: format!("/1.5/1/{target}"),
            is_conditional,
            status: 200,
            user_agent: None,
        };
        let upload = || heard("POST", "storage/notes?batch=true&commit=true", true);
        let wipe = || heard("DELETE", "storage", false);
        let rows = [
            ("set up, then fill", vec![wipe(), upload()], false, true),
            ("wipe what is there", vec![upload(), wipe()], false, false),
            ("fresh start", vec![upload(), wipe()], true, true),
            (
                "wipe a collection",
                vec![heard("DELETE", "storage/notes", true)],
                true,
                false,
            ),
            (
                "write unconditionally",
                vec![heard("PUT", "storage/meta/global", false)],
                false,
                false,
            ),
            (
                "next page unconditionally",
                vec![heard("GET", "storage/notes?full=1&offset=5", false)],
                false,
                false,
            ),
        ];
        for (name, heard, must_start_fresh, is_right) in rows {
            let result = check_requests(&heard, must_start_fresh);
            assert_eq!(result.is_ok(), is_right, "{name}");
        }
    }
}
