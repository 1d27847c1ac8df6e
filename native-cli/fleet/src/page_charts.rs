//! The charts of the page, with their text descriptions.

use super::chart::{Caption, Line, Part, Range, lines, ranges, shares};
use super::report::FleetReport;

/// All charts, in their order.
pub(super) fn charts(html: &mut String, report: &FleetReport) {
    let points = &report.points;
    let each = report.point_seconds;
    let per_second = |count: u64| count as f64 / each.max(1) as f64;
    *html += "<h2>Over time</h2>\n<div class=\"charts\">\n";
    *html += &lines(
        &Caption {
            id: "rate",
            title: "Requests per second",
            words: format!(
                "On average {:.1} requests per second.",
                report.requests_per_second
            ),
        },
        each,
        &[
            Line {
                label: "all",
                class: "one",
                values: points.iter().map(|p| per_second(p.requests)).collect(),
            },
            Line {
                label: "failed",
                class: "bad",
                values: points.iter().map(|p| per_second(p.failed)).collect(),
            },
        ],
    );
    let slowest = points.iter().map(|point| point.p95).fold(0.0, f64::max);
    *html += &lines(
        &Caption {
            id: "slow",
            title: "Request duration in milliseconds",
            words: format!("The highest 95th percentile is {slowest:.1} ms."),
        },
        each,
        &[
            Line {
                label: "median (p50)",
                class: "one",
                values: points.iter().map(|p| p.p50).collect(),
            },
            Line {
                label: "95th percentile (p95)",
                class: "two",
                values: points.iter().map(|p| p.p95).collect(),
            },
        ],
    );
    *html += "</div>\n<h2>Totals</h2>\n<div class=\"charts\">\n";
    *html += &stage_ranges(report);
    let syncs = report.syncs;
    *html += &shares(
        &Caption {
            id: "syncs",
            title: "Syncs",
            words: format!(
                "{} ok, {} degraded, {} failed, {} aborted.",
                syncs.ok, syncs.degraded, syncs.failed, syncs.cut_off
            ),
        },
        &[
            Part {
                label: "ok",
                class: "good",
                count: syncs.ok,
            },
            Part {
                label: "degraded",
                class: "two",
                count: syncs.degraded,
            },
            Part {
                label: "failed",
                class: "bad",
                count: syncs.failed,
            },
            Part {
                label: "aborted at the end",
                class: "grey",
                count: syncs.cut_off,
            },
        ],
    );
    let events = report.events;
    *html += &shares(
        &Caption {
            id: "events",
            title: "Events",
            words: format!(
                "{} events: {} uploaded, {} pending, {} not requested by the server.",
                events.made, events.uploaded, events.waiting, events.not_kept
            ),
        },
        &[
            Part {
                label: "uploaded",
                class: "good",
                count: events.uploaded,
            },
            Part {
                label: "pending",
                class: "two",
                count: events.waiting,
            },
            Part {
                label: "not requested by the server",
                class: "grey",
                count: events.not_kept,
            },
            Part {
                label: "deleted without upload",
                class: "bad",
                count: events.deleted_unsent,
            },
        ],
    );
    let rules = &report.rules;
    *html += &shares(
        &Caption {
            id: "rules",
            title: "Rules, compared with a fresh download",
            words: format!(
                "{} machines compared: {} agree, {} differ, {} unknown.",
                rules.compared, rules.agree, rules.differ, rules.unknown
            ),
        },
        &[
            Part {
                label: "agree",
                class: "good",
                count: rules.agree,
            },
            Part {
                label: "differ",
                class: "bad",
                count: rules.differ,
            },
            Part {
                label: "unknown",
                class: "grey",
                count: rules.unknown,
            },
        ],
    );
    *html += "</div>\n";
}

fn stage_ranges(report: &FleetReport) -> String {
    let rows = report.stages.iter().map(|stage| Range {
        label: stage.stage.as_str(),
        p50: stage.milliseconds.p50,
        p95: stage.milliseconds.p95,
        max: stage.milliseconds.max,
    });
    let rows: Vec<Range<'_>> = rows.collect();
    let words = rows.iter().map(|row| {
        format!(
            "{}: p50 {:.1} ms, p95 {:.1} ms.",
            row.label, row.p50, row.p95
        )
    });
    let words: Vec<String> = words.collect();
    let caption = Caption {
        id: "stages",
        title: "Request duration in milliseconds, by stage",
        words: words.join(" "),
    };
    ranges(&caption, &rows)
}
