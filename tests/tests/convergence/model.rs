//! What must be there in the end. Every value is written once only, so that it tells who wrote it.

use std::collections::{BTreeMap, BTreeSet};

use selvedge_core::reconcile::Rule;

/// The fields of a record with the values that are in them.
pub(crate) type Fields = BTreeMap<String, String>;

/// Remembers what was written where, and by what it was replaced knowingly.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// The record and field of each value.
    written: BTreeMap<String, (String, String)>,
    /// Values that somebody who saw them wrote over, removed, or deleted with their record.
    replaced: BTreeSet<String>,
    /// Records that somebody deleted, with the values that went.
    deleted: Vec<Deleted>,
    /// Deleted records whose tombstones the server forgot: a device that had not heard of the deletion brings them back as
    /// it knew them.
    forgiven: BTreeSet<String>,
    /// Values that only a device had whose records a decision removed.
    wiped: BTreeSet<String>,
    /// Values that a decision brought back, or left as they were on the server: what was done to them is undone.
    undone: BTreeSet<String>,
    /// The rules that reports named, by record.
    rules: BTreeMap<String, BTreeSet<Rule>>,
}

/// A deletion.
#[derive(Debug)]
struct Deleted {
    record: String,
    fields: Fields,
    /// Whether the device knew what the server had of it: only then it can tell what is there as something new.
    is_known_to_the_server: bool,
}

impl Model {
    /// A value that was never written before, for this field.
    pub(crate) fn write(&mut self, record: &str, field: &str) -> String {
        let value = format!("v{}", self.written.len());
        self.written
            .insert(value.clone(), (record.to_owned(), field.to_owned()));
        value
    }

    /// Somebody who saw this value replaced it.
    pub(crate) fn replace(&mut self, value: &str) {
        self.replaced.insert(value.to_owned());
    }

    /// Somebody deleted a record that held these fields.
    pub(crate) fn delete(&mut self, record: &str, fields: Fields, is_known_to_the_server: bool) {
        self.replaced.extend(fields.values().cloned());
        self.deleted.push(Deleted {
            record: record.to_owned(),
            fields,
            is_known_to_the_server,
        });
    }

    /// The server lost all that it had, its tombstones among it.
    pub(crate) fn server_forgets(&mut self) {
        self.forgiven
            .extend(self.deleted.drain(..).map(|deleted| deleted.record));
    }

    /// A decision removed the records of a device. What none has now may be gone for good; what was done to its records
    /// there, and not told the server, is undone.
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

    /// A person decided that the records of one device take the place of all others, of which the other devices have
    /// these values.
    pub(crate) fn stands(
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

    /// A report names a rule for a record.
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

    /// Checks what all devices have in the end, and what their journals have.
    ///
    /// # Errors
    /// What was lost, or came back, without a reason; what gave way and is in no journal.
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
                    "{value} in {field} of {record} is lost, and no rule says why"
                ));
            }
            if !is_there && !is_replaced && !journals.contains(value) {
                return Err(format!(
                    "{value} in {field} of {record} gave way, and no journal has it"
                ));
            }
            let may_return = self.forgiven.contains(record)
                || self.undone.contains(value)
                || self.has(record, ANY);
            if is_there && is_replaced && !may_return {
                return Err(format!(
                    "{value} in {field} of {record} came back, and no rule says why"
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
                    "{record} was deleted and is there as it was, and no rule says why"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With journals that have everything.
    fn check(model: &Model, end: &BTreeMap<String, Fields>) -> Result<(), String> {
        model.check(end, &model.written.keys().cloned().collect())
    }

    #[test]
    fn a_value_that_gave_way_and_is_in_no_journal_is_found_out() {
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
    fn a_value_that_is_lost_without_a_rule_is_found_out() {
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
    fn a_value_that_comes_back_without_a_rule_is_found_out() {
        let mut model = Model::default();
        let [old, new] = [(); 2].map(|()| model.write("r", "f"));
        model.replace(&old);
        assert!(check(&model, &end(Some(&new))).is_ok());
        assert!(check(&model, &end(Some(&old))).is_err());
        assert!(check(&model, &end(Some("v7"))).is_err());
    }

    #[test]
    fn a_deletion_that_is_undone_without_a_rule_is_found_out() {
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
    fn a_wipe_lets_go_what_nobody_else_has_and_no_more() {
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
    fn a_wipe_undoes_what_was_done_before_and_not_what_is_done_after() {
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
    fn where_one_device_takes_the_place_of_all_only_what_it_has_must_stay() {
        let mut model = Model::default();
        let [here, there] = ["f", "g"].map(|field| model.write("r", field));
        let elsewhere = BTreeSet::from([here.clone(), there]);
        model.stands(&held(&here), &elsewhere);
        assert!(check(&model, &end(Some(&here))).is_ok());
        assert!(check(&model, &end(None)).is_err());
    }
}
