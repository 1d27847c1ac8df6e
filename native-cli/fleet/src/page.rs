//! The report as a self-contained HTML page without scripts, fonts or images.

use std::fmt::Write as _;

use super::chart::escaped;
use super::page_charts::charts;
use super::report::FleetReport;
use super::text::bytes;

const STYLE: &str = include_str!("page.css");

/// Creates the page, which supports light and dark mode.
#[must_use]
pub fn page(report: &FleetReport) -> String {
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{machines} machines against {server}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{machines} machines against {server}</h1>\n<p class=\"faint\">{seconds:.1} seconds{early}, seed {seed}; {threads} threads, maximum number of concurrent requests: {connections}</p>\n",
        machines = report.machines,
        server = escaped(&report.server),
        seconds = report.elapsed_seconds,
        early = if report.interrupted {
            ", ended early"
        } else {
            ""
        },
        seed = report.seed,
        threads = report.threads,
        connections = report.connections,
    );
    if let Some(problem) = report.problem() {
        let _ = writeln!(html, "<p class=\"bad-word\">{}</p>", escaped(&problem));
    }
    figures(&mut html, report);
    charts(&mut html, report);
    stages(&mut html, report);
    errors(&mut html, report);
    rules(&mut html, report);
    html + "</main>\n</body>\n</html>\n"
}

fn figures(html: &mut String, report: &FleetReport) {
    let memory = report
        .used
        .peak_memory
        .map_or_else(|| "unknown".into(), bytes);
    let figures = [
        (
            "requests per second",
            format!("{:.1}", report.requests_per_second),
        ),
        ("requests", report.requests.to_string()),
        ("failed requests", report.requests_failed.to_string()),
        ("machines synced", report.machines_synced.to_string()),
        ("sent", bytes(report.bytes_sent)),
        ("received", bytes(report.bytes_received)),
        (
            "scheduling delay (p99)",
            format!("{:.0} ms", report.late_milliseconds.p99),
        ),
        ("peak memory", memory),
    ];
    *html += "<dl>\n";
    for (name, value) in figures {
        let _ = writeln!(html, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    *html += "</dl>\n";
}

fn table(
    html: &mut String,
    caption: &str,
    heads: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) {
    let _ = write!(
        html,
        "<div class=\"wide\"><table><caption>{caption}</caption><thead><tr>"
    );
    for head in heads {
        let _ = write!(html, "<th scope=\"col\">{head}</th>");
    }
    *html += "</tr></thead><tbody>\n";
    for row in rows {
        *html += "<tr>";
        for cell in row {
            let class = if cell.parse::<f64>().is_ok() {
                ""
            } else {
                " class=\"text\""
            };
            let _ = write!(html, "<td{class}>{}</td>", escaped(&cell));
        }
        *html += "</tr>\n";
    }
    *html += "</tbody></table></div>\n";
}

fn stages(html: &mut String, report: &FleetReport) {
    *html += "<h2>Stages</h2>\n";
    let rows = report.stages.iter().map(|stage| {
        let latency = stage.milliseconds;
        let mut row = vec![
            stage.stage.as_str().to_owned(),
            stage.requests.to_string(),
            stage.failed.to_string(),
        ];
        let times = [
            stage.per_second,
            latency.p50,
            latency.p90,
            latency.p95,
            latency.p99,
            latency.max,
        ];
        row.extend(times.map(|time| format!("{time:.1}")));
        row.extend([stage.bytes_sent, stage.bytes_received].map(|count| count.to_string()));
        row
    });
    let heads = [
        "stage",
        "requests",
        "failed",
        "per second",
        "p50 ms",
        "p90 ms",
        "p95 ms",
        "p99 ms",
        "max ms",
        "bytes sent",
        "bytes received",
    ];
    table(
        html,
        "Requests, from sending to the end of the response",
        &heads,
        rows,
    );
}

fn errors(html: &mut String, report: &FleetReport) {
    *html += "<h2>Errors</h2>\n";
    if report.errors.is_empty() {
        *html += "<p>None.</p>\n";
        return;
    }
    let rows = report.errors.iter().map(|error| {
        let what = if error.what == "attempt" {
            "requests"
        } else {
            "syncs without this stage"
        };
        vec![
            error.stage.as_str().to_owned(),
            what.to_owned(),
            error.kind.clone(),
            error.count.to_string(),
        ]
    });
    table(
        html,
        "Errors, most frequent first",
        &["stage", "of", "kind", "count"],
        rows,
    );
}

fn rules(html: &mut String, report: &FleetReport) {
    *html += "<h2>Rules</h2>\n";
    let rows = report.rules.groups.iter().take(20).map(|group| {
        vec![
            group.hash.clone(),
            group.rules.to_string(),
            group.machines.to_string(),
        ]
    });
    table(
        html,
        "Machines with the same rules",
        &["rules hash", "rules", "machines"],
        rows,
    );
    if !report.rules.differing.is_empty() {
        let rows = report.rules.differing.iter().map(|differing| {
            let counts = differing.difference;
            let mut row = vec![differing.machine.clone()];
            row.extend(
                [counts.missing, counts.extra, counts.different].map(|count| count.to_string()),
            );
            row.push(differing.why.clone());
            row
        });
        table(
            html,
            "Machines whose rules differ from the server's",
            &["machine", "missing", "additional", "different", "reason"],
            rows,
        );
    }
    if let Some(trouble) = &report.rules.trouble {
        let _ = writeln!(html, "<p>Comparison failed: {}</p>", escaped(trouble));
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::agreement::{Agreement, Differing};
    use super::super::plan::Plan;
    use super::super::stats::FleetStats;
    use super::*;

    fn report(why: &str) -> FleetReport {
        let tally = FleetStats::new(Instant::now(), Duration::from_secs(10));
        let agreement = Agreement {
            differ: 1,
            differing: vec![Differing {
                machine: "M".into(),
                difference: Default::default(),
                why: why.into(),
            }],
            ..Agreement::default()
        };
        FleetReport::new(
            &Plan::new("http://127.0.0.1:1/a"),
            &tally,
            agreement,
            Duration::from_secs(10),
            false,
        )
    }

    #[test]
    fn the_page_is_self_contained() {
        let html = page(&report("x"));
        for word in [
            "<script", "src=", "href=", "url(", "@import", "http://", "https://",
        ] {
            assert!(!html.contains(word), "{word}");
        }
    }

    #[test]
    fn text_from_a_server_is_escaped() {
        let html = page(&report("<img onerror=x> & \u{1b}"));
        assert!(
            html.contains("&lt;img onerror=x&gt; &amp; \u{fffd}") && !html.contains("<img"),
            "{html}"
        );
    }

    #[test]
    fn each_chart_has_a_title_and_ids_are_unique() {
        let html = page(&report("x"));
        assert_eq!(
            html.matches("<svg ").count(),
            html.matches("role=\"img\"").count()
        );
        let ids: Vec<&str> = html
            .split(" id=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let unique: std::collections::BTreeSet<&&str> = ids.iter().collect();
        assert_eq!(ids.len(), unique.len());
        assert_eq!(html.matches("<svg ").count() * 2, ids.len());
    }
}
