//! Finds the formats and encodings of bodies that a server accepts, and the settings for them.

use selvedge_santa::wire::{Form, PreflightRequest};
use selvedge_santa::{Encoding, Endpoint};

use super::finding::{Findings, Level};
use super::probe::{Probe, ProbeBody, raw_deflate};
use super::responses;

/// The format and encoding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BodyFormat {
    pub(super) form: Form,
    pub(super) encoding: Encoding,
}

impl BodyFormat {
    /// Encodes a body.
    pub(super) fn encode(self, message: Vec<u8>) -> ProbeBody<'static> {
        ProbeBody {
            content_type: self.form.content_type(),
            content_encoding: self.encoding.header(),
            body: self.encoding.pack(message),
        }
    }
}

/// A format that the server accepts, and its response to preflight.
pub(super) struct Accepted {
    pub(super) format: BodyFormat,
    pub(super) body: Vec<u8>,
}

/// The encodings; the first one is the most widely supported.
const ENCODINGS: [Encoding; 4] = [
    Encoding::Deflate,
    Encoding::Gzip,
    Encoding::Plain,
    Encoding::Zlib,
];

/// Sends preflight in each format and encoding. Returns those that the server accepts, the configured one first.
pub(super) async fn examine(
    probe: &Probe<'_>,
    request: &PreflightRequest,
    findings: &mut Findings,
) -> Vec<Accepted> {
    let configured = BodyFormat {
        form: probe.connection.form,
        encoding: probe.connection.encoding,
    };
    let url = probe.connection.address.url(Endpoint::Preflight);
    let mut accepted = Vec::new();
    for form in [Form::Json, Form::Protobuf] {
        for encoding in ENCODINGS {
            let format = BodyFormat { form, encoding };
            let sent = format.encode(form.write(request));
            let response = probe.send(&url, Some(sent)).await;
            let body = response.ok().filter(|response| response.status == 200);
            let body = body.and_then(|response| response.body);
            if let Some(body) = body.filter(|body| responses::parse_preflight(form, body).is_ok()) {
                accepted.push(Accepted { format, body });
            }
        }
    }
    let raw = ProbeBody {
        content_type: Form::Json.content_type(),
        content_encoding: Some("deflate"),
        body: raw_deflate(Form::Json.write(request)),
    };
    let response = probe.send(&url, Some(raw)).await;
    let accepts_raw = response.is_ok_and(|response| {
        let body = response.body.filter(|_| response.status == 200);
        body.is_some_and(|body| responses::parse_preflight(Form::Json, &body).is_ok())
    });
    let formats: Vec<BodyFormat> = accepted.iter().map(|accepted| accepted.format).collect();
    for (check, level, text) in evaluate(configured, &formats, accepts_raw) {
        findings.server(check, level, text);
    }
    accepted.sort_by_key(|accepted| {
        (
            accepted.format != configured,
            accepted.format.form != configured.form,
        )
    });
    accepted
}

type FormatFindings = Vec<(&'static str, Level, String)>;

/// The findings for the accepted formats.
fn evaluate(configured: BodyFormat, accepted: &[BodyFormat], accepts_raw: bool) -> FormatFindings {
    let of = |form: Form| -> Vec<Encoding> {
        let accepted = accepted.iter().filter(|format| format.form == form);
        accepted.map(|format| format.encoding).collect()
    };
    let other = match configured.form {
        Form::Json => Form::Protobuf,
        Form::Protobuf => Form::Json,
    };
    let (own, others) = (of(configured.form), of(other));
    let mut findings = FormatFindings::new();
    if own.is_empty() && others.is_empty() {
        let text = "the server accepts neither JSON nor protobuf in any encoding";
        findings.push(("form", Level::Fault, text.into()));
        return findings;
    }
    if own.is_empty() {
        let mut settings = format!("set SyncEnableProtoTransfer = {}", other == Form::Protobuf);
        if let Some(encoding) = others.first()
            && !others.contains(&configured.encoding)
        {
            settings += &format!(
                " and SyncClientContentEncoding = \"{}\"",
                setting(*encoding)
            );
        }
        let text = format!(
            "the server does not accept {} in any encoding, but accepts {} in {}: {settings}",
            name(configured.form),
            name(other),
            list(&others)
        );
        findings.push(("form", Level::Fault, text));
        return findings;
    }
    let mut names = list(&own);
    if accepts_raw && configured.form == Form::Json {
        names += "; it also accepts raw deflate without the zlib header, which Santa does not send";
    }
    findings.push(match own.first() {
        Some(first) if !own.contains(&configured.encoding) => (
            "encodings",
            Level::Fault,
            format!(
                "the server does not accept {}, but accepts {names}: set SyncClientContentEncoding = \"{}\"",
                setting(configured.encoding),
                setting(*first)
            ),
        ),
        _ => (
            "encodings",
            Level::Good,
            format!("the server accepts {names}"),
        ),
    });
    let used = name(configured.form);
    findings.push((
        "form",
        Level::Good,
        if others.is_empty() {
            format!("the server does not accept {}; {used} is used", name(other))
        } else {
            format!(
                "the server also accepts {} in {}; {used} is used",
                name(other),
                list(&others)
            )
        },
    ));
    findings
}

const fn name(form: Form) -> &'static str {
    match form {
        Form::Json => "JSON",
        Form::Protobuf => "protobuf",
    }
}

/// The name of an encoding in `SyncClientContentEncoding`.
const fn setting(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Deflate => "deflate",
        Encoding::Gzip => "gzip",
        Encoding::Plain => "none",
        Encoding::Zlib => "zlib",
    }
}

fn list(encodings: &[Encoding]) -> String {
    let names: Vec<&str> = encodings.iter().map(|one| setting(*one)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use Encoding::{Deflate, Gzip, Plain, Zlib};
    use Form::{Json, Protobuf};

    use super::*;

    #[test]
    fn each_combination_has_its_findings() {
        let format = |form, encoding| BodyFormat { form, encoding };
        let json_deflate = format(Json, Deflate);
        // The configured format, the accepted formats, and the expected findings.
        let rows = [
            (
                json_deflate,
                vec![json_deflate, format(Json, Zlib)],
                vec![
                    ("encodings", Level::Good, "the server accepts deflate, zlib"),
                    (
                        "form",
                        Level::Good,
                        "the server does not accept protobuf; JSON is used",
                    ),
                ],
            ),
            (
                json_deflate,
                vec![
                    format(Json, Gzip),
                    format(Json, Plain),
                    format(Protobuf, Gzip),
                ],
                vec![
                    (
                        "encodings",
                        Level::Fault,
                        "the server does not accept deflate, but accepts gzip, none: set SyncClientContentEncoding = \"gzip\"",
                    ),
                    (
                        "form",
                        Level::Good,
                        "the server also accepts protobuf in gzip; JSON is used",
                    ),
                ],
            ),
            (
                json_deflate,
                vec![format(Protobuf, Gzip)],
                vec![(
                    "form",
                    Level::Fault,
                    "the server does not accept JSON in any encoding, but accepts protobuf in gzip: set SyncEnableProtoTransfer = true and SyncClientContentEncoding = \"gzip\"",
                )],
            ),
            (
                format(Protobuf, Gzip),
                vec![format(Protobuf, Gzip)],
                vec![
                    ("encodings", Level::Good, "the server accepts gzip"),
                    (
                        "form",
                        Level::Good,
                        "the server does not accept JSON; protobuf is used",
                    ),
                ],
            ),
            (
                format(Protobuf, Deflate),
                vec![json_deflate],
                vec![(
                    "form",
                    Level::Fault,
                    "the server does not accept protobuf in any encoding, but accepts JSON in deflate: set SyncEnableProtoTransfer = false",
                )],
            ),
            (
                format(Protobuf, Deflate),
                vec![],
                vec![(
                    "form",
                    Level::Fault,
                    "the server accepts neither JSON nor protobuf in any encoding",
                )],
            ),
        ];
        for (configured, accepted, expected) in rows {
            let expected: FormatFindings = expected
                .into_iter()
                .map(|(check, level, text)| (check, level, text.to_owned()))
                .collect();
            assert_eq!(
                evaluate(configured, &accepted, false),
                expected,
                "{configured:?}"
            );
        }
        let findings = evaluate(json_deflate, &[json_deflate], true);
        assert!(
            findings[0].2.contains("without the zlib header"),
            "{findings:?}"
        );
        let protobuf = format(Protobuf, Gzip);
        let findings = evaluate(protobuf, &[protobuf], true);
        assert_eq!(findings[0].2, "the server accepts gzip");
    }
}
