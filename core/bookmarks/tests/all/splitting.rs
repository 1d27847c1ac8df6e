//! Uploads in several batches: after each of them the server's tree is complete, and a device that syncs in between moves
//! nothing (collections.md §2.2).

use proptest::prelude::*;
use selvedge_bookmarks::ids::{is_guid, to_record_id};
use selvedge_bookmarks::merge::{Upload, merge};
use selvedge_bookmarks::split::{Limits, payload_bytes, split};
use selvedge_bookmarks::tree::{Changes, NewItem};
use serde_json::Value;

use super::account::*;
use super::laws::{Step, run, seen, step};

fn write(server: &mut Server, uploads: &[Upload]) {
    server.write(
        uploads
            .iter()
            .map(|upload| serde_json::from_str::<Value>(&upload.record).unwrap()),
    );
}

#[test]
fn what_fits_is_one_part_in_its_order() {
    let (mut device, mut server) = agreed();
    device.edit(server.now, |tree| tree.delete(&id("folderCCCCCC")).unwrap());
    let plan = device.sync(&mut server);
    let bytes: usize = plan
        .uploads
        .iter()
        .map(|upload| payload_bytes(upload.record.len()))
        .sum();
    let parts = split(plan.uploads.clone(), Limits { records: 4, bytes });
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].uploads, plan.uploads);
    assert!(split(plan.uploads.clone(), Limits { records: 3, bytes }).len() > 1);
    assert!(
        split(
            plan.uploads,
            Limits {
                records: 4,
                bytes: bytes - 1
            }
        )
        .len()
            > 1
    );
}

#[test]
fn a_folder_of_many_items_is_sent_with_each_part_and_lists_what_is_there() {
    let (mut device, mut server) = (Device::default(), Server::new());
    device.edit(server.now, |tree| {
        let (mut ids, mut changes) = (Ids::default(), Changes::default());
        for n in 0..250 {
            let new = NewItem::bookmark("page", &format!("https://example.org/{n}"));
            changes.extend(tree.add(&id("menu"), None, new, 5, &mut ids).unwrap());
        }
        changes
    });
    let plan = merge(device.input(&server), &mut Ids::default()).unwrap();
    let parts = split(
        plan.uploads,
        Limits {
            records: 100,
            bytes: usize::MAX,
        },
    );
    assert_eq!(parts.len(), 3);
    for (part, listed) in parts.iter().zip([99, 198, 250]) {
        assert!(part.uploads.len() <= 100);
        write(&mut server, &part.uploads);
        assert_eq!(server.children("menu").len(), listed);
        assert_eq!(part.unfinished.contains(&id("menu")), listed < 250);
    }
    assert_eq!(server.problems(), Vec::<String>::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_servers_tree_is_complete_after_each_part(
        start in prop::collection::vec(step(), 0..40),
        edits in prop::collection::vec(step(), 1..30),
        records in 1..12_usize,
    ) {
        let (mut device, mut server) = (Device::default(), Server::new());
        let mut ids = Ids::default();
        let edit = |device: &mut Device, server: &Server, steps: &[Step], ids: &mut Ids| {
            for step in steps {
                device.edit(server.now, |tree| run(tree, step, server.now, ids));
            }
        };
        edit(&mut device, &server, &start, &mut ids);
        device.sync(&mut server);
        edit(&mut device, &server, &edits, &mut ids);
        let plan = merge(device.input(&server), &mut Ids::default()).unwrap();
        let uploads = plan.uploads.clone();
        let parts = split(plan.uploads, Limits { records, bytes: usize::MAX });
        let before = server.records.clone();
        let mut sent = std::collections::BTreeSet::new();
        for part in &parts {
            write(&mut server, &part.uploads);
            sent.extend(part.uploads.iter().filter(|upload| !part.unfinished.contains(&upload.id)).map(|upload| upload.id.clone()));
            let structural: Vec<String> = server.problems().into_iter()
                // Of a URL's bookmarks one may be sent and another not yet.
                .filter(|problem| !problem.contains("different tags") && !problem.contains("different keywords") && !problem.contains("several URLs"))
                .filter(|problem| !(before.is_empty() && problem.contains("is missing")))
                .collect();
            prop_assert_eq!(structural, Vec::<String>::new());
        }
        // In the end everything is there as if it had been one batch.
        for upload in &uploads {
            prop_assert!(sent.contains(&upload.id));
            prop_assert_eq!(server.get(to_record_id(&upload.id)).to_string(), serde_json::from_str::<Value>(&upload.record).unwrap().to_string());
            prop_assert!(is_guid(upload.id.as_str()));
        }
        let mut other = Device::default();
        other.sync(&mut server);
        prop_assert_eq!(seen(&other.tree()), seen(&plan.tree));
    }
}
