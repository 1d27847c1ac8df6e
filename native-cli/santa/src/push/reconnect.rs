//! Connects, and reconnects after a connection has ended.
//!
//! ```text
//! first connection ────────────────────────→ after the transport's initial delay
//! closed by the server, after a minute ────→ reconnect immediately
//! lost after a minute ─────────────────────→ reconnect after the delay of one failure
//! ended earlier, or not established ───────→ reconnect after the delay of one more failure
//! a reconnect is requested ────────────────→ reconnect immediately
//! a fatal error ───────────────────────────→ stop, with an event to the daemon
//! the handle is dropped ───────────────────→ stop, without an event
//! ```

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::event::{PushError, PushEvent};
use super::handle::{PushHandle, PushState, PushStatus, Request};
use super::transport::{ConnectionEnd, Reporter, Transport, draw};

/// A connection that lasted this long resets the number of failures.
pub(super) const STABLE_AFTER: Duration = Duration::from_secs(60);

/// When to reconnect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// After the delay of this number of failures; 0 means immediately.
    After(u32),
    /// Not any more.
    Never,
}

fn next(end: &ConnectionEnd, uptime: Option<Duration>, failures: u32) -> Next {
    let is_stable = uptime.is_some_and(|uptime| uptime >= STABLE_AFTER);
    match (end, is_stable) {
        (ConnectionEnd::Fatal(_), _) => Next::Never,
        (ConnectionEnd::Lost(PushError::ReconnectRequested), _) | (ConnectionEnd::Closed, true) => {
            Next::After(0)
        }
        (ConnectionEnd::Lost(_), true) => Next::After(1),
        // A server that closes each connection immediately must not be contacted without a delay.
        (ConnectionEnd::Lost(_) | ConnectionEnd::Closed, false) => {
            Next::After(failures.saturating_add(1))
        }
    }
}

/// Starts a transport. `server` is the name of its server for people.
pub(super) fn start<P: Transport>(
    transport: P,
    server: String,
    events: mpsc::Sender<PushEvent>,
) -> PushHandle {
    let (status, seen) = watch::channel(PushStatus {
        state: PushState::Disconnected,
        server,
        problem: None,
    });
    let (requests, received) = mpsc::channel(1);
    tokio::spawn(run(transport, Reporter::new(events, status), received));
    PushHandle {
        requests,
        status: seen,
        subjects: None,
    }
}

async fn run<P: Transport>(
    mut transport: P,
    mut reporter: Reporter,
    mut requests: mpsc::Receiver<Request>,
) {
    reporter.send(PushEvent::Created).await;
    let mut delay = transport.initial_delay(draw());
    let mut failures = 0;
    loop {
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            request = requests.recv() => match request {
                Some(Request::Reconnect) => failures = 0,
                None => return,
            }
        }
        let end = tokio::select! {
            end = transport.listen(&mut reporter) => end,
            request = requests.recv() => match request {
                Some(Request::Reconnect) => ConnectionEnd::Lost(PushError::ReconnectRequested),
                None => return,
            }
        };
        let next = next(&end, reporter.uptime(), failures);
        let why = match end {
            ConnectionEnd::Closed => PushError::Lost,
            ConnectionEnd::Lost(why) | ConnectionEnd::Fatal(why) => why,
        };
        match next {
            Next::After(count) => failures = count,
            Next::Never => return reporter.ended(why).await,
        }
        reporter.disconnected(why).await;
        delay = match failures {
            0 => Duration::ZERO,
            failures => transport.retry_delay(failures, draw()),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use selvedge_santa::Draw;

    use super::*;

    #[test]
    fn the_next_connection_for_each_end() {
        let (stable, short) = (Some(STABLE_AFTER), Some(Duration::from_secs(1)));
        let lost = || ConnectionEnd::Lost(PushError::Lost);
        let rows = [
            (ConnectionEnd::Closed, stable, 7, Next::After(0)),
            (ConnectionEnd::Closed, short, 7, Next::After(8)),
            (lost(), stable, 7, Next::After(1)),
            (lost(), short, 7, Next::After(8)),
            (lost(), None, u32::MAX, Next::After(u32::MAX)),
            (
                ConnectionEnd::Lost(PushError::ReconnectRequested),
                short,
                7,
                Next::After(0),
            ),
            (
                ConnectionEnd::Fatal(PushError::Refused),
                stable,
                0,
                Next::Never,
            ),
        ];
        for (end, uptime, failures, expected) in rows {
            let next = next(&end, uptime, failures);
            assert_eq!(next, expected, "{end:?} {uptime:?} {failures}");
        }
    }

    /// A transport whose connections end as scripted; the last one stays open.
    struct Scripted(VecDeque<ConnectionEnd>);

    impl Transport for Scripted {
        async fn listen(&mut self, reporter: &mut Reporter) -> ConnectionEnd {
            reporter.connected().await;
            match self.0.pop_front() {
                Some(end) => end,
                None => std::future::pending().await,
            }
        }

        fn initial_delay(&self, _: Draw) -> Duration {
            Duration::from_millis(1)
        }

        fn retry_delay(&self, failures: u32, _: Draw) -> Duration {
            Duration::from_millis(failures.into())
        }
    }

    fn scripted(
        ends: impl Into<VecDeque<ConnectionEnd>>,
    ) -> (PushHandle, mpsc::Receiver<PushEvent>) {
        let (events, received) = mpsc::channel(8);
        let handle = start(Scripted(ends.into()), "push.example".into(), events);
        (handle, received)
    }

    async fn event_name(events: &mut mpsc::Receiver<PushEvent>) -> &'static str {
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
    async fn a_lost_connection_is_retried_until_a_fatal_error() {
        let (handle, mut events) = scripted([
            ConnectionEnd::Lost(PushError::Lost),
            ConnectionEnd::Closed,
            ConnectionEnd::Fatal(PushError::Status(403)),
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
            assert_eq!(event_name(&mut events).await, expected);
        }
        let status = handle.status();
        assert_eq!(status.state, PushState::Ended);
        assert_eq!(status.server, "push.example");
        assert!(status.problem.is_some_and(|text| text.contains("403")));
    }

    #[tokio::test]
    async fn a_requested_reconnect_is_immediate_and_dropping_the_handle_stops_push() {
        let (handle, mut events) = scripted([]);
        assert_eq!(event_name(&mut events).await, "created");
        assert_eq!(event_name(&mut events).await, "connected");
        assert_eq!(handle.status().state, PushState::Connected);
        handle.reconnect();
        assert_eq!(event_name(&mut events).await, "disconnected");
        assert_eq!(event_name(&mut events).await, "connected");
        handle.stop();
        assert_eq!(event_name(&mut events).await, "gone");
    }
}
