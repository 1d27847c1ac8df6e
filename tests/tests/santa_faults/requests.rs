//! A fault of every kind at every request.

use std::time::Duration;

use selvedge_tests::{Canned, Fault, Moroz, counted};
use tempfile::TempDir;

use super::stage::{BATCH, EVENTS, RULES, Server, Stage, rules};

pub(crate) const fn canned(status: u16, body: &'static str) -> Canned {
    Canned {
        status,
        header: None,
        body,
    }
}

/// A fault of every kind.
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

/// Whether the server does what it is asked to, and the client cannot know: the answer is lost, or the request comes twice.
pub(crate) const fn cannot_be_told(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::LostReply
            | Fault::CutHead
            | Fault::CutBody
            | Fault::Duplicate
            | Fault::Afterwards(_)
    )
}

/// What was tried, and what happened.
#[derive(Debug, Default)]
struct Tally {
    positions: u32,
    sent_again: u64,
}

/// Does every fault to every request of a sync.
async fn every_fault_at_every_request(stage: &mut Stage, tally: &mut Tally) {
    let machine = stage.machine();
    let batches = stage.settles(&machine, "no fault").await;
    assert_eq!(batches, (EVENTS as u64).div_ceil(BATCH));
    let requests = stage.proxy.count();
    for position in 1..=requests {
        for fault in FAULTS {
            let machine = stage.machine();
            let _alarm = stage.proxy.arm(Some((position, fault)));
            let _any_report = machine.sync().await;
            let fired = stage.proxy.fired_at();
            let what = format!("{fault:?} at request {position}, {fired:?}");
            assert!(fired.is_some(), "{what}: the sync did not come so far");
            let (rules, _) = machine.rules().await;
            assert!(rules == 0 || rules == RULES, "{what}: {rules} rules");
            let uploads = stage.uploads() + stage.settles(&machine, &what).await;
            // The server took each batch once; once more where its answer was lost.
            let is_lost = cannot_be_told(fault) && what.contains("/eventupload/");
            let again = uploads - batches;
            assert_eq!(again, u64::from(is_lost), "{what}: sent again");
            tally.sent_again += again;
            tally.positions += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_every_fault_at_every_request_all_is_in_order_with_the_small_server() {
    let mut tally = Tally::default();
    for has_tokens in [false, true] {
        let dir = TempDir::new().unwrap();
        let server = Server::ours(&dir, has_tokens).await;
        let mut stage = Stage::new(server, dir).await;
        every_fault_at_every_request(&mut stage, &mut tally).await;
    }
    counted("santa fault positions tried", tally.positions);
    counted(
        "santa uploads that came twice, their answer lost or the request doubled",
        tally.sent_again,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_every_fault_at_every_request_all_is_in_order_with_moroz() {
    let Some(moroz) = Moroz::start(&rules()) else {
        return;
    };
    let mut stage = Stage::new(Server::Moroz(moroz), TempDir::new().unwrap()).await;
    let mut tally = Tally::default();
    every_fault_at_every_request(&mut stage, &mut tally).await;
    counted("santa fault positions tried with moroz", tally.positions);
    counted(
        "santa uploads that came twice to moroz, their answer lost or the request doubled",
        tally.sent_again,
    );
}
