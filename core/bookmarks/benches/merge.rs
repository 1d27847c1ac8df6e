//! How long a merge of 50,000 bookmarks and an export of 30,000 take. Plain, because each runs for tenths of a second.
//!
//!     cargo bench -p selvedge-bookmarks --bench merge

#![allow(clippy::print_stdout, reason = "the figures are its output")]
#![allow(clippy::unwrap_used, reason = "a bench fails where it stands")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use selvedge_bookmarks::formats::{backup, csv, markdown, netscape};
use selvedge_bookmarks::ids::{Guid, from_record_id, guid_of};
use selvedge_bookmarks::import::import;
use selvedge_bookmarks::merge::{Input, LocalRecord, ServerRecord, merge};
use selvedge_bookmarks::record::{Reading, read};
use selvedge_bookmarks::tree::Tree;
use serde_json::{Value, json};

const NOW: i64 = 1_796_000_000_000;
const PER_FOLDER: usize = 100;

/// Records of `count` bookmarks in folders of 100.
fn records(count: usize) -> Vec<(String, Value)> {
    let name = |kind: char, n: usize| format!("{kind}{n:011}");
    let folders = count.div_ceil(PER_FOLDER);
    let mut records = Vec::new();
    for root in ["toolbar", "unfiled", "mobile"] {
        records.push((root.to_owned(), json!({"id": root, "type": "folder", "parentid": "places", "title": root, "children": []})));
    }
    let children: Vec<String> = (0..folders).map(|n| name('f', n)).collect();
    records.push(("menu".to_owned(), json!({"id": "menu", "type": "folder", "parentid": "places", "title": "menu", "children": children})));
    for folder in 0..folders {
        let id = name('f', folder);
        let first = folder * PER_FOLDER;
        let pages: Vec<String> = (first..(first + PER_FOLDER).min(count))
            .map(|n| name('b', n))
            .collect();
        for page in &pages {
            let record = json!({"id": page, "type": "bookmark", "parentid": id, "parentName": id, "hasDupe": true,
                "dateAdded": NOW - 1000, "title": format!("The title of the page {page}"),
                "bmkUri": format!("https://www.example.org/section/{folder}/page/{page}?from=bookmarks"), "tags": ["tag"]});
            records.push((page.clone(), record));
        }
        records.push((
            id.clone(),
            json!({"id": id, "type": "folder", "parentid": "menu", "title": id, "children": pages}),
        ));
    }
    records
}

fn readings(records: &[(String, Value)], modified: i64) -> Vec<Reading> {
    records
        .iter()
        .map(|(id, value)| read(id, value.clone(), modified))
        .collect()
}

fn input(base: &[Reading], incoming: &[Reading], local: &[Reading]) -> Input {
    let server = |modified| {
        move |reading: &Reading| ServerRecord {
            reading: reading.clone(),
            modified,
        }
    };
    Input {
        base: base.iter().map(server(NOW - 9000)).collect(),
        incoming: incoming.iter().map(server(NOW - 5000)).collect(),
        local: local
            .iter()
            .map(|reading| LocalRecord {
                reading: reading.clone(),
                modified: NOW - 7000,
                changed: false,
            })
            .collect(),
        server_now: NOW,
        local_now: NOW,
    }
}

/// The best and the median of several runs.
fn time<I, O>(name: &str, mut prepare: impl FnMut() -> I, run: impl Fn(I) -> O) {
    let mut times: Vec<Duration> = (0..7)
        .map(|_| {
            let input = prepare();
            let start = Instant::now();
            let output = black_box(run(input));
            let time = start.elapsed();
            drop(output);
            time
        })
        .collect();
    times.sort_unstable();
    println!(
        "{name:<60} best {:>9.1?}  median {:>9.1?}",
        times[0], times[3]
    );
}

/// Memory of this process in KiB, as Linux counts it: `VmRSS` now, `VmHWM` at its peak.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| {
        line.trim_start_matches(':')
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .ok()
    })
    .unwrap_or(0)
}

/// What one merge needs beside its input.
fn print_memory(name: &str, input: Input) {
    // Resets the peak.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = memory("VmRSS");
    let plan = merge(input, &mut guids()).unwrap();
    let more = memory("VmHWM").saturating_sub(before);
    println!(
        "{name:<60} {} MiB beside its input, {} uploads",
        more / 1024,
        plan.uploads.len()
    );
}

fn guids() -> impl FnMut() -> [u8; 9] {
    let mut counter = 0_u64;
    move || {
        counter += 1;
        let mut bytes = [0x51; 9];
        bytes[1..].copy_from_slice(&counter.to_be_bytes());
        bytes
    }
}

fn main() {
    let records_50k = records(50_000);
    let all = readings(&records_50k, NOW - 9000);
    time(
        "read 50,000 records",
        || records_50k.clone(),
        |records| {
            records
                .into_iter()
                .map(|(id, value)| read(&id, value, NOW))
                .collect::<Vec<_>>()
        },
    );
    time(
        "merge 50,000, nothing changed",
        || input(&all, &[], &all),
        |input| merge(input, &mut guids()).unwrap(),
    );
    let changed: Vec<Reading> = all.iter().step_by(10).cloned().collect();
    time(
        "merge 50,000, a tenth changed on the server",
        || input(&all, &changed, &all),
        |input| merge(input, &mut guids()).unwrap(),
    );
    time(
        "merge 50,000, first download",
        || input(&[], &all, &[]),
        |input| merge(input, &mut guids()).unwrap(),
    );
    time(
        "merge 50,000, first upload",
        || input(&[], &[], &all),
        |input| merge(input, &mut guids()).unwrap(),
    );
    time(
        "merge 50,000, all new on both sides",
        || input(&[], &all, &all),
        |input| merge(input, &mut guids()).unwrap(),
    );
    print_memory(
        "memory: merge 50,000, nothing changed",
        input(&all, &[], &all),
    );
    print_memory("memory: merge 50,000, first upload", input(&[], &[], &all));

    let items = readings(&records(30_000), NOW)
        .into_iter()
        .filter_map(|reading| match reading {
            Reading::Item(received) => Some(received.item),
            _ => None,
        });
    let (tree, _) = Tree::build(items);
    let mut html = Vec::new();
    netscape::write(&tree, &mut html).unwrap();
    let html = String::from_utf8(html).unwrap();
    time(
        "export 30,000 as HTML",
        || (),
        |()| {
            let mut out = Vec::new();
            netscape::write(&tree, &mut out).unwrap();
            out
        },
    );
    time(
        "export 30,000 as JSON",
        || (),
        |()| {
            let mut out = Vec::new();
            backup::write(&tree, &mut out).unwrap();
            out
        },
    );
    time(
        "export 30,000 as CSV and Markdown",
        || (),
        |()| {
            let mut out = Vec::new();
            csv::write(&tree, &mut out).unwrap();
            markdown::write(&tree, &mut out).unwrap();
            out
        },
    );
    time(
        "import 30,000 from HTML",
        || (),
        |()| {
            import(
                &Tree::empty(),
                &netscape::read(&html).unwrap(),
                NOW,
                &mut guids(),
            )
        },
    );
    let first: Guid = from_record_id("b00000000000");
    assert!(tree.contains(&first) && !tree.contains(&guid_of([0x51; 9])));
}
