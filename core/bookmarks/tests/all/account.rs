//! A server and devices in memory.

use std::collections::BTreeMap;

use selvedge_bookmarks::check::check;
use selvedge_bookmarks::ids::{Guid, MakeGuid, from_record_id, guid_of, to_record_id};
use selvedge_bookmarks::merge::{Input, LocalRecord, MergeError, Plan, ServerRecord, merge};
use selvedge_bookmarks::record::{Reading, read, tombstone};
use selvedge_bookmarks::tree::{Changes, Tree};
use serde_json::{Value, json};

/// Ids that count up.
#[derive(Default)]
pub(crate) struct Ids(pub(crate) u64);

impl MakeGuid for Ids {
    fn make_guid(&mut self) -> Guid {
        self.0 += 1;
        let mut bytes = [0xf0; 9];
        bytes[1..].copy_from_slice(&self.0.to_be_bytes());
        guid_of(bytes)
    }
}

/// The server's records, and its clock in milliseconds.
#[derive(Default)]
pub(crate) struct Server {
    pub(crate) records: BTreeMap<String, (Value, i64)>,
    pub(crate) now: i64,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self {
            now: 1_796_000_000_000,
            ..Self::default()
        }
    }

    /// Writes records in one batch, as another client does.
    pub(crate) fn write(&mut self, records: impl IntoIterator<Item = Value>) {
        self.now += 10_000;
        for record in records {
            let id = record["id"].as_str().unwrap().to_owned();
            self.records.insert(id, (record, self.now));
        }
        self.now += 10_000;
    }

    pub(crate) fn get(&self, id: &str) -> &Value {
        &self.records[id].0
    }

    pub(crate) fn children(&self, id: &str) -> Vec<String> {
        let list = self.get(id)["children"].as_array().unwrap();
        list.iter()
            .map(|child| child.as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        self.records
            .iter()
            .map(|(id, (value, modified))| read(id, value.clone(), *modified))
            .collect()
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        check(self.readings().iter())
            .iter()
            .map(ToString::to_string)
            .collect()
    }
}

#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) value: Value,
    pub(crate) modified: i64,
    pub(crate) changed: bool,
}

/// A device: its store, as a host keeps it.
#[derive(Default, Clone)]
pub(crate) struct Device {
    pub(crate) base: BTreeMap<String, (Value, i64)>,
    pub(crate) local: BTreeMap<String, Stored>,
    pub(crate) read_until: i64,
}

impl Device {
    pub(crate) fn tree(&self) -> Tree {
        let items = self.local.iter().filter_map(|(id, stored)| {
            match read(id, stored.value.clone(), stored.modified) {
                Reading::Item(received) => Some(received.item),
                _ => None,
            }
        });
        Tree::build(items).0
    }

    /// Edits the tree and stores what changed.
    pub(crate) fn edit(&mut self, now: i64, edit: impl FnOnce(&mut Tree) -> Changes) {
        let mut tree = self.tree();
        let changes = edit(&mut tree);
        for id in &changes.changed {
            let value = Value::Object(tree.record(id).unwrap());
            self.local.insert(
                to_record_id(id).to_owned(),
                Stored {
                    value,
                    modified: now,
                    changed: true,
                },
            );
        }
        for id in &changes.deleted {
            let name = to_record_id(id).to_owned();
            if self.base.contains_key(&name) {
                let value = Value::Object(tombstone(id));
                self.local.insert(
                    name,
                    Stored {
                        value,
                        modified: now,
                        changed: true,
                    },
                );
            } else {
                self.local.remove(&name);
            }
        }
    }

    pub(crate) fn input(&self, server: &Server) -> Input {
        let incoming = server
            .records
            .iter()
            .filter(|(_, (_, modified))| *modified > self.read_until);
        let record = |(id, (value, modified)): (&String, &(Value, i64))| ServerRecord {
            reading: read(id, value.clone(), *modified),
            modified: *modified,
        };
        Input {
            base: self.base.iter().map(record).collect(),
            incoming: incoming.map(record).collect(),
            local: self
                .local
                .iter()
                .map(|(id, stored)| LocalRecord {
                    reading: read(id, stored.value.clone(), stored.modified),
                    modified: stored.modified,
                    changed: stored.changed,
                })
                .collect(),
            server_now: server.now,
            local_now: server.now,
        }
    }

    pub(crate) fn try_sync(&mut self, server: &mut Server) -> Result<Plan, MergeError> {
        let plan = merge(
            self.input(server),
            &mut Ids(u64::try_from(server.now).unwrap()),
        )?;
        self.stage(server);
        self.apply(&plan, server.now);
        self.upload(&plan, server);
        Ok(plan)
    }

    /// A sync that stores what the merge decided and is killed before it uploads.
    pub(crate) fn killed_sync(&mut self, server: &Server) {
        let plan = merge(
            self.input(server),
            &mut Ids(u64::try_from(server.now).unwrap()),
        )
        .unwrap();
        self.stage(server);
        self.apply(&plan, server.now);
        self.read_until = server.now;
    }

    /// What arrived becomes what the server has.
    fn stage(&mut self, server: &Server) {
        let arrived = server
            .records
            .iter()
            .filter(|(_, (_, modified))| *modified > self.read_until);
        for (id, record) in arrived {
            if record.0.get("deleted").is_some() {
                self.base.remove(id);
            } else {
                self.base.insert(id.clone(), record.clone());
            }
        }
    }

    pub(crate) fn sync(&mut self, server: &mut Server) -> Plan {
        self.try_sync(server).unwrap()
    }

    fn apply(&mut self, plan: &Plan, now: i64) {
        for id in plan.forgotten_tombstones.iter().chain(&plan.deletions) {
            self.local.remove(to_record_id(id));
        }
        for id in &plan.settled {
            if let Some(stored) = self.local.get_mut(to_record_id(id)) {
                stored.changed = false;
            }
        }
        for id in &plan.tombstones {
            let value = Value::Object(tombstone(id));
            self.local.insert(
                to_record_id(id).to_owned(),
                Stored {
                    value,
                    modified: now,
                    changed: true,
                },
            );
        }
        for upsert in &plan.upserts {
            let value = serde_json::from_str(&upsert.record).unwrap();
            let stored = Stored {
                value,
                modified: now,
                changed: upsert.changed,
            };
            self.local
                .insert(to_record_id(&upsert.id).to_owned(), stored);
        }
    }

    fn upload(&mut self, plan: &Plan, server: &mut Server) {
        server.now += 10;
        for upload in &plan.uploads {
            let value: Value = serde_json::from_str(&upload.record).unwrap();
            let id = to_record_id(&upload.id).to_owned();
            assert_eq!(value["id"], id.as_str());
            if upload.is_tombstone() {
                self.local.remove(&id);
                self.base.remove(&id);
            } else {
                self.base.insert(id.clone(), (value.clone(), server.now));
                self.local.get_mut(&id).unwrap().changed = false;
            }
            server.records.insert(id, (value, server.now));
        }
        for id in &plan.hard_deletions {
            server.records.remove(to_record_id(id));
        }
        self.base
            .retain(|_, (value, _)| value.get("deleted").is_none());
        self.read_until = server.now;
        server.now += 1000;
    }
}

pub(crate) fn id(text: &str) -> Guid {
    from_record_id(text)
}

pub(crate) fn page(id: &str, parent: &str) -> Value {
    json!({
        "id": id, "type": "bookmark", "parentid": parent, "parentName": "", "hasDupe": true,
        "dateAdded": 1_795_000_000_000_i64, "title": id, "bmkUri": format!("https://example.org/{id}"),
    })
}

pub(crate) fn folder(id: &str, parent: &str, children: &[&str]) -> Value {
    json!({
        "id": id, "type": "folder", "parentid": parent, "parentName": "", "hasDupe": true,
        "dateAdded": 1_795_000_000_000_i64, "title": id, "children": children,
    })
}

pub(crate) fn deleted(id: &str) -> Value {
    json!({"id": id, "deleted": true})
}

/// A copy of a record with one member changed.
pub(crate) fn with(mut record: Value, name: &str, value: impl Into<Value>) -> Value {
    record[name] = value.into();
    record
}

/// A device and a server that agree: the menu holds two pages and a folder with two more.
pub(crate) fn agreed() -> (Device, Server) {
    let mut server = Server::new();
    server.write([
        folder(
            "menu",
            "places",
            &["pageAAAAAAAA", "pageBBBBBBBB", "folderCCCCCC"],
        ),
        folder("toolbar", "places", &[]),
        folder("unfiled", "places", &[]),
        folder("mobile", "places", &[]),
        page("pageAAAAAAAA", "menu"),
        page("pageBBBBBBBB", "menu"),
        folder("folderCCCCCC", "menu", &["pageDDDDDDDD", "pageEEEEEEEE"]),
        page("pageDDDDDDDD", "folderCCCCCC"),
        page("pageEEEEEEEE", "folderCCCCCC"),
    ]);
    let mut device = Device::default();
    let plan = device.sync(&mut server);
    assert_eq!(plan.uploads, []);
    (device, server)
}

pub(crate) fn names(device: &Device, folder: &str) -> Vec<String> {
    device
        .tree()
        .children(&id(folder))
        .map(|item| to_record_id(&item.id).to_owned())
        .collect()
}

pub(crate) fn uploaded(plan: &Plan) -> Vec<String> {
    let mut ids: Vec<String> = plan
        .uploads
        .iter()
        .map(|upload| {
            format!(
                "{}{}",
                if upload.is_tombstone() { "-" } else { "" },
                to_record_id(&upload.id)
            )
        })
        .collect();
    ids.sort();
    ids
}
