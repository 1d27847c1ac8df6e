//! The server side of Santa's stages (spec §2).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use selvedge_santa::Encoding;
use selvedge_santa::wire::{
    EventUploadRequest, EventUploadResponse, Form, PostflightRequest, PostflightResponse,
    PreflightRequest, RuleDownloadRequest, SyncType,
};

use super::app::{App, now};
use super::reply::{Refusal, body};
use super::rule_set::read_cursor;
use super::xsrf::HEADER;
use selvedge_host::http_server::Peer;
use selvedge_host::http_server::{Owner, Received};

/// Maximum size of a body before and after decompression.
const MAX_COMPRESSED: u64 = 8 << 20;
const MAX_DECOMPRESSED: usize = 32 << 20;

/// Maximum length of a machine id in bytes.
const MAX_ID_BYTES: usize = 256;

/// Answers a stage.
pub(super) async fn answer(State(app): State<Arc<App>>, request: Request) -> Response {
    match answer_or_refuse(&app, request).await {
        Ok(reply) => reply,
        Err(refusal) => refusal.into_response(),
    }
}

async fn answer_or_refuse(app: &App, request: Request) -> Result<Response, Refusal> {
    let (mut parts, body) = request.into_parts();
    let path = Path::<(String, String)>::from_request_parts(&mut parts, &()).await;
    let Path((stage, machine)) = path.map_err(|_| Refusal::MachineId)?;
    let is_id = (1..=MAX_ID_BYTES).contains(&machine.len()) && !machine.contains(char::is_control);
    if !is_id {
        return Err(Refusal::MachineId);
    }
    let peer = parts.extensions.get::<Peer>().ok_or(Refusal::Busy)?;
    let owner = Owner::of_address(peer.0);
    let received = app.bodies.read(owner, &parts.headers, body, MAX_COMPRESSED);
    let received = received.await?;
    // Limits the memory of decompressed bodies. Slow uploads do not hold a slot, because they are complete here.
    let slot = app.decompression_slots.acquire().await;
    let _slot = slot.map_err(|_| Refusal::Busy)?;
    let body = RequestBody::decompress(&parts.headers, received)?;
    if stage == "xsrf" {
        return token(app, &machine);
    }
    if let Some(xsrf) = &app.xsrf {
        let token = parts.headers.get(xsrf.header());
        let token = token.and_then(|token| token.to_str().ok());
        if !token.is_some_and(|token| xsrf.is_valid(&machine, token)) {
            return Err(Refusal::Token);
        }
    }
    match stage.as_str() {
        "preflight" => preflight(app, &machine, &body).await,
        "eventupload" => eventupload(app, &machine, &body).await,
        "ruledownload" => ruledownload(app, &machine, &body).await,
        "postflight" => postflight(app, &machine, &body),
        _ => Err(Refusal::NotFound),
    }
}

/// The decompressed body of a request.
struct RequestBody {
    form: Form,
    bytes: Vec<u8>,
}

impl RequestBody {
    fn decompress(headers: &HeaderMap, received: Received<'_>) -> Result<Self, Refusal> {
        let encoding = match headers.get(header::CONTENT_ENCODING) {
            Some(value) => Some(value.to_str().unwrap_or("unknown")),
            None => None,
        };
        let bytes = Encoding::unpack(encoding, received.bytes, MAX_DECOMPRESSED)?;
        let form = form(headers, bytes.is_empty())?;
        Ok(Self { form, bytes })
    }
}

/// The format of a body by its `Content-Type`. An empty body may have any type.
fn form(headers: &HeaderMap, is_empty: bool) -> Result<Form, Refusal> {
    let value = headers.get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok());
    let mime = text.and_then(|text| text.split(';').next());
    let mime = mime.unwrap_or_default().trim().to_ascii_lowercase();
    match mime.as_str() {
        "application/json" => Ok(Form::Json),
        "application/x-protobuf" | "application/protobuf" => Ok(Form::Protobuf),
        _ if is_empty => Ok(Form::Json),
        _ => Err(Refusal::ContentType),
    }
}

async fn preflight(app: &App, machine: &str, received: &RequestBody) -> Result<Response, Refusal> {
    let request: PreflightRequest = received.form.read(&received.bytes)?;
    let rule_sets = app.current().await;
    let answer = rule_sets.of(machine).preflight(&request);
    let granted = answer.sync_type.unwrap_or(SyncType::Normal);
    let now = now();
    app.machines
        .update(machine, now, |seen| seen.preflight(request, granted, now));
    Ok(body(received.form, received.form.write(&answer)))
}

async fn eventupload(
    app: &App,
    machine: &str,
    received: &RequestBody,
) -> Result<Response, Refusal> {
    let request: EventUploadRequest = received.form.read(&received.bytes)?;
    let now = now();
    let logged = app.events.add(machine, request, now).await;
    let logged = logged.map_err(|error| {
        eprintln!("selvedge santa serve: events cannot be written to the log: {error}");
        Refusal::Events
    })?;
    app.count(&logged);
    app.machines
        .update(machine, now, |seen| seen.uploaded(&logged));
    let mut answer = EventUploadResponse::default();
    if app.config_store.latest().of(machine).wants_bundles() {
        answer.event_upload_bundle_binaries = logged.wanted;
    }
    Ok(body(received.form, received.form.write(&answer)))
}

async fn ruledownload(
    app: &App,
    machine: &str,
    received: &RequestBody,
) -> Result<Response, Refusal> {
    let request: RuleDownloadRequest = received.form.read(&received.bytes)?;
    let (rule_set, page) = match request.cursor.as_str() {
        "" => (Arc::clone(app.current().await.of(machine)), 0),
        cursor => {
            let (version, page) = read_cursor(cursor).ok_or(Refusal::Cursor)?;
            let rule_set = app.config_store.version(machine, version);
            (rule_set.ok_or(Refusal::Cursor)?, page)
        }
    };
    let form = received.form;
    let prepared = {
        let rule_set = Arc::clone(&rule_set);
        let prepared = tokio::task::spawn_blocking(move || rule_set.page(form, page));
        prepared.await.map_err(|_| Refusal::Busy)?
    };
    let bytes = prepared.ok_or(Refusal::Cursor)?;
    let hash = &rule_set.about.rules_hash;
    app.machines.update(machine, now(), |seen| seen.sent(hash));
    Ok(body(form, bytes))
}

fn postflight(app: &App, machine: &str, received: &RequestBody) -> Result<Response, Refusal> {
    let request: PostflightRequest = received.form.read(&received.bytes)?;
    let now = now();
    app.machines
        .update(machine, now, |seen| seen.postflight(request, now));
    Ok(body(
        received.form,
        received.form.write(&PostflightResponse {}),
    ))
}

/// An XSRF token, if the server uses tokens.
fn token(app: &App, machine: &str) -> Result<Response, Refusal> {
    let xsrf = app.xsrf.as_ref().ok_or(Refusal::NotFound)?;
    let mut reply = body(Form::Json, Body::empty());
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            let name = HeaderName::from_static(name);
            reply.headers_mut().insert(name, value);
        }
    };
    put(HEADER, &xsrf.token(machine));
    if let Some(name) = &xsrf.options.header {
        put("x-xsrf-token-header", name);
    }
    Ok(reply)
}
