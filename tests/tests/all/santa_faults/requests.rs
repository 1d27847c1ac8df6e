//! Causes each kind of fault at each request.

use std::time::Duration;

use selvedge_tests::{Canned, Fault, Moroz, counted};
use tempfile::TempDir;

use super::test_bed::{BATCH, EVENTS, RULES, Server, TestBed, rules};

pub(crate) const fn canned(status: u16, body: &'static str) -> Canned {
    Canned {
        status,
        header: None,
        body,
    }
}

/// All kinds of faults.
const FAULTS: [Fault; 16] = [
    Fault::LostRequest,
    Fault::LostReply,
    Fault::CutHead,
    Fault::CutBody,
    Fault::Delay(Duration::from_millis(30)),
    Fault::Duplicate,
    Fault::Header("X-Surprise", "1"),
    Fault::Instead(canned(204, "")),
    Fault::Instead(canned(400, "{}")),
    Fault::Instead(canned(403, "")),
    Fault::Instead(canned(429, "")),
    Fault::Instead(canned(500, "no")),
    Fault::Instead(canned(200, "{")),
    Fault::Afterwards(canned(400, "{}")),
    Fault::Afterwards(canned(503, "")),
    Fault::Afterwards(canned(200, "{")),
];

/// Whether the server handles the request and the client cannot know it: the response is lost, or the request is
/// duplicated.
pub(crate) const fn is_outcome_unknown(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::LostReply
            | Fault::CutHead
            | Fault::CutBody
            | Fault::Duplicate
            | Fault::Afterwards(_)
    )
}

/// Counts of tested positions and repeated uploads.
#[derive(Debug, Default)]
struct Tally {
    positions: u32,
    sent_again: u64,
}

/// Causes each fault at each request of a sync.
async fn every_fault_at_every_request(test_bed: &mut TestBed, tally: &mut Tally) {
    let machine = test_bed.machine();
    let batches = test_bed.finish_sync(&machine, "no fault").await;
    assert_eq!(batches, (EVENTS as u64).div_ceil(BATCH));
    let requests = test_bed.proxy.count();
    for position in 1..=requests {
        for fault in FAULTS {
            let machine = test_bed.machine();
            let _alarm = test_bed.proxy.arm(Some((position, fault)));
            let _any_report = machine.sync().await;
            let fired = test_bed.proxy.fired_at();
            let what = format!("{fault:?} at request {position}, {fired:?}");
            assert!(
                fired.is_some(),
                "{what}: the sync did not reach this request"
            );
            let (rules, _) = machine.rules().await;
            assert!(rules == 0 || rules == RULES, "{what}: {rules} rules");
            let uploads = test_bed.uploads() + test_bed.finish_sync(&machine, &what).await;
            // The server accepted each batch once, and again if the response was lost.
            let is_lost = is_outcome_unknown(fault) && what.contains("/eventupload/");
            let again = uploads - batches;
            assert_eq!(again, u64::from(is_lost), "{what}: sent again");
            tally.sent_again += again;
            tally.positions += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_succeeds_after_each_fault_at_each_request_with_our_server() {
    let mut tally = Tally::default();
    for has_tokens in [false, true] {
        let dir = TempDir::new().unwrap();
        let server = Server::ours(&dir, has_tokens).await;
        let mut test_bed = TestBed::new(server, dir).await;
        every_fault_at_every_request(&mut test_bed, &mut tally).await;
    }
    counted("santa fault positions tried", tally.positions);
    counted(
        "santa uploads that came twice, their answer lost or the request doubled",
        tally.sent_again,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_succeeds_after_each_fault_at_each_request_with_moroz() {
    let Some(moroz) = Moroz::start(&rules()) else {
        return;
    };
    let mut test_bed = TestBed::new(Server::Moroz(moroz), TempDir::new().unwrap()).await;
    let mut tally = Tally::default();
    every_fault_at_every_request(&mut test_bed, &mut tally).await;
    counted("santa fault positions tried with moroz", tally.positions);
    counted(
        "santa uploads that came twice to moroz, their answer lost or the request doubled",
        tally.sent_again,
    );
}
