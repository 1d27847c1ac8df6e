//! Connections, one after the other.
//!
//! ```text
//! the first ───────────────────────────────→ after the carrier's first pause
//! it ended as it should, and had stood ────→ at once
//! it was lost, and had stood for a minute ─→ after the pause of one failure
//! it was lost earlier, or never made ──────→ after the pause of one failure more than before
//! a person wants a new one ────────────────→ at once
//! there is no use in another one ──────────→ never; the daemon is told
//! the handle is dropped ───────────────────→ never; nobody is told
//! ```

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::carrier::{Link, Over, Push, draw};
use super::event::{PushError, PushEvent};
use super::handle::{Order, PushHandle, PushState, PushStatus};

/// A connection that stood so long was a good one: failures before it do not count any more.
pub(super) const STEADY: Duration = Duration::from_secs(60);

/// When the next connection is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// After so many in vain; 0 is at once.
    After(u32),
    Never,
}

fn next(over: &Over, stood: Option<Duration>, failures: u32) -> Next {
    let is_steady = stood.is_some_and(|stood| stood >= STEADY);
    match (over, is_steady) {
        (Over::Fatal(_), _) => Next::Never,
        (Over::Lost(PushError::Asked), _) | (Over::Done, true) => Next::After(0),
        (Over::Lost(_), true) => Next::After(1),
        // A server that ends each connection at once must not be asked without a pause.
        (Over::Lost(_) | Over::Done, false) => Next::After(failures.saturating_add(1)),
    }
}

/// Starts a carrier, which connects to `server` in people's words.
pub(super) fn start<P: Push>(
    push: P,
    server: String,
    events: mpsc::Sender<PushEvent>,
) -> PushHandle {
    let (status, seen) = watch::channel(PushStatus {
        state: PushState::Disconnected,
        server,
        problem: None,
    });
    let (orders, received) = mpsc::channel(1);
    tokio::spawn(run(push, Link::new(events, status), received));
    PushHandle {
        orders,
        status: seen,
        subjects: None,
    }
}

async fn run<P: Push>(mut push: P, mut link: Link, mut orders: mpsc::Receiver<Order>) {
    link.tell(PushEvent::Created).await;
    let mut pause = push.first_pause(draw());
    let mut failures = 0;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            order = orders.recv() => match order {
                Some(Order::Reconnect) => failures = 0,
                None => return,
            }
        }
        let over = tokio::select! {
            over = push.listen(&mut link) => over,
            order = orders.recv() => match order {
                Some(Order::Reconnect) => Over::Lost(PushError::Asked),
                None => return,
            }
        };
        let next = next(&over, link.stood(), failures);
        let why = match over {
            Over::Done => PushError::Lost,
            Over::Lost(why) | Over::Fatal(why) => why,
        };
        match next {
            Next::After(in_vain) => failures = in_vain,
            Next::Never => return link.ended(why).await,
        }
        link.disconnected(why).await;
        pause = match failures {
            0 => Duration::ZERO,
            failures => push.pause(failures, draw()),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use selvedge_santa::Draw;

    use super::*;

    #[test]
    fn every_row() {
        let (steady, short) = (Some(STEADY), Some(Duration::from_secs(1)));
        let lost = || Over::Lost(PushError::Lost);
        let rows = [
            (Over::Done, steady, 7, Next::After(0)),
            (Over::Done, short, 7, Next::After(8)),
            (lost(), steady, 7, Next::After(1)),
            (lost(), short, 7, Next::After(8)),
            (lost(), None, u32::MAX, Next::After(u32::MAX)),
            (Over::Lost(PushError::Asked), short, 7, Next::After(0)),
            (Over::Fatal(PushError::Refused), steady, 0, Next::Never),
        ];
        for (over, stood, failures, expected) in rows {
            let next = next(&over, stood, failures);
            assert_eq!(next, expected, "{over:?} {stood:?} {failures}");
        }
    }

    /// A carrier whose connections end as they are told to; the last one stands.
    struct Scripted(VecDeque<Over>);

    impl Push for Scripted {
        async fn listen(&mut self, link: &mut Link) -> Over {
            link.connected().await;
            match self.0.pop_front() {
                Some(over) => over,
                None => std::future::pending().await,
            }
        }

        fn first_pause(&self, _: Draw) -> Duration {
            Duration::from_millis(1)
        }

        fn pause(&self, failures: u32, _: Draw) -> Duration {
            Duration::from_millis(failures.into())
        }
    }

    fn scripted(overs: impl Into<VecDeque<Over>>) -> (PushHandle, mpsc::Receiver<PushEvent>) {
        let (events, received) = mpsc::channel(8);
        let handle = start(Scripted(overs.into()), "push.example".into(), events);
        (handle, received)
    }

    async fn word(events: &mut mpsc::Receiver<PushEvent>) -> &'static str {
        match events.recv().await {
            Some(PushEvent::Created) => "created",
            Some(PushEvent::Connected { .. }) => "connected",
            Some(PushEvent::Disconnected { .. }) => "disconnected",
            Some(PushEvent::Ended { .. }) => "ended",
            Some(_) => "other",
            None => "gone",
        }
    }

    #[tokio::test]
    async fn a_lost_connection_is_made_again_until_that_is_of_no_use() {
        let (handle, mut events) = scripted([
            Over::Lost(PushError::Lost),
            Over::Done,
            Over::Fatal(PushError::Status(403)),
        ]);
        for expected in [
            "created",
            "connected",
            "disconnected",
            "connected",
            "disconnected",
            "connected",
            "ended",
            "gone",
        ] {
            assert_eq!(word(&mut events).await, expected);
        }
        let status = handle.status();
        assert_eq!(status.state, PushState::Ended);
        assert_eq!(status.server, "push.example");
        assert!(status.problem.is_some_and(|text| text.contains("403")));
    }

    #[tokio::test]
    async fn a_person_has_it_connect_anew_and_dropping_the_handle_ends_it() {
        let (handle, mut events) = scripted([]);
        assert_eq!(word(&mut events).await, "created");
        assert_eq!(word(&mut events).await, "connected");
        assert_eq!(handle.status().state, PushState::Connected);
        handle.reconnect();
        assert_eq!(word(&mut events).await, "disconnected");
        assert_eq!(word(&mut events).await, "connected");
        handle.stop();
        assert_eq!(word(&mut events).await, "gone");
    }
}
