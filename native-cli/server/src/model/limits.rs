//! Limits of requests, batches and users (spec §3.7).

use std::collections::BTreeMap;

use serde::Serialize;

use super::write::Incoming;

/// Bytes that one user may store by default: the reference server's figure.
pub const DEFAULT_QUOTA_BYTES: u64 = 2_097_152_000;

/// What a storage backend allows a user.
#[derive(Debug, Clone, Default)]
pub struct Bounds {
    /// The limits of requests and batches.
    pub limits: Limits,
    /// Bytes that one user may store, open batches included; `None` for no limit.
    pub quota_bytes: Option<u64>,
}

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
    /// The defaults of Mozilla's servers.
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

/// The records of a POST within the limits, and the reasons of the others.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Sorted {
    /// The records to write.
    pub accepted: Vec<Incoming>,
    /// The ids of the others, each with a reason.
    pub failed: BTreeMap<String, &'static str>,
}

impl Limits {
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

#[cfg(test)]
mod tests {
    use selvedge_core::ids::RecordId;

    use super::super::write::Field;
    use super::*;

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
}
