//! In which form and encoding a server takes bodies, and which settings to write for it.

use selvedge_santa::wire::{Form, PreflightRequest};
use selvedge_santa::{Encoding, Endpoint};

use super::answers;
use super::probe::{Probe, Sent, raw_deflate};
use super::{Findings, Level};

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) form: Form,
    pub(super) encoding: Encoding,
}

impl Way {
    /// A body in this way.
    pub(super) fn send(self, message: Vec<u8>) -> Sent<'static> {
        Sent {
            content_type: self.form.content_type(),
            content_encoding: self.encoding.header(),
            body: self.encoding.pack(message),
        }
    }
}

/// A way that the server takes, and its answer to preflight.
pub(super) struct Taken {
    pub(super) way: Way,
    pub(super) body: Vec<u8>,
}

/// The encodings, the one first that most servers take.
const ENCODINGS: [Encoding; 4] = [
    Encoding::Deflate,
    Encoding::Gzip,
    Encoding::Plain,
    Encoding::Zlib,
];

/// Sends preflight in each form and encoding; those come back that work, the configured one first.
pub(super) async fn examine(
    probe: &Probe<'_>,
    request: &PreflightRequest,
    findings: &mut Findings,
) -> Vec<Taken> {
    let configured = Way {
        form: probe.connection.form,
        encoding: probe.connection.encoding,
    };
    let url = probe.connection.address.url(Endpoint::Preflight);
    let mut taken = Vec::new();
    for form in [Form::Json, Form::Protobuf] {
        for encoding in ENCODINGS {
            let way = Way { form, encoding };
            let sent = way.send(form.write(request));
            let heard = probe.send(&url, Some(sent)).await;
            let body = heard.ok().filter(|heard| heard.status == 200);
            let body = body.and_then(|heard| heard.body);
            if let Some(body) = body.filter(|body| answers::read_preflight(form, body).is_ok()) {
                taken.push(Taken { way, body });
            }
        }
    }
    let raw = Sent {
        content_type: Form::Json.content_type(),
        content_encoding: Some("deflate"),
        body: raw_deflate(Form::Json.write(request)),
    };
    let heard = probe.send(&url, Some(raw)).await;
    let takes_raw = heard.is_ok_and(|heard| {
        let body = heard.body.filter(|_| heard.status == 200);
        body.is_some_and(|body| answers::read_preflight(Form::Json, &body).is_ok())
    });
    let ways: Vec<Way> = taken.iter().map(|taken| taken.way).collect();
    for (check, level, text) in judge(configured, &ways, takes_raw) {
        findings.server(check, level, text);
    }
    taken.sort_by_key(|taken| (taken.way != configured, taken.way.form != configured.form));
    taken
}

type Said = Vec<(&'static str, Level, String)>;

/// Decides by the ways that work.
fn judge(configured: Way, taken: &[Way], takes_raw: bool) -> Said {
    let of = |form: Form| -> Vec<Encoding> {
        let taken = taken.iter().filter(|way| way.form == form);
        taken.map(|way| way.encoding).collect()
    };
    let other = match configured.form {
        Form::Json => Form::Protobuf,
        Form::Protobuf => Form::Json,
    };
    let (own, others) = (of(configured.form), of(other));
    let mut said = Said::new();
    if own.is_empty() && others.is_empty() {
        let text = "the server takes neither JSON nor protobuf, in no encoding";
        said.push(("form", Level::Fault, text.into()));
        return said;
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
            "the server takes no {} in any encoding, but {} in {}: {settings}",
            name(configured.form),
            name(other),
            list(&others)
        );
        said.push(("form", Level::Fault, text));
        return said;
    }
    let mut names = list(&own);
    if takes_raw && configured.form == Form::Json {
        names += "; it also reads deflate without zlib's frame, which Santa does not send";
    }
    said.push(match own.first() {
        Some(first) if !own.contains(&configured.encoding) => (
            "encodings",
            Level::Fault,
            format!(
                "the server does not take {}, but {names}: set SyncClientContentEncoding = \"{}\"",
                setting(configured.encoding),
                setting(*first)
            ),
        ),
        _ => (
            "encodings",
            Level::Good,
            format!("the server takes {names}"),
        ),
    });
    let used = name(configured.form);
    said.push((
        "form",
        Level::Good,
        if others.is_empty() {
            format!("the server takes no {}; {used} is used", name(other))
        } else {
            format!(
                "the server takes {} too, in {}; {used} is used",
                name(other),
                list(&others)
            )
        },
    ));
    said
}

const fn name(form: Form) -> &'static str {
    match form {
        Form::Json => "JSON",
        Form::Protobuf => "protobuf",
    }
}

/// What `SyncClientContentEncoding` calls an encoding.
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
    fn every_row() {
        let way = |form, encoding| Way { form, encoding };
        let json_deflate = way(Json, Deflate);
        // The configured way, those that work; then what is said of encodings and of the form.
        let rows = [
            (
                json_deflate,
                vec![json_deflate, way(Json, Zlib)],
                vec![
                    ("encodings", Level::Good, "the server takes deflate, zlib"),
                    (
                        "form",
                        Level::Good,
                        "the server takes no protobuf; JSON is used",
                    ),
                ],
            ),
            (
                json_deflate,
                vec![way(Json, Gzip), way(Json, Plain), way(Protobuf, Gzip)],
                vec![
                    (
                        "encodings",
                        Level::Fault,
                        "the server does not take deflate, but gzip, none: set SyncClientContentEncoding = \"gzip\"",
                    ),
                    (
                        "form",
                        Level::Good,
                        "the server takes protobuf too, in gzip; JSON is used",
                    ),
                ],
            ),
            (
                json_deflate,
                vec![way(Protobuf, Gzip)],
                vec![(
                    "form",
                    Level::Fault,
                    "the server takes no JSON in any encoding, but protobuf in gzip: set SyncEnableProtoTransfer = true and SyncClientContentEncoding = \"gzip\"",
                )],
            ),
            (
                way(Protobuf, Gzip),
                vec![way(Protobuf, Gzip)],
                vec![
                    ("encodings", Level::Good, "the server takes gzip"),
                    (
                        "form",
                        Level::Good,
                        "the server takes no JSON; protobuf is used",
                    ),
                ],
            ),
            (
                way(Protobuf, Deflate),
                vec![json_deflate],
                vec![(
                    "form",
                    Level::Fault,
                    "the server takes no protobuf in any encoding, but JSON in deflate: set SyncEnableProtoTransfer = false",
                )],
            ),
            (
                way(Protobuf, Deflate),
                vec![],
                vec![(
                    "form",
                    Level::Fault,
                    "the server takes neither JSON nor protobuf, in no encoding",
                )],
            ),
        ];
        for (configured, taken, expected) in rows {
            let expected: Said = expected
                .into_iter()
                .map(|(check, level, text)| (check, level, text.to_owned()))
                .collect();
            assert_eq!(judge(configured, &taken, false), expected, "{configured:?}");
        }
        let said = judge(json_deflate, &[json_deflate], true);
        assert!(said[0].2.contains("without zlib's frame"), "{said:?}");
        let protobuf = way(Protobuf, Gzip);
        let said = judge(protobuf, &[protobuf], true);
        assert_eq!(said[0].2, "the server takes gzip");
    }
}
