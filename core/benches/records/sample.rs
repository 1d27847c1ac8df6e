//! The records for the benchmark.

use std::fmt::Write;

use selvedge_core::bso::Sealer;
use selvedge_core::crypto::{KeyBundle, RustCrypto};
use selvedge_core::host::{Random, RandomError};

pub(crate) const RECORDS: usize = 20_000;

pub(crate) struct Sample {
    pub(crate) id: String,
    pub(crate) cleartext: String,
}

/// A deterministic generator of pseudo-random bytes: the same bytes in every run.
pub(crate) struct Counting;

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = (n.wrapping_mul(0x9e37_79b9) >> 13) as u8;
        }
        Ok(())
    }
}

/// History records of about 500 bytes.
pub(crate) fn history() -> Vec<Sample> {
    (0..RECORDS)
        .map(|n| {
            let id = format!("{n:012x}");
            let mut cleartext = format!(
                r#"{{"id":"{id}","histUri":"https://www.example.org/articles/{}/how-to-keep-things-in-step-{n}?from=front-page","title":"How to keep things in step, part {n} – An Example","visits":["#,
                n / 7,
            );
            for visit in 0..7 {
                let date = 1_700_000_000_000_000_u64 + (n * 977 + visit) as u64 * 1_234_567;
                let comma = if visit == 0 { "" } else { "," };
                write!(cleartext, r#"{comma}{{"date":{date},"type":{}}}"#, visit % 3 + 1)
                    .expect("writing to a String never fails");
            }
            cleartext.push_str("]}");
            Sample { id, cleartext }
        })
        .collect()
}

/// The response of a server to a request for all of them as `application/newlines`.
pub(crate) fn body(bundle: &KeyBundle, samples: &[Sample]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut sealer = Sealer::new(bundle, RustCrypto::new(bundle));
    for sample in samples {
        sealer.add(&sample.id, &sample.cleartext, Some(100), None);
    }
    let sealed = pollster::block_on(sealer.seal(&Counting)).expect("the host has random bytes");
    for record in sealed.records() {
        let members = record.bso.strip_suffix(b"}").expect("it is an object");
        body.extend_from_slice(members);
        body.extend_from_slice(b",\"modified\":1700000042.13}\n");
    }
    body
}
