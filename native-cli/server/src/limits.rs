//! The limits that `info/configuration` tells, and what they mean for one POST (spec §3.7).

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use serde::Serialize;

use super::query::BatchStep;
use super::reply::{Refusal, WeaveCode};
use super::storage::Incoming;

/// The limits of this server. A value equal to a limit is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Bytes of one request's body.
    pub max_request_bytes: u64,
    /// Records of one POST.
    pub max_post_records: u64,
    /// Bytes of the payloads of one POST.
    pub max_post_bytes: u64,
    /// Records of one batch.
    pub max_total_records: u64,
    /// Bytes of the payloads of one batch.
    pub max_total_bytes: u64,
    /// Bytes of one payload.
    pub max_record_payload_bytes: u64,
}

impl Default for Limits {
    /// What Mozilla's servers start with.
    fn default() -> Self {
        const PAYLOAD: u64 = 2_621_440;
        Self {
            max_request_bytes: PAYLOAD + 4096,
            max_post_records: 100,
            max_post_bytes: PAYLOAD,
            max_total_records: 10_000,
            max_total_bytes: PAYLOAD * 100,
            max_record_payload_bytes: PAYLOAD,
        }
    }
}

/// The records of a POST that fit, and why the others did not.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Sorted {
    /// What can be written.
    pub accepted: Vec<Incoming>,
    /// The others' ids, each with a reason.
    pub failed: BTreeMap<String, &'static str>,
}

impl Limits {
    /// Refuses early what a POST's `X-Weave-Records`, `-Bytes`, `-Total-Records` and `-Total-Bytes` announce (§3.4).
    ///
    /// # Errors
    /// 400 with code 17 when a limit is exceeded, with code 1 for totals outside of a batch.
    pub fn check_announced(&self, headers: &HeaderMap, batch: BatchStep) -> Result<(), Refusal> {
        for (name, limit, of_batch) in [
            ("x-weave-records", self.max_post_records, false),
            ("x-weave-bytes", self.max_post_bytes, false),
            ("x-weave-total-records", self.max_total_records, true),
            ("x-weave-total-bytes", self.max_total_bytes, true),
        ] {
            let Some(value) = headers.get(name) else {
                continue;
            };
            if of_batch && batch == BatchStep::None {
                return Err(Refusal::BadRequest(WeaveCode::IllegalMethod));
            }
            let number = value.to_str().ok().and_then(number);
            if number.ok_or(Refusal::BadRequest(WeaveCode::Unknown))? > limit {
                return Err(Refusal::BadRequest(WeaveCode::LimitExceeded));
            }
        }
        Ok(())
    }

    /// Sorts the records of a POST into those within the limits and the others.
    #[must_use]
    pub fn sort(&self, records: Vec<Incoming>) -> Sorted {
        let mut sorted = Sorted::default();
        let (mut count, mut bytes) = (0, 0);
        for record in records {
            let size = record.payload_bytes();
            if size > self.max_record_payload_bytes {
                sorted
                    .failed
                    .insert(record.id.to_string(), "payload too large");
            } else if count == self.max_post_records {
                sorted.failed.insert(record.id.to_string(), "retry bso");
            } else if bytes + size > self.max_post_bytes {
                sorted.failed.insert(record.id.to_string(), "retry bytes");
            } else {
                count += 1;
                bytes += size;
                sorted.accepted.push(record);
            }
        }
        sorted
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = (1..=18).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use selvedge_core::ids::RecordId;

    use super::*;
    use crate::storage::{BatchId, Field};

    fn limits() -> Limits {
        Limits {
            max_request_bytes: 1000,
            max_post_records: 3,
            max_post_bytes: 60,
            max_total_records: 7,
            max_total_bytes: 200,
            max_record_payload_bytes: 30,
        }
    }

    fn record(id: &str, size: usize) -> Incoming {
        Incoming {
            id: RecordId::new(id).unwrap(),
            payload: Field::Set("x".repeat(size)),
            sortindex: Field::Keep,
            ttl: Field::Keep,
        }
    }

    #[test]
    fn what_does_not_fit_into_a_post_fails_by_itself() {
        for (sizes, accepted, failed) in [
            (&[30, 30][..], 2, None),
            (&[31, 30], 1, Some("payload too large")),
            (&[1, 1, 1, 1], 3, Some("retry bso")),
            (&[30, 29, 2], 2, Some("retry bytes")),
        ] {
            let records = sizes
                .iter()
                .zip(b'a'..)
                .map(|(size, id)| record(&char::from(id).to_string(), *size));
            let sorted = limits().sort(records.collect());
            assert_eq!(sorted.accepted.len(), accepted, "{sizes:?}");
            assert_eq!(sorted.failed.values().next().copied(), failed, "{sizes:?}");
        }
    }

    #[test]
    fn announced_sizes_are_refused_before_the_work() {
        let refused = |code| Err(Refusal::BadRequest(code));
        let add = BatchStep::Add(BatchId(1));
        for (name, value, batch, verdict) in [
            ("x-weave-records", "3", BatchStep::None, Ok(())),
            (
                "x-weave-records",
                "4",
                BatchStep::None,
                refused(WeaveCode::LimitExceeded),
            ),
            ("x-weave-bytes", "60", BatchStep::Open, Ok(())),
            (
                "x-weave-bytes",
                "61",
                add,
                refused(WeaveCode::LimitExceeded),
            ),
            ("x-weave-total-records", "7", BatchStep::Open, Ok(())),
            (
                "x-weave-total-records",
                "8",
                BatchStep::Open,
                refused(WeaveCode::LimitExceeded),
            ),
            (
                "x-weave-total-records",
                "1",
                BatchStep::None,
                refused(WeaveCode::IllegalMethod),
            ),
            ("x-weave-total-records", "1", BatchStep::Whole, Ok(())),
            (
                "x-weave-total-bytes",
                "201",
                add,
                refused(WeaveCode::LimitExceeded),
            ),
            (
                "x-weave-total-bytes",
                "1",
                BatchStep::None,
                refused(WeaveCode::IllegalMethod),
            ),
            (
                "x-weave-bytes",
                "many",
                BatchStep::None,
                refused(WeaveCode::Unknown),
            ),
            (
                "x-weave-records",
                "-1",
                BatchStep::None,
                refused(WeaveCode::Unknown),
            ),
        ] {
            let headers = [(name.parse().unwrap(), value.parse().unwrap())]
                .into_iter()
                .collect();
            assert_eq!(
                limits().check_announced(&headers, batch),
                verdict,
                "{name}: {value}"
            );
        }
    }
}
