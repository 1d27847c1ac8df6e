//! Decoding and encoding of 20,000 records, compared with a plain pipeline on `serde_json::Value`: one thread, one run.

mod plain;
mod sample;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use selvedge_core::bso::{Decoder, Format, Opener, Sealer};
use selvedge_core::crypto::{KeyBundle, RustCrypto};
use serde::Deserialize;

use crate::sample::{Counting, RECORDS, Sample};

/// Number of records in one batch of encryption or decryption.
const BATCH: usize = 500;
/// The size of a chunk from a socket, in bytes.
const CHUNK: usize = 64 << 10;

/// A history record with the types that an engine would use.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct History<'a> {
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    hist_uri: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    title: std::borrow::Cow<'a, str>,
    visits: Vec<Visit>,
}

#[derive(Deserialize)]
struct Visit {
    date: u64,
    #[serde(rename = "type")]
    kind: u8,
}

/// Verifies, decrypts and checks every record, and passes its cleartext to `sink`.
fn decode(bundle: &KeyBundle, body: &[u8], mut sink: impl FnMut(&str)) {
    let mut decoder = Decoder::new(Format::Newlines, 2 << 20);
    let mut opener = Opener::new(bundle, RustCrypto::new(bundle));
    let mut open = |opener: &mut Opener<RustCrypto>| {
        let opened = pollster::block_on(opener.open()).expect("Rust's AES does not fail");
        for record in opened.records() {
            sink(record.cleartext.expect("the record is sound"));
        }
    };
    for chunk in body.chunks(CHUNK) {
        decoder.push(chunk);
        while let Some(record) = decoder.next_record().expect("the body is sound") {
            opener.add(&record.expect("the record is sound"));
            if opener.records() == BATCH {
                open(&mut opener);
            }
        }
    }
    open(&mut opener);
    decoder.finish().expect("the body is whole");
}

fn decode_to_bytes(bundle: &KeyBundle, body: &[u8]) -> usize {
    let mut bytes = 0;
    decode(bundle, body, |cleartext| {
        bytes += black_box(cleartext).len()
    });
    bytes
}

fn decode_to_typed(bundle: &KeyBundle, body: &[u8]) -> u64 {
    let mut dates = 0;
    decode(bundle, body, |cleartext| {
        let history: History<'_> = serde_json::from_str(cleartext).expect("it is a history record");
        black_box((&history.id, &history.hist_uri, &history.title));
        dates ^= history
            .visits
            .iter()
            .fold(0, |dates, visit| dates ^ visit.date ^ u64::from(visit.kind));
    });
    dates
}

/// The envelopes only: the cost of listing the records of a body.
fn decode_to_ids(body: &[u8]) -> usize {
    let mut decoder = Decoder::new(Format::Newlines, 2 << 20);
    let mut bytes = 0;
    for chunk in body.chunks(CHUNK) {
        decoder.push(chunk);
        while let Some(record) = decoder.next_record().expect("the body is sound") {
            bytes += black_box(record.expect("the record is sound").id).len();
        }
    }
    bytes
}

fn encode(bundle: &KeyBundle, samples: &[Sample], body: &mut Vec<u8>) {
    body.clear();
    let mut sealer = Sealer::new(bundle, RustCrypto::new(bundle));
    for batch in samples.chunks(BATCH) {
        for sample in batch {
            sealer.add(&sample.id, &sample.cleartext, None, Some(5_184_000));
        }
        let sealed = pollster::block_on(sealer.seal(&Counting)).expect("the host has random bytes");
        for record in sealed.records() {
            body.push(if body.is_empty() { b'[' } else { b',' });
            body.extend_from_slice(record.bso);
        }
    }
    body.push(b']');
}

/// A twentieth of the records, so that a measurement is short enough to fit into an idle moment of a busy machine.
struct Slice<'a> {
    samples: &'a [Sample],
    body: Vec<u8>,
}

/// The shortest of several measurements of each slice, added up. The implementations alternate, so that a busy machine
/// affects all of them equally.
fn shortest<const N: usize>(
    slices: &[Slice<'_>],
    mut ways: [&mut dyn FnMut(&Slice<'_>); N],
) -> [Duration; N] {
    let mut sums = [Duration::ZERO; N];
    for slice in slices {
        let mut shortest = [Duration::MAX; N];
        for _ in 0..20 {
            for (way, shortest) in ways.iter_mut().zip(&mut shortest) {
                let start = Instant::now();
                way(slice);
                *shortest = start.elapsed().min(*shortest);
            }
        }
        for (sum, shortest) in sums.iter_mut().zip(shortest) {
            *sum += shortest;
        }
    }
    sums
}

fn main() {
    let bundle = KeyBundle::new([1; 32], [2; 32]);
    let samples = sample::history();
    let body = sample::body(&bundle, &samples);
    let mut out = Vec::new();

    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(RECORDS as u64));
    group.bench_function("plain", |b| b.iter(|| plain::decode(&bundle, &body)));
    group.bench_function("bytes", |b| b.iter(|| decode_to_bytes(&bundle, &body)));
    group.bench_function("typed", |b| b.iter(|| decode_to_typed(&bundle, &body)));
    group.bench_function("ids", |b| b.iter(|| decode_to_ids(&body)));
    group.finish();
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(RECORDS as u64));
    group.bench_function("plain", |b| {
        b.iter(|| plain::encode(&bundle, &samples, &mut out))
    });
    group.bench_function("body", |b| b.iter(|| encode(&bundle, &samples, &mut out)));
    group.finish();
    criterion.final_summary();

    let slices: Vec<_> = samples
        .chunks(RECORDS / 20)
        .map(|samples| Slice {
            samples,
            body: sample::body(&bundle, samples),
        })
        .collect();
    let decoded = shortest(
        &slices,
        [
            &mut |slice| _ = black_box(plain::decode(&bundle, &slice.body)),
            &mut |slice| _ = black_box(decode_to_bytes(&bundle, &slice.body)),
            &mut |slice| _ = black_box(decode_to_typed(&bundle, &slice.body)),
            &mut |slice| _ = black_box(decode_to_ids(&slice.body)),
        ],
    );
    let mut plain_out = Vec::new();
    let encoded = shortest(
        &slices,
        [
            &mut |slice| plain::encode(&bundle, slice.samples, &mut plain_out),
            &mut |slice| encode(&bundle, slice.samples, &mut out),
        ],
    );
    report("decode", ["plain", "bytes", "typed", "ids"], decoded);
    report("encode", ["plain", "body"], encoded);
}

#[expect(clippy::print_stdout, reason = "a benchmark reports its figures")]
fn report<const N: usize>(what: &str, names: [&str; N], times: [Duration; N]) {
    let plain = times.first().copied().unwrap_or_default().as_secs_f64();
    for (name, time) in names.iter().zip(times) {
        let seconds = time.as_secs_f64();
        println!(
            "{what} {name:6} {:>9.0} records/s {:>6.0} ns a record {:>6.2} x plain",
            RECORDS as f64 / seconds,
            seconds * 1e9 / RECORDS as f64,
            plain / seconds,
        );
    }
}
