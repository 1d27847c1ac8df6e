//! Uploads of records of any sizes with any limits.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::rc::Rc;
use core::cell::RefCell;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::http::Request;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A simulated server that enforces its limits, supports batches and stores committed records.
#[derive(Default)]
struct SimulatedServer {
    limits: Limits,
    has_batches: bool,
    /// Rejects every n-th record of a POST as not fitting, the first time only.
    refuses: usize,
    refused: BTreeSet<String>,
    is_open: bool,
    open: BTreeMap<String, u64>,
    committed: Vec<String>,
    writes: u64,
}

impl SimulatedServer {
    fn answer(&mut self, request: &Request) -> Answer {
        #[derive(Deserialize)]
        struct Bso {
            id: String,
            payload: String,
        }
        let records: Vec<Bso> = serde_json::from_slice(&request.body).unwrap();
        let bytes: u64 = records.iter().map(|bso| bso.payload.len() as u64).sum();
        let count = records.len() as u64;
        let limits = self.limits;
        assert!(
            request.body.len() as u64 <= limits.max_request_bytes,
            "body"
        );
        assert!(
            count <= limits.max_post_records && bytes <= limits.max_post_bytes,
            "POST"
        );
        assert_eq!(
            request.header("X-Weave-Records"),
            Some(count.to_string().as_str())
        );
        assert_eq!(
            request.header("X-Weave-Bytes"),
            Some(bytes.to_string().as_str())
        );
        let guard = ServerTime::from_hundredths(100 + self.writes).to_string();
        assert_eq!(
            request.header("X-If-Unmodified-Since"),
            Some(guard.as_str())
        );
        let query = request.url.split_once('?').map_or("", |(_, query)| query);
        assert_eq!(query.contains("batch=7"), self.is_open, "{query}");
        let mut success = Vec::new();
        let mut failed = BTreeMap::new();
        for (bso, place) in records.into_iter().zip(1..) {
            assert!(
                bso.payload.len() as u64 <= limits.max_record_payload_bytes,
                "payload"
            );
            if self.refuses > 0 && place % self.refuses == 0 && self.refused.insert(bso.id.clone())
            {
                failed.insert(bso.id, "retry bso");
            } else {
                success.push(bso.id.clone());
                assert_eq!(
                    self.open.insert(bso.id, bso.payload.len() as u64),
                    None,
                    "sent twice"
                );
            }
        }
        assert!(self.open.len() as u64 <= limits.max_total_records, "batch");
        assert!(
            self.open.values().sum::<u64>() <= limits.max_total_bytes,
            "batch bytes"
        );
        let is_final = !self.has_batches || query.contains("commit=true");
        let body = serde_json::json!({"success": success, "failed": failed});
        self.is_open = !is_final;
        if is_final {
            self.committed
                .extend(core::mem::take(&mut self.open).into_keys());
            self.writes += 1;
            let time = ServerTime::from_hundredths(100 + self.writes).to_string();
            json(body.to_string()).header("X-Last-Modified", time)
        } else {
            let mut body = body;
            body["batch"] = "7".into();
            json(body.to_string()).status(202)
        }
    }
}

fn any_limits() -> impl Strategy<Value = Limits> {
    (
        200..2000u64,
        50..400u64,
        1..8u64,
        50..900u64,
        1..20u64,
        50..2000u64,
    )
        .prop_map(
            |(request, payload, post_records, post_bytes, total_records, total_bytes)| Limits {
                max_request_bytes: request,
                max_record_payload_bytes: payload,
                max_post_records: post_records,
                max_post_bytes: post_bytes,
                max_total_records: total_records,
                max_total_bytes: total_bytes,
            },
        )
}

proptest! {
    #[test]
    fn no_limit_is_exceeded_and_each_record_is_reported_once(
        limits in any_limits(),
        has_batches: bool,
        refuses in 0..4usize,
        sizes in prop::collection::vec(0..450usize, 0..60),
    ) {
        let kept = Rc::new(RefCell::new(SimulatedServer { limits, has_batches, refuses, ..SimulatedServer::default() }));
        let server = Rc::clone(&kept);
        let host = Script::serving(move |request| server.borrow_mut().answer(request));
        let client = client(&host);
        let mut reported: Vec<String> = Vec::new();
        let mut too_large = 0;
        let mut failed = 0;
        pollster::block_on(async {
            let mut upload = upload(&client, limits);
            let mut report = |done: Committed<u32>| {
                reported.extend(done.success.into_iter().map(|(id, _)| id.to_string()));
                failed += done.failed.len();
            };
            for (size, n) in sizes.iter().zip(0..) {
                let text = format!("r{n}");
                let json = serde_json::json!({"id": text, "payload": "x".repeat(*size)}).to_string();
                match upload.add(id(&text), n, *size as u64, json.as_bytes()).await.unwrap() {
                    Added::Held => {}
                    Added::Committed(done) => report(done),
                    Added::TooLarge => too_large += 1,
                }
            }
            while let Some(done) = upload.finish().await.unwrap() {
                report(done);
            }
        });
        let kept = kept.borrow();
        prop_assert!(kept.open.is_empty(), "nothing waits for a commit");
        let mut committed = kept.committed.clone();
        committed.sort();
        let sent = committed.len();
        committed.dedup();
        prop_assert_eq!(committed.len(), sent, "no record is written twice");
        reported.sort();
        prop_assert_eq!(&reported, &committed);
        prop_assert_eq!(reported.len() + too_large + failed, sizes.len());
        prop_assert_eq!(failed, 0, "each was rejected only once");
    }
}
