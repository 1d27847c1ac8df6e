//! What must be true in the end of the story, whatever went wrong in it.

use std::collections::{BTreeMap, BTreeSet};

use selvedge_core::ids::RecordId;
use selvedge_tests::Heard;
use serde_json::Value;

/// How many notes there are before the devices disagree.
pub(crate) const NOTES: usize = 14;

/// The live records of a device: collection, id, cleartext.
pub(crate) type Contents = BTreeMap<String, BTreeMap<String, Value>>;

/// The id of a note.
pub(crate) fn note(number: usize) -> RecordId {
    RecordId::new(format!("note-{number:02}")).unwrap()
}

/// Every edit is there, every deletion is done, and of two titles for one note one has won.
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

/// Every write says what it depends on, so does every page after the first, and nothing was deleted that no rule deletes.
pub(crate) fn check_requests(heard: &[Heard], is_told_to_start_afresh: bool) -> Result<(), String> {
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
            return Err(format!("{method} {target} depends on nothing"));
        }
        let is_fresh_start =
            target.ends_with("/storage") && (!has_records || is_told_to_start_afresh);
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
    fn what_is_lost_doubled_or_came_back_is_found_out() {
        type Change = fn(&mut Contents);
        let rows: [(&str, Change, bool); 6] = [
            ("as told", |_| {}, true),
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
                "doubled",
                |end| {
                    let notes = end.get_mut("notes").unwrap();
                    let twin = notes["note-07"].clone();
                    notes.insert("twin".into(), twin);
                },
                false,
            ),
            (
                "came back",
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
    fn a_request_that_no_rule_allows_is_found_out() {
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
            ("told to", vec![upload(), wipe()], true, true),
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
                "go on unconditionally",
                vec![heard("GET", "storage/notes?full=1&offset=5", false)],
                false,
                false,
            ),
        ];
        for (name, heard, is_told, is_right) in rows {
            assert_eq!(check_requests(&heard, is_told).is_ok(), is_right, "{name}");
        }
    }
}
