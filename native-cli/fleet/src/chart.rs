//! Charts as SVG. Each has a text description for screen readers; the page also has the numbers in a table.

use std::fmt::Write as _;

/// The size of the view box. The page scales it.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 240.0;

/// The margins for the labels of the axes.
const LEFT: f64 = 72.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 34.0;

/// The title and the text description of a chart.
pub(super) struct Caption<'a> {
    /// Unique within the page.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) words: String,
}

/// A line of a line chart.
pub(super) struct Line<'a> {
    pub(super) label: &'a str,
    /// Its CSS class, which sets color and dashes.
    pub(super) class: &'a str,
    pub(super) values: Vec<f64>,
}

/// A part of a stacked bar.
pub(super) struct Part<'a> {
    pub(super) label: &'a str,
    pub(super) class: &'a str,
    pub(super) count: u64,
}

/// A row of a chart of ranges, with percentiles and the maximum.
pub(super) struct Range<'a> {
    pub(super) label: &'a str,
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) max: f64,
}

/// Escapes a text for HTML or SVG.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// A line chart with one value per step.
pub(super) fn lines(caption: &Caption<'_>, step_seconds: u64, lines: &[Line<'_>]) -> String {
    let highest = lines.iter().flat_map(|line| line.values.iter().copied());
    let top = ceiling(highest.fold(0.0, f64::max));
    let steps = lines
        .iter()
        .map(|line| line.values.len())
        .max()
        .unwrap_or(0);
    let x_of = |step: usize| {
        LEFT + (WIDTH - LEFT - RIGHT) * step as f64 / steps.saturating_sub(1).max(1) as f64
    };
    let y_of = |value: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top;
    let mut svg = opening(caption, HEIGHT);
    for quarter in 0..=4 {
        let value = top * f64::from(quarter) / 4.0;
        let (y, right, left) = (y_of(value), WIDTH - RIGHT, LEFT - 6.0);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"end\" x=\"{left}\" y=\"{:.1}\">{}</text>",
            y + 6.0,
            short(value)
        );
    }
    for quarter in 0..=4 {
        let step = steps.saturating_sub(1) * quarter / 4;
        let (class, y) = (
            ["start", "middle", "middle", "middle", "end"].get(quarter),
            HEIGHT - 8.0,
        );
        let _ = write!(
            svg,
            "<text class=\"{}\" x=\"{:.1}\" y=\"{y}\">{}</text>",
            class.copied().unwrap_or_default(),
            x_of(step),
            clock(step as u64 * step_seconds)
        );
    }
    for line in lines {
        let points = line.values.iter().enumerate();
        let points = points.map(|(step, value)| format!("{:.1},{:.1}", x_of(step), y_of(*value)));
        let points: Vec<String> = points.collect();
        let _ = write!(
            svg,
            "<polyline class=\"line {}\" points=\"{}\"/>",
            line.class,
            points.join(" ")
        );
    }
    svg += "</svg>";
    let legend = lines.iter().map(|line| (line.class, line.label.to_owned()));
    figure(caption, &svg, legend)
}

/// A stacked bar.
pub(super) fn shares(caption: &Caption<'_>, parts: &[Part<'_>]) -> String {
    let whole: u64 = parts.iter().map(|part| part.count).sum();
    let mut svg = opening(caption, 36.0);
    let mut x = 0.0;
    for part in parts {
        let width = WIDTH * part.count as f64 / whole.max(1) as f64;
        let _ = write!(
            svg,
            "<rect class=\"area {}\" x=\"{x:.1}\" y=\"4\" width=\"{width:.1}\" height=\"28\"/>",
            part.class
        );
        x += width;
    }
    if whole == 0 {
        let _ = write!(
            svg,
            "<rect class=\"none\" x=\"0\" y=\"4\" width=\"{WIDTH}\" height=\"28\"/>"
        );
    }
    svg += "</svg>";
    let legend = parts
        .iter()
        .map(|part| (part.class, format!("{}: {}", part.label, part.count)));
    figure(caption, &svg, legend)
}

/// A chart of ranges on a logarithmic axis: a bar from p50 to p95, and a thin line to the maximum.
pub(super) fn ranges(caption: &Caption<'_>, rows: &[Range<'_>]) -> String {
    let label = 150.0;
    let lowest = rows.iter().map(|row| row.p50).fold(f64::MAX, f64::min);
    let from = lowest.clamp(0.1, 1e6).log10().floor();
    let highest = rows.iter().map(|row| row.max).fold(1.0, f64::max);
    let to = highest.log10().ceil().max(from + 1.0);
    let x_of = |value: f64| {
        let part = (value.max(0.01).log10() - from) / (to - from);
        label + (WIDTH - label - RIGHT) * part.clamp(0.0, 1.0)
    };
    let height = 34.0 * rows.len() as f64 + BOTTOM;
    let mut svg = opening(caption, height);
    let mut power = from;
    while power <= to {
        let (x, y) = (x_of(10_f64.powf(power)), height - BOTTOM);
        let class = if power == to { "end" } else { "middle" };
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{y}\"/>\
             <text class=\"{class}\" x=\"{x:.1}\" y=\"{}\">{}</text>",
            height - 8.0,
            short(10_f64.powf(power))
        );
        power += 1.0;
    }
    for (number, row) in rows.iter().enumerate() {
        let y = 34.0 * number as f64;
        let (p50, p95, max) = (x_of(row.p50), x_of(row.p95), x_of(row.max));
        let _ = write!(
            svg,
            "<text class=\"end\" x=\"{}\" y=\"{}\">{}</text>\
             <line class=\"whisker\" x1=\"{p50:.1}\" x2=\"{max:.1}\" y1=\"{}\" y2=\"{}\"/>\
             <rect class=\"area one\" x=\"{p50:.1}\" y=\"{}\" width=\"{:.1}\" height=\"16\"/>",
            label - 8.0,
            y + 23.0,
            escaped(row.label),
            y + 17.0,
            y + 17.0,
            y + 9.0,
            (p95 - p50).max(2.0)
        );
    }
    svg += "</svg>";
    let legend = [
        ("one", "p50 to p95".to_owned()),
        ("whisker", "maximum".to_owned()),
    ];
    figure(caption, &svg, legend.into_iter())
}

fn opening(caption: &Caption<'_>, height: f64) -> String {
    let Caption { id, title, words } = caption;
    format!(
        "<svg role=\"img\" viewBox=\"0 0 {WIDTH} {height}\" aria-labelledby=\"{id}-t {id}-d\">\
         <title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>",
        escaped(title),
        escaped(words)
    )
}

fn figure<'a>(
    caption: &Caption<'_>,
    svg: &str,
    legend: impl Iterator<Item = (&'a str, String)>,
) -> String {
    let mut html = format!(
        "<figure><h3>{}</h3>{svg}<figcaption>",
        escaped(caption.title)
    );
    for (class, label) in legend {
        let _ = write!(
            html,
            "<span><span class=\"key {class}\"></span>{}</span>",
            escaped(&label)
        );
    }
    html + "</figcaption></figure>\n"
}

/// The next larger round number: 1, 2 or 5 times a power of ten.
fn ceiling(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1e-3).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].into_iter();
    steps
        .map(|step| step * power)
        .find(|round| *round >= value)
        .unwrap_or(power)
}

/// A number in short form, with a suffix k or M.
fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{}M", round(v / 1e6)),
        v if v >= 1e3 => format!("{}k", round(v / 1e3)),
        v => round(v),
    }
}

fn round(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Minutes and seconds.
fn clock(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caption() -> Caption<'static> {
        Caption {
            id: "a",
            title: "Requests <fast>",
            words: "From 1 to 3.".into(),
        }
    }

    #[test]
    fn the_maximum_of_an_axis_is_a_round_number() {
        let rows = [
            (0.0, 0.001),
            (0.7, 1.0),
            (1.0, 1.0),
            (3.2, 5.0),
            (51.0, 100.0),
            (1999.0, 2000.0),
        ];
        for (value, expected) in rows {
            assert!(
                (ceiling(value) - expected).abs() < expected / 1e6,
                "{value}: {}",
                ceiling(value)
            );
        }
        assert_eq!(
            [short(0.25), short(1500.0), short(2e6), clock(75)],
            ["0.25", "1.5k", "2M", "1:15"]
        );
    }

    #[test]
    fn a_chart_has_a_text_description() {
        let line = Line {
            label: "all",
            class: "one",
            values: vec![1.0, 3.0, 2.0],
        };
        let html = lines(&caption(), 1, &[line]);
        assert!(
            html.contains("role=\"img\"") && html.contains("<desc id=\"a-d\">From 1 to 3.</desc>"),
            "{html}"
        );
        assert!(
            html.contains("Requests &lt;fast&gt;") && !html.contains("<fast>"),
            "{html}"
        );
    }

    #[test]
    fn charts_without_values_have_valid_numbers() {
        let none = Line {
            label: "all",
            class: "one",
            values: Vec::new(),
        };
        let part = Part {
            label: "ok",
            class: "one",
            count: 0,
        };
        let range = Range {
            label: "preflight",
            p50: 0.0,
            p95: 0.0,
            max: 0.0,
        };
        let html = lines(&caption(), 1, &[none])
            + &shares(&caption(), &[part])
            + &ranges(&caption(), &[range])
            + &ranges(&caption(), &[]);
        assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
    }

    #[test]
    fn parts_fill_the_bar() {
        let parts = [("ok", 3), ("failed", 1)].map(|(label, count)| Part {
            label,
            class: label,
            count,
        });
        let html = shares(&caption(), &parts);
        assert!(
            html.contains("width=\"540.0\"") && html.contains("x=\"540.0\""),
            "{html}"
        );
        assert!(
            html.contains("ok: 3") && html.contains("failed: 1"),
            "{html}"
        );
    }
}
