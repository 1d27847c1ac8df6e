//! Divides an upload that is too large for one batch, so that the server's tree is complete after each part
//! (collections.md §2.2, spec §3.7).
//!
//! A part contains with each item the folder that it is in now and the one that it was in. A folder whose children are
//! spread over several parts is sent in each of them, listing what the server has by then; its last record is the final
//! one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::{Value, json};

use crate::ids::{Guid, to_record_id};
use crate::merge::{Served, Upload};

/// What fits into one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of records.
    pub records: usize,
    /// Maximum sum of the bytes of their encrypted payloads.
    pub bytes: usize,
}

/// One batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its records in order.
    pub uploads: Vec<Upload>,
    /// Folders whose record in this part is not the final one: they still count as changed.
    pub unfinished: BTreeSet<Guid>,
}

/// Number of bytes of the encrypted payload of a cleartext: padded to 16 bytes, in base64, with IV and HMAC
/// (spec §4.5).
///
/// ```
/// assert!(selvedge_bookmarks::split::payload_bytes(1000) > 1344);
/// ```
#[must_use]
pub fn payload_bytes(cleartext: usize) -> usize {
    const IV_HMAC_AND_JSON: usize = 140;
    let padded = (cleartext / 16 + 1).saturating_mul(16);
    padded
        .div_ceil(3)
        .saturating_mul(4)
        .saturating_add(IV_HMAC_AND_JSON)
}

/// Divides `uploads` (as a plan has them, folders before their children). One part if it fits. What belongs together
/// (an item and its folders, a deleted folder and all that was in it) but does not fit gets a part of its own, which exceeds
/// the limits.
///
/// ```
/// use selvedge_bookmarks::split::{Limits, split};
///
/// assert!(split(Vec::new(), Limits { records: 100, bytes: 1_000_000 }).is_empty());
/// ```
#[must_use]
pub fn split(uploads: Vec<Upload>, limits: Limits) -> Vec<Part> {
    if uploads.is_empty() {
        return Vec::new();
    }
    let bytes: usize = uploads
        .iter()
        .map(|upload| payload_bytes(upload.record.len()))
        .sum();
    if uploads.len() <= limits.records && bytes <= limits.bytes {
        return vec![Part {
            uploads,
            unfinished: BTreeSet::new(),
        }];
    }
    Splitter::new(&uploads).parts(limits)
}

struct Splitter<'a> {
    uploads: &'a [Upload],
    by_id: HashMap<&'a Guid, usize>,
    /// Where each item was on the server.
    served_parents: HashMap<&'a Guid, &'a Guid>,
    /// The children of the uploaded folders.
    lists: HashMap<usize, Vec<Guid>>,
    /// The largest payload that each record can have in any part.
    sizes: Vec<usize>,
    /// In which part each item is placed finally.
    placed: HashMap<usize, usize>,
}

impl<'a> Splitter<'a> {
    fn new(uploads: &'a [Upload]) -> Self {
        let mut served_parents = HashMap::new();
        for upload in uploads {
            for child in &upload.served.children {
                served_parents.insert(child, &upload.id);
            }
        }
        for upload in uploads {
            if let Some(parent) = &upload.served.parent {
                served_parents.insert(&upload.id, parent);
            }
        }
        let lists = uploads
            .iter()
            .enumerate()
            .filter_map(|(index, upload)| Some((index, children(upload)?)));
        let lists: HashMap<usize, Vec<Guid>> = lists.collect();
        let size = |(index, upload): (usize, &Upload)| {
            let kept: HashSet<&Guid> = lists.get(&index).into_iter().flatten().collect();
            let leaving = upload
                .served
                .children
                .iter()
                .filter(|child| !kept.contains(child));
            let more: usize = leaving.map(|child| child.as_str().len() + 3).sum();
            payload_bytes(upload.record.len().saturating_add(more))
        };
        Self {
            sizes: uploads.iter().enumerate().map(size).collect(),
            uploads,
            by_id: uploads
                .iter()
                .enumerate()
                .map(|(index, upload)| (&upload.id, index))
                .collect(),
            served_parents,
            lists,
            placed: HashMap::new(),
        }
    }

    fn parts(mut self, limits: Limits) -> Vec<Part> {
        // The records of each part, by their index: the items' own and those of folders whose lists change.
        let mut parts: Vec<BTreeSet<usize>> = vec![BTreeSet::new()];
        let (mut records, mut bytes) = (0, 0);
        for index in 0..self.uploads.len() {
            if self.placed.contains_key(&index) {
                continue;
            }
            let needed = self.needed(index);
            let empty = BTreeSet::new();
            let current = parts.last().unwrap_or(&empty);
            let new: Vec<usize> = needed.difference(current).copied().collect();
            let more = self.size(&new);
            if !current.is_empty()
                && (records + new.len() > limits.records || bytes + more > limits.bytes)
            {
                records = needed.len();
                bytes = self.size(&needed);
                parts.push(needed.clone());
            } else {
                records += new.len();
                bytes += more;
                if let Some(last) = parts.last_mut() {
                    last.extend(new);
                }
            }
            let part = parts.len() - 1;
            for index in needed {
                self.placed.entry(index).or_insert(part);
            }
        }
        let count = parts.len();
        parts
            .iter()
            .enumerate()
            .map(|(part, records)| self.part(part, count, records))
            .collect()
    }

    /// A record, and those without which it would leave the server's tree incomplete: its folder and former folder, if
    /// they are uploaded, and all folders above that were moved.
    fn needed(&self, index: usize) -> BTreeSet<usize> {
        let mut needed = BTreeSet::new();
        let mut open = vec![index];
        while let Some(index) = open.pop() {
            if !needed.insert(index) {
                continue;
            }
            let Some(upload) = self.uploads.get(index) else {
                continue;
            };
            let was = self.served_parents.get(&upload.id).copied();
            let moved = upload.parent.as_ref() != was;
            // An item that is placed by an earlier part changes no list any more.
            if moved && !self.placed.contains_key(&index) {
                let folders = [upload.parent.as_ref(), was];
                open.extend(
                    folders
                        .into_iter()
                        .flatten()
                        .filter_map(|folder| self.by_id.get(folder)),
                );
            }
            if upload.is_tombstone() {
                // What was in a deleted folder leaves it with the deletion, or before.
                let inside = upload
                    .served
                    .children
                    .iter()
                    .filter_map(|child| self.by_id.get(child));
                open.extend(inside.filter(|child| !self.placed.contains_key(*child)));
            }
            let mut above = upload.parent.as_ref();
            while let Some(folder) = above.and_then(|folder| self.by_id.get(folder)) {
                let Some(upload) = self.uploads.get(*folder) else {
                    break;
                };
                let moved = upload.parent.as_ref() != self.served_parents.get(&upload.id).copied();
                if moved && !self.placed.contains_key(folder) {
                    open.push(*folder);
                }
                above = upload.parent.as_ref();
            }
        }
        needed
    }

    fn size<'b>(&self, records: impl IntoIterator<Item = &'b usize>) -> usize {
        records
            .into_iter()
            .filter_map(|index| self.sizes.get(*index))
            .sum()
    }

    fn part(&self, part: usize, count: usize, records: &BTreeSet<usize>) -> Part {
        let mut unfinished = BTreeSet::new();
        let uploads = records.iter().filter_map(|index| {
            let upload = self.uploads.get(*index)?;
            let Some(list) = self.lists.get(index).filter(|_| part + 1 < count) else {
                return Some(upload.clone());
            };
            let interim = self.list_after(part, upload, list);
            if interim == *list {
                return Some(upload.clone());
            }
            unfinished.insert(upload.id.clone());
            Some(Upload {
                record: with_children(&upload.record, &interim),
                ..upload.clone()
            })
        });
        let uploads = uploads.collect();
        Part {
            uploads,
            unfinished,
        }
    }

    /// A folder's children after a part: what is placed by then, and what has not left yet.
    fn list_after(&self, part: usize, folder: &Upload, list: &[Guid]) -> Vec<Guid> {
        let placed = |id: &Guid| match self.by_id.get(id).and_then(|index| self.placed.get(index)) {
            Some(at) => *at <= part,
            None => true,
        };
        let Served {
            children: served, ..
        } = &folder.served;
        let known: HashSet<&Guid> = served.iter().collect();
        let final_ones: HashSet<&Guid> = list.iter().collect();
        let mut interim: Vec<Guid> = list
            .iter()
            .filter(|id| placed(id) || known.contains(id))
            .cloned()
            .collect();
        interim.extend(
            served
                .iter()
                .filter(|id| !final_ones.contains(id) && !placed(id))
                .cloned(),
        );
        interim
    }
}

/// The children of a folder's record.
fn children(upload: &Upload) -> Option<Vec<Guid>> {
    let record: BTreeMap<String, Value> = serde_json::from_str(&upload.record).ok()?;
    if record.get("type").and_then(Value::as_str) != Some("folder") {
        return None;
    }
    let children = record.get("children")?.as_array()?;
    Some(
        children
            .iter()
            .filter_map(Value::as_str)
            .map(crate::ids::from_record_id)
            .collect(),
    )
}

fn with_children(record: &str, children: &[Guid]) -> String {
    let Ok(mut members) = serde_json::from_str::<serde_json::Map<String, Value>>(record) else {
        return record.to_owned();
    };
    let list: Vec<&str> = children.iter().map(to_record_id).collect();
    members.insert("children".to_owned(), json!(list));
    Value::Object(members).to_string()
}
