//! What the headers of a POST announce, checked against the limits (spec §3.4, §3.7).

use axum::http::HeaderMap;

use super::query::BatchStep;
use super::reply::{Refusal, WeaveCode};
use crate::model::Limits;

/// Refuses early what a POST's `X-Weave-Records`, `-Bytes`, `-Total-Records` and `-Total-Bytes` announce.
///
/// # Errors
/// 400 with code 17 when a limit is exceeded, with code 1 for totals outside of a batch.
pub(super) fn check(limits: &Limits, headers: &HeaderMap, batch: BatchStep) -> Result<(), Refusal> {
    for (name, limit, of_batch) in [
        ("x-weave-records", limits.max_post_records, false),
        ("x-weave-bytes", limits.max_post_bytes, false),
        ("x-weave-total-records", limits.max_total_records, true),
        ("x-weave-total-bytes", limits.max_total_bytes, true),
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

fn number(text: &str) -> Option<u64> {
    let digits = (1..=18).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BatchId;

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
                check(&limits(), &headers, batch),
                verdict,
                "{name}: {value}"
            );
        }
    }
}
