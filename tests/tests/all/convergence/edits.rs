//! Edits of records on a device.

use selvedge_core::host::{Base, Store as _};
use selvedge_core::ids::RecordId;
use serde_json::{Map, Value};

use crate::convergence::devices::{Devices, fields, notes};
use crate::convergence::model::Fields;

fn name_of(record: u8) -> String {
    format!("record-{record}")
}

fn name_of_field(field: u8) -> String {
    format!("field-{field}")
}

impl Devices<'_> {
    async fn get(&self, device: usize, record: &RecordId) -> Option<Fields> {
        self.records(device)
            .get(record)
            .await
            .unwrap()
            .map(|text| fields(&text))
    }

    pub(crate) async fn put(&mut self, device: usize, record: u8, bits: u8) {
        let id = RecordId::new(name_of(record)).unwrap();
        let old = self.get(device, &id).await.unwrap_or_default();
        old.values().for_each(|value| self.model.replace(value));
        let names = (0..3)
            .filter(|bit| bits & (1 << bit) != 0)
            .map(name_of_field);
        let object: Map<String, Value> = names
            .map(|name| (name.clone(), self.model.write(id.as_str(), &name).into()))
            .collect();
        self.records(device)
            .put(Some(id), &Value::Object(object).to_string())
            .await
            .unwrap();
    }

    pub(crate) async fn set(&mut self, device: usize, record: u8, field: u8) {
        let (id, field) = (
            RecordId::new(name_of(record)).unwrap(),
            name_of_field(field),
        );
        let Some(old) = self.get(device, &id).await else {
            return;
        };
        old.get(&field)
            .into_iter()
            .for_each(|value| self.model.replace(value));
        let value = self.model.write(id.as_str(), &field);
        let patch = Map::from_iter([(field, value.into())]);
        self.records(device)
            .edit(&id, &Value::Object(patch).to_string())
            .await
            .unwrap();
    }

    pub(crate) async fn remove(&mut self, device: usize, record: u8, field: u8) {
        let (id, field) = (
            RecordId::new(name_of(record)).unwrap(),
            name_of_field(field),
        );
        let Some(old) = self.get(device, &id).await else {
            return;
        };
        old.get(&field)
            .into_iter()
            .for_each(|value| self.model.replace(value));
        let patch = Map::from_iter([(field, Value::Null)]);
        self.records(device)
            .edit(&id, &Value::Object(patch).to_string())
            .await
            .unwrap();
    }

    pub(crate) async fn delete(&mut self, device: usize, record: u8) {
        let id = RecordId::new(name_of(record)).unwrap();
        let Some(old) = self.get(device, &id).await else {
            return;
        };
        let stored = self.hosts[device]
            .read(&notes(), std::slice::from_ref(&id))
            .await
            .unwrap();
        let is_known = stored
            .into_iter()
            .flatten()
            .any(|stored| stored.item.base != Base::Unknown);
        self.model.delete(id.as_str(), old, is_known);
        self.records(device).delete(&id).await.unwrap();
    }
}
