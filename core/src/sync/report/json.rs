//! The result of a sync as JSON, under the names that people and JavaScript see.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use super::{ClientsReport, CollectionReport, CollectionStatus, Ending, Report, Skip};
use crate::error::Error;
use crate::repository::Failed;
use crate::sync::state::Mode;

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("ending", self.ending.word())?;
        match &self.ending {
            Ending::Stopped(error) => map.serialize_entry("error", &Problem::of(error))?,
            Ending::Blocked(obstacle) => {
                map.serialize_entry("error", &Problem::new("blocked", obstacle.to_string()))?
            }
            Ending::NeedsConsent(consent) => {
                map.serialize_entry(
                    "error",
                    &Problem::new("needs-consent", consent.reason.to_string()),
                )?;
                map.serialize_entry("consent", consent)?;
            }
            Ending::Done | Ending::NothingToDo | Ending::CutShort | Ending::LoggedOut => {}
        }
        map.serialize_entry("outcome", self.outcome().word())?;
        map.serialize_entry("freshStart", &self.fresh_start)?;
        map.serialize_entry("restored", &self.restored)?;
        map.serialize_entry("firstSync", &self.first_sync.map(Mode::word))?;
        map.serialize_entry("wipedHere", &self.wiped_here)?;
        map.serialize_entry("wipedThere", &self.wiped_there)?;
        map.serialize_entry("keptThere", &self.kept_there)?;
        map.serialize_entry("collections", &self.collections)?;
        map.serialize_entry("clients", &self.clients)?;
        map.serialize_entry("commands", &self.commands)?;
        map.serialize_entry("tabs", &self.tabs)?;
        map.serialize_entry("requests", &self.traffic.requests)?;
        map.serialize_entry("bytesSent", &self.traffic.bytes_sent)?;
        map.serialize_entry("bytesReceived", &self.traffic.bytes_received)?;
        map.serialize_entry("milliseconds", &self.millis)?;
        map.serialize_entry("retryAfter", &self.backoff.until())?;
        map.serialize_entry(
            "alerts",
            &self
                .alerts
                .iter()
                .map(|alert| alert.text())
                .collect::<Vec<_>>(),
        )?;
        map.end()
    }
}

impl Serialize for ClientsReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("status", self.status.word())?;
        match &self.status {
            CollectionStatus::Failed(error) => map.serialize_entry("error", &Problem::of(error))?,
            CollectionStatus::Skipped(skip @ (Skip::OutOfDate { .. } | Skip::Unreadable)) => {
                map.serialize_entry("error", &Problem::new("skipped", skip.to_string()))?;
            }
            _ => {}
        }
        map.serialize_entry("known", &self.known)?;
        map.serialize_entry("unreadable", &self.unreadable)?;
        map.serialize_entry("passedOver", &self.passed_over)?;
        map.end()
    }
}

impl Serialize for CollectionReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("status", self.status.word())?;
        match &self.status {
            CollectionStatus::Failed(error) => map.serialize_entry("error", &Problem::of(error))?,
            CollectionStatus::Skipped(skip) => {
                map.serialize_entry("error", &Problem::new("skipped", skip.to_string()))?
            }
            CollectionStatus::Ok | CollectionStatus::Partial => {}
        }
        map.serialize_entry("received", &self.pulled.received)?;
        map.serialize_entry("applied", &self.pulled.applied)?;
        map.serialize_entry("sent", &self.pushed.sent)?;
        map.serialize_entry(
            "failed",
            &(self.pulled.failed_count + self.pushed.failed_count),
        )?;
        map.serialize_entry("failedIn", &problems(&self.pulled.failed))?;
        map.serialize_entry("failedOut", &problems(&self.pushed.failed))?;
        let rules: Vec<[&str; 2]> = self
            .pulled
            .rules
            .iter()
            .map(|(id, rule)| [id.as_str(), rule.as_str()])
            .collect();
        map.serialize_entry("rules", &rules)?;
        map.serialize_entry("replaced", &self.pulled.replaced)?;
        map.serialize_entry("compared", &self.compared)?;
        map.serialize_entry("lacking", &self.lacking)?;
        map.serialize_entry("requests", &self.traffic.requests)?;
        map.serialize_entry("bytesSent", &self.traffic.bytes_sent)?;
        map.serialize_entry("bytesReceived", &self.traffic.bytes_received)?;
        map.serialize_entry("milliseconds", &self.millis)?;
        map.end()
    }
}

fn problems(failed: &[Failed]) -> Vec<FailedRecord<'_>> {
    let id = |failed: &'_ Failed| failed.id.as_ref().map(ToString::to_string);
    failed
        .iter()
        .map(|failed| FailedRecord {
            id: id(failed),
            failed,
        })
        .collect()
}

struct FailedRecord<'a> {
    id: Option<String>,
    failed: &'a Failed,
}

impl Serialize for FailedRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_struct("Failed", 2)?;
        record.serialize_field("id", &self.id)?;
        record.serialize_field("reason", &self.failed.failure.to_string())?;
        record.end()
    }
}

struct Problem {
    code: &'static str,
    message: String,
}

impl Problem {
    const fn new(code: &'static str, message: String) -> Self {
        Self { code, message }
    }

    fn of(error: &Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut problem = serializer.serialize_struct("Problem", 2)?;
        problem.serialize_field("code", self.code)?;
        problem.serialize_field("message", &self.message)?;
        problem.end()
    }
}
