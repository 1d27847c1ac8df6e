//! Splits an upload into POSTs and batches that respect a server's limits (spec §3.6, §3.7): the pure part.

use super::limits::Limits;

/// Maximum size of a POST body in bytes, even if the server accepts more, to limit memory use. A single record may be
/// larger.
const MAX_POST_BODY_BYTES: u64 = 4 << 20;

/// The sizes of one record that is to be uploaded.
///
/// ```
/// use selvedge_core::server::batch::Size;
///
/// let size = Size { payload_bytes: 500, bso_json_bytes: 590 };
/// assert!(size.bso_json_bytes > size.payload_bytes);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// UTF-8 bytes of the unescaped payload text.
    pub payload_bytes: u64,
    /// Bytes of the whole record as JSON.
    pub bso_json_bytes: u64,
}

/// Which POST the next record belongs to.
///
/// ```
/// use selvedge_core::server::batch::{Placement, Planner, Size};
/// use selvedge_core::server::Limits;
///
/// let mut planner = Planner::new(Limits { max_post_records: 1, max_total_records: 2, ..Limits::default() });
/// let size = Size { payload_bytes: 10, bso_json_bytes: 50 };
/// assert_eq!(planner.place(size), Placement::ThisPost);
/// planner.add(size);
/// assert_eq!(planner.place(size), Placement::NextPost);
/// planner.close_post();
/// planner.add(size);
/// assert_eq!(planner.place(size), Placement::NextBatch);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// The current POST.
    ThisPost,
    /// The next POST: first send the current one without a commit.
    NextPost,
    /// The next batch: first send the current POST with the commit.
    NextBatch,
    /// None: the record exceeds a limit by itself.
    TooLarge,
}

/// Counts the records of the current POST and the current batch.
///
/// ```
/// use selvedge_core::server::batch::Planner;
/// use selvedge_core::server::Limits;
///
/// assert!(Planner::new(Limits::default()).is_post_empty());
/// ```
#[derive(Debug, Clone)]
pub struct Planner {
    limits: Limits,
    /// Maximum body size, in bytes, of a POST with more than one record.
    body_bytes: u64,
    post: Sum,
    /// Without the current POST.
    batch: Sum,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    records: u64,
    payload_bytes: u64,
    /// The records only, without brackets and commas.
    json_bytes: u64,
}

impl Sum {
    fn plus(self, size: Size) -> Self {
        Self {
            records: self.records + 1,
            payload_bytes: self.payload_bytes.saturating_add(size.payload_bytes),
            json_bytes: self.json_bytes.saturating_add(size.bso_json_bytes),
        }
    }

    /// Adds brackets around the records and commas between them.
    const fn body_bytes(self) -> u64 {
        self.json_bytes
            .saturating_add(2)
            .saturating_add(self.records.saturating_sub(1))
    }
}

impl Planner {
    /// An empty plan.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            body_bytes: MAX_POST_BODY_BYTES,
            post: Sum::default(),
            batch: Sum::default(),
        }
    }

    /// Limits the size of every later POST with more than one record: the server rejected a larger POST although it
    /// announces a higher limit.
    pub fn lower_body_bytes(&mut self, body_bytes: u64) {
        self.body_bytes = self.body_bytes.min(body_bytes);
    }

    /// The POST for a record of this size. This does not change the plan.
    #[must_use]
    pub fn place(&self, size: Size) -> Placement {
        let limits = &self.limits;
        let fits_post = |sum: Sum, body_bytes: u64| {
            sum.records <= limits.max_post_records
                && sum.payload_bytes <= limits.max_post_bytes
                && sum.body_bytes() <= body_bytes
        };
        let fits_batch = |sum: Sum| {
            sum.records <= limits.max_total_records && sum.payload_bytes <= limits.max_total_bytes
        };
        let alone = Sum::default().plus(size);
        if size.payload_bytes > limits.max_record_payload_bytes
            || !fits_post(alone, limits.max_request_bytes)
            || !fits_batch(alone)
        {
            return Placement::TooLarge;
        }
        let total = Sum {
            records: self.batch.records + self.post.records,
            payload_bytes: self
                .batch
                .payload_bytes
                .saturating_add(self.post.payload_bytes),
            json_bytes: 0,
        };
        if !fits_batch(total.plus(size)) {
            Placement::NextBatch
        } else if self.is_post_empty()
            || fits_post(
                self.post.plus(size),
                limits.max_request_bytes.min(self.body_bytes),
            )
        {
            Placement::ThisPost
        } else {
            Placement::NextPost
        }
    }

    /// Counts a record in the current POST.
    pub fn add(&mut self, size: Size) {
        self.post = self.post.plus(size);
    }

    /// Whether the current POST has no record yet.
    #[must_use]
    pub const fn is_post_empty(&self) -> bool {
        self.post.records == 0
    }

    /// The number of records in the current POST.
    #[must_use]
    pub const fn post_records(&self) -> u64 {
        self.post.records
    }

    /// The payload bytes in the current POST.
    #[must_use]
    pub const fn post_payload_bytes(&self) -> u64 {
        self.post.payload_bytes
    }

    /// Reports that the current POST was sent; the batch stays open.
    pub fn close_post(&mut self) {
        let post = core::mem::take(&mut self.post);
        self.batch.records += post.records;
        self.batch.payload_bytes = self.batch.payload_bytes.saturating_add(post.payload_bytes);
    }

    /// Reports that a record of the last POST was rejected and is not in the open batch.
    pub fn refused(&mut self, payload_bytes: u64) {
        self.batch.records = self.batch.records.saturating_sub(1);
        self.batch.payload_bytes = self.batch.payload_bytes.saturating_sub(payload_bytes);
    }

    /// Reports that the current POST was sent with the commit: the next record opens a new batch.
    pub fn commit(&mut self) {
        self.post = Sum::default();
        self.batch = Sum::default();
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use serde::Deserialize;
    use serde_json::value::RawValue;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[derive(Deserialize)]
    struct Scenario {
        name: String,
        limits: alloc::boxed::Box<RawValue>,
        records: Vec<Planned>,
        posts: Vec<Post>,
        skipped: Vec<String>,
    }

    #[derive(Deserialize)]
    struct Planned {
        id: String,
        payload_bytes: u64,
        bso_json_bytes: u64,
    }

    #[derive(Deserialize, Debug, PartialEq)]
    struct Post {
        batch: String,
        commit: bool,
        ids: Vec<String>,
    }

    #[derive(Default)]
    struct Simulation {
        posts: Vec<Post>,
        ids: Vec<String>,
        is_open: bool,
    }

    impl Simulation {
        fn send(&mut self, commit: bool) {
            let batch = if self.is_open { "continue" } else { "true" };
            let ids = core::mem::take(&mut self.ids);
            self.posts.push(Post {
                batch: batch.into(),
                commit,
                ids,
            });
            self.is_open = !commit;
        }
    }

    fn plan(limits: Limits, records: Vec<Planned>) -> (Vec<Post>, Vec<String>) {
        let mut planner = Planner::new(limits);
        let mut simulation = Simulation::default();
        let mut skipped = Vec::new();
        for record in records {
            let size = Size {
                payload_bytes: record.payload_bytes,
                bso_json_bytes: record.bso_json_bytes,
            };
            match planner.place(size) {
                Placement::TooLarge => {
                    skipped.push(record.id);
                    continue;
                }
                Placement::ThisPost => {}
                Placement::NextPost => {
                    simulation.send(false);
                    planner.close_post();
                }
                Placement::NextBatch => {
                    simulation.send(true);
                    planner.commit();
                }
            }
            assert_eq!(
                planner.place(size),
                Placement::ThisPost,
                "after a POST was sent"
            );
            planner.add(size);
            simulation.ids.push(record.id);
        }
        if !planner.is_post_empty() {
            simulation.send(true);
        }
        (simulation.posts, skipped)
    }

    #[test]
    fn every_scenario_is_split_as_the_vectors_specify() {
        #[derive(Deserialize)]
        struct Vectors {
            scenarios: Vec<Scenario>,
        }
        let vectors: Vectors =
            serde_json::from_str(include_str!("../../../tests/vectors/upload_batches.json"))
                .unwrap();
        assert!(!vectors.scenarios.is_empty());
        for scenario in vectors.scenarios {
            let limits = Limits::from_configuration(scenario.limits.get().as_bytes()).unwrap();
            assert_eq!(
                plan(limits, scenario.records),
                (scenario.posts, scenario.skipped),
                "{}",
                scenario.name
            );
        }
    }

    #[test]
    fn a_post_stays_small_if_the_server_has_no_limits() {
        let endless = Limits {
            max_request_bytes: u64::MAX,
            max_record_payload_bytes: u64::MAX,
            max_post_records: u64::MAX,
            max_post_bytes: u64::MAX,
            max_total_records: u64::MAX,
            max_total_bytes: u64::MAX,
        };
        let mut planner = Planner::new(endless);
        let large = Size {
            payload_bytes: MAX_POST_BODY_BYTES,
            bso_json_bytes: MAX_POST_BODY_BYTES + 100,
        };
        assert_eq!(planner.place(large), Placement::ThisPost);
        planner.add(large);
        let small = Size {
            payload_bytes: 1,
            bso_json_bytes: 40,
        };
        assert_eq!(planner.place(small), Placement::NextPost);
    }
}
