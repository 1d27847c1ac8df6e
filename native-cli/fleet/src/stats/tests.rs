use super::*;

fn tally() -> FleetStats {
    FleetStats::new(Instant::now(), Duration::from_secs(600))
}

#[test]
fn the_kind_of_request_of_a_url() {
    let rows = [
        (
            "https://a.example/v1/santa/preflight/M",
            Some(RequestKind::Preflight),
        ),
        ("https://a.example/xsrf/M%20", Some(RequestKind::Xsrf)),
        (
            "https://a.example/preflight/eventupload/M",
            Some(RequestKind::EventUpload),
        ),
        ("https://a.example/other/M", None),
        ("preflight", None),
    ];
    for (url, expected) in rows {
        assert_eq!(RequestKind::of(url), expected, "{url}");
    }
}

#[test]
fn the_length_and_number_of_intervals_are_limited() {
    for (seconds, expected) in [(1, 1), (30, 1), (240, 1), (241, 2), (3600, 15)] {
        let tally = FleetStats::new(Instant::now(), Duration::from_secs(seconds));
        assert_eq!(
            tally.slice_length(),
            Duration::from_secs(expected),
            "{seconds}"
        );
    }
}

#[test]
fn failed_attempts_are_counted_by_kind() {
    let mut one = tally();
    let attempt = |failure| Attempt {
        kind: RequestKind::Preflight,
        took: Duration::from_millis(5),
        sent: 10,
        received: 20,
        failure,
    };
    one.attempt(&attempt(None));
    one.attempt(&attempt(Some(Failure::Status(500))));
    let mut all = tally();
    all.merge(&one);
    all.merge(&one);
    let requests = &all.requests[&RequestKind::Preflight];
    assert_eq!((requests.latency.count(), requests.failed), (4, 2));
    assert_eq!((requests.sent, requests.received), (40, 80));
    assert_eq!(
        all.failures[&(RequestKind::Preflight, Failure::Status(500))],
        2
    );
}

#[test]
fn syncs_are_counted_by_result() {
    let refused = || {
        StageReport::Failed(selvedge_santa::Error::Refused {
            endpoint: selvedge_santa::Endpoint::Preflight,
            status: 500,
        })
    };
    let rows = [
        (Report::default(), [1, 0, 0]),
        (
            Report {
                postflight: refused(),
                ..Report::default()
            },
            [0, 1, 0],
        ),
        (
            Report {
                preflight: refused(),
                ..Report::default()
            },
            [0, 0, 1],
        ),
    ];
    for (report, expected) in rows {
        let mut tally = tally();
        tally.synced(&report);
        let syncs = tally.syncs;
        assert_eq!([syncs.ok, syncs.degraded, syncs.failed], expected);
        assert_eq!(tally.failed_stages.len(), usize::from(expected[0] == 0));
    }
}
