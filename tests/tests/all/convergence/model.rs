//! The expected final state. Every value is written only once, so that it identifies its write.

use std::collections::{BTreeMap, BTreeSet};

use selvedge_core::reconcile::Rule;

/// The fields of a record with the values that are in them.
pub(crate) type Fields = BTreeMap<String, String>;

/// Records all writes, and which values were replaced by devices that had them.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// The record and field of each value.
    written: BTreeMap<String, (String, String)>,
    /// Values that a device that had them overwrote, removed, or deleted with their record.
    replaced: BTreeSet<String>,
    /// Deleted records, with their values.
    deleted: Vec<Deleted>,
    /// Deleted records whose tombstones the server lost: a device that did not receive the deletion uploads them again.
    tombstone_lost: BTreeSet<String>,
    /// Values that existed only on a device whose records a decision removed.
    wiped: BTreeSet<String>,
    /// Values that a decision restored, or left unchanged on the server: earlier changes of them are undone.
    undone: BTreeSet<String>,
    /// The rules that reports named, by record.
    rules: BTreeMap<String, BTreeSet<Rule>>,
}

/// A deletion.
#[derive(Debug)]
struct Deleted {
    record: String,
    fields: Fields,
    /// Whether the device knew the server's version: only then can it distinguish a new version.
    is_known_to_the_server: bool,
}

impl Model {
    /// Returns a new value for a field, and records the write.
    pub(crate) fn write(&mut self, record: &str, field: &str) -> String {
        let value = format!("v{}", self.written.len());
        self.written
            .insert(value.clone(), (record.to_owned(), field.to_owned()));
        value
    }

    /// Records that a device that had this value replaced it.
    pub(crate) fn replace(&mut self, value: &str) {
        self.replaced.insert(value.to_owned());
    }

    /// Records the deletion of a record with these fields.
    pub(crate) fn delete(&mut self, record: &str, fields: Fields, is_known_to_the_server: bool) {
        self.replaced.extend(fields.values().cloned());
        self.deleted.push(Deleted {
            record: record.to_owned(),
            fields,
            is_known_to_the_server,
        });
    }

    /// Records that the server lost all its data, including tombstones.
    pub(crate) fn server_forgets(&mut self) {
        self.tombstone_lost
            .extend(self.deleted.drain(..).map(|deleted| deleted.record));
    }

    /// Records that a decision removed the records of a device. Values that no device has now may be lost; local changes of its
    /// records that were not uploaded are undone.
    pub(crate) fn wiped(
        &mut self,
        records: &BTreeMap<String, Fields>,
        ids: &BTreeSet<String>,
        kept: &BTreeSet<String>,
    ) {
        let values = records.values().flat_map(Fields::values);
        self.wiped
            .extend(values.filter(|value| !kept.contains(*value)).cloned());
        let is_of = |value: &&String| {
            let place = self.written.get(*value);
            place.is_some_and(|(record, _)| ids.contains(record))
        };
        self.undone
            .extend(self.replaced.iter().filter(is_of).cloned());
        self.deleted
            .retain(|deleted| !ids.contains(&deleted.record));
    }

    /// Records the user's decision that the records of one device replace all others; `elsewhere` are the values of the other
    /// devices.
    pub(crate) fn replaces_all(
        &mut self,
        records: &BTreeMap<String, Fields>,
        elsewhere: &BTreeSet<String>,
    ) {
        let values: BTreeSet<&String> = records.values().flat_map(Fields::values).collect();
        let others = elsewhere.iter().filter(|value| !values.contains(value));
        self.wiped.extend(others.cloned());
        self.undone.extend(values.into_iter().cloned());
        self.deleted
            .retain(|deleted| !records.contains_key(&deleted.record));
        self.server_forgets();
    }

    /// Records that a report names a rule for a record.
    pub(crate) fn rule(&mut self, record: &str, rule: Rule) {
        self.rules
            .entry(record.to_owned())
            .or_default()
            .insert(rule);
    }

    fn has(&self, record: &str, rules: &[Rule]) -> bool {
        self.rules
            .get(record)
            .is_some_and(|named| rules.iter().any(|rule| named.contains(rule)))
    }

    /// Checks the final records of all devices, and their journals.
    ///
    /// # Errors
    /// A value that was lost or returned without a reason, or that was replaced and is not in a journal.
    pub(crate) fn check(
        &self,
        end: &BTreeMap<String, Fields>,
        journals: &BTreeSet<String>,
    ) -> Result<(), String> {
        const OF_FIELDS: &[Rule] = &[Rule::NewerFieldWins, Rule::ServerBeatsResend];
        const ANY: &[Rule] = &[
            Rule::NewerFieldWins,
            Rule::ServerBeatsResend,
            Rule::EditBeatsDelete,
            Rule::FieldKeptWithoutBase,
        ];
        let value_at =
            |record: &str, field: &str| end.get(record).and_then(|fields| fields.get(field));
        for (value, (record, field)) in &self.written {
            let is_there = value_at(record, field) == Some(value);
            let is_replaced = self.replaced.contains(value);
            let may_go = self.wiped.contains(value) || self.has(record, OF_FIELDS);
            if !is_there && !is_replaced && !may_go {
                return Err(format!(
                    "{value} in {field} of {record} is lost, and no reported rule explains it"
                ));
            }
            if !is_there && !is_replaced && !journals.contains(value) {
                return Err(format!(
                    "{value} in {field} of {record} was replaced, and no journal has it"
                ));
            }
            let may_return = self.tombstone_lost.contains(record)
                || self.undone.contains(value)
                || self.has(record, ANY);
            if is_there && is_replaced && !may_return {
                return Err(format!(
                    "{value} in {field} of {record} returned, and no reported rule explains it"
                ));
            }
        }
        for (record, fields) in end {
            for (field, value) in fields {
                let place = self.written.get(value);
                if place != Some(&(record.clone(), field.clone())) {
                    return Err(format!(
                        "{value} in {field} of {record} was never written there"
                    ));
                }
            }
        }
        let known = |deleted: &&Deleted| deleted.is_known_to_the_server;
        for deleted in self.deleted.iter().filter(known) {
            let Deleted {
                record,
                fields: gone,
                ..
            } = deleted;
            let Some(fields) = end.get(record) else {
                continue;
            };
            let is_the_same = !fields.is_empty()
                && fields
                    .values()
                    .all(|value| gone.values().any(|old| old == value));
            if is_the_same && !self.has(record, &[Rule::EditBeatsDelete]) {
                return Err(format!(
                    "{record} was deleted and exists unchanged, and no reported rule explains it"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks with journals that contain everything.
    fn check(model: &Model, end: &BTreeMap<String, Fields>) -> Result<(), String> {
        model.check(end, &model.written.keys().cloned().collect())
    }

    #[test]
    fn a_replaced_value_that_is_not_in_a_journal_is_detected() {
        let mut model = Model::default();
        let value = model.write("r", "f");
        model.rule("r", Rule::NewerFieldWins);
        assert!(model.check(&end(None), &BTreeSet::from([value])).is_ok());
        assert!(model.check(&end(None), &BTreeSet::new()).is_err());
    }

    fn end(value: Option<&str>) -> BTreeMap<String, Fields> {
        let record = value.map(|value| {
            (
                "r".to_owned(),
                Fields::from([("f".to_owned(), value.to_owned())]),
            )
        });
        record.into_iter().collect()
    }

    #[test]
    fn a_value_lost_without_a_rule_is_detected() {
        let mut model = Model::default();
        let value = model.write("r", "f");
        assert!(check(&model, &end(Some(&value))).is_ok());
        assert!(check(&model, &end(None)).is_err());
        model.rule("other", Rule::NewerFieldWins);
        assert!(check(&model, &end(None)).is_err());
        model.rule("r", Rule::NewerFieldWins);
        assert!(check(&model, &end(None)).is_ok());
    }

    #[test]
    fn a_value_that_returns_without_a_rule_is_detected() {
        let mut model = Model::default();
        let [old, new] = [(); 2].map(|()| model.write("r", "f"));
        model.replace(&old);
        assert!(check(&model, &end(Some(&new))).is_ok());
        assert!(check(&model, &end(Some(&old))).is_err());
        assert!(check(&model, &end(Some("v7"))).is_err());
    }

    #[test]
    fn a_deletion_undone_without_a_rule_is_detected() {
        let mut model = Model::default();
        let value = model.write("r", "f");
        model.delete("r", Fields::from([("f".to_owned(), value.clone())]), true);
        assert!(check(&model, &end(None)).is_ok());
        assert!(check(&model, &end(Some(&value))).is_err());
        model.rule("r", Rule::NewerFieldWins);
        assert!(check(&model, &end(Some(&value))).is_err());
        model.rule("r", Rule::EditBeatsDelete);
        assert!(check(&model, &end(Some(&value))).is_ok());
    }

    fn held(value: &str) -> BTreeMap<String, Fields> {
        end(Some(value))
    }

    #[test]
    fn a_wipe_allows_only_the_loss_of_values_that_no_other_device_has() {
        let mut model = Model::default();
        let [gone, kept] = ["gone", "kept"].map(|field| model.write("r", field));
        let ids = BTreeSet::from(["r".to_owned()]);
        for value in [&gone, &kept] {
            model.wiped(&held(value), &ids, &BTreeSet::from([kept.clone()]));
        }
        let all = Fields::from([("kept".to_owned(), kept.clone())]);
        assert!(check(&model, &BTreeMap::from([("r".to_owned(), all)])).is_ok());
        assert!(check(&model, &BTreeMap::new()).is_err());
    }

    #[test]
    fn a_wipe_undoes_earlier_changes_and_not_later_ones() {
        let mut model = Model::default();
        let [old, new] = [(); 2].map(|()| model.write("r", "f"));
        model.replace(&old);
        let ids = BTreeSet::from(["r".to_owned()]);
        model.wiped(&held(&new), &ids, &BTreeSet::new());
        assert!(check(&model, &end(Some(&old))).is_ok());
        let newest = model.write("r", "f");
        model.replace(&new);
        assert!(check(&model, &end(Some(&newest))).is_ok());
        assert!(check(&model, &end(Some(&new))).is_err());
    }

    #[test]
    fn when_one_device_replaces_all_only_its_values_must_stay() {
        let mut model = Model::default();
        let [here, there] = ["f", "g"].map(|field| model.write("r", field));
        let elsewhere = BTreeSet::from([here.clone(), there]);
        model.replaces_all(&held(&here), &elsewhere);
        assert!(check(&model, &end(Some(&here))).is_ok());
        assert!(check(&model, &end(None)).is_err());
    }
}
